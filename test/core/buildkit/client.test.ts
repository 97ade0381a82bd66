import { existsSync } from "node:fs";
import { expect, onTestFinished, test, vi } from "vitest";
import type { BuildKit, SolveRequest } from "../../../core/buildkit/buildkit.ts";
import { openBuildKit } from "../../../core/buildkit/client.ts";
import type { SolveStatus } from "../../../core/buildkit/status.ts";
import { node, solveRequest } from "../../support/make.ts";
import { isAlive, standIn, type Script, type StandIn } from "../../support/stand-in.ts";

const DIGEST = `sha256:${"b".repeat(64)}`;
const VERTEX = `sha256:${"c".repeat(64)}`;
const STARTED = `${JSON.stringify({ vertexes: [{ digest: VERTEX, name: "[1/2] RUN make", started: "2026-01-01T00:00:00Z" }] })}\n`;

async function open(
  script: Script,
): Promise<{ buildkit: BuildKit; program: StandIn; request: SolveRequest }> {
  const program = standIn(script);
  const here = node("one", ["linux/amd64"]);
  const buildkit = openBuildKit({
    connections: [{ node: here, daemon: { address: "unix:///run/bk.sock" }, close: async () => {} }],
    buildctl: program.path,
    env: process.env,
  });
  onTestFinished(() => buildkit.close());
  return { buildkit, program, request: solveRequest(here, "linux/amd64") };
}

const never = new AbortController().signal;

test("a solve answers the digest that buildctl wrote, and hands its progress on", async () => {
  const metadata = JSON.stringify({ "containerimage.digest": DIGEST, "image.name": "x" });
  const { buildkit, program, request } = await open({
    stderr: STARTED,
    files: { "--metadata-file=": metadata },
  });
  const seen: SolveStatus[] = [];
  expect(await buildkit.solve(request, (status) => seen.push(status), never)).toEqual({
    ok: true,
    value: { digest: DIGEST, exported: {} },
  });
  expect(seen.flatMap(({ vertexes }) => vertexes.map(({ name }) => name))).toEqual(["[1/2] RUN make"]);
  expect(program.calls()[0]).toContain("--opt=platform=linux/amd64");
});

test("a solve hands on what its export announced", async () => {
  const config = `sha256:${"d".repeat(64)}`;
  const stderr = `${JSON.stringify({ statuses: [{ id: `exporting config ${config}`, vertex: VERTEX }] })}\n`;
  const metadata = JSON.stringify({ "containerimage.digest": DIGEST });
  const { buildkit, request } = await open({ stderr, files: { "--metadata-file=": metadata } });
  expect(await buildkit.solve(request, () => {}, never)).toEqual({
    ok: true,
    value: { digest: DIGEST, exported: { config } },
  });
});

test("two solves at once do not share a metadata file", async () => {
  const { buildkit, program, request } = await open({
    files: { "--metadata-file=": JSON.stringify({ "containerimage.digest": DIGEST }) },
  });
  await Promise.all([buildkit.solve(request, () => {}, never), buildkit.solve(request, () => {}, never)]);
  const files = program
    .calls()
    .map((argv) => argv.find((argument) => argument.startsWith("--metadata-file=")));
  expect(new Set(files).size).toBe(2);
});

test.each([
  ["nothing", {}],
  ["no digest", { "image.name": "x" }],
  ["a digest that is none", { "containerimage.digest": "sha256:short" }],
])("success with %s in the metadata is no success", async (_, metadata) => {
  const { buildkit, request } = await open({ files: { "--metadata-file=": JSON.stringify(metadata) } });
  expect(await buildkit.solve(request, () => {}, never)).toMatchObject({
    ok: false,
    error: { kind: "result-missing" },
  });
});

test("success without a metadata file is no success", async () => {
  const { buildkit, request } = await open({});
  expect(await buildkit.solve(request, () => {}, never)).toMatchObject({
    ok: false,
    error: { kind: "result-missing" },
  });
});

test("a solve that fails is explained from its last words", async () => {
  const { buildkit, request } = await open({
    exitCode: 1,
    stderr: "error: failed to solve: no such frontend\n",
  });
  expect(await buildkit.solve(request, () => {}, never)).toEqual({
    ok: false,
    error: { kind: "solve-refused", message: "no such frontend" },
  });
});

test("buildctl that is gone loses the node, not the program", async () => {
  const { program, request } = await open({});
  const buildkit = openBuildKit({
    connections: [{ node: request.node, daemon: { address: "unix:///run/bk.sock" }, close: async () => {} }],
    buildctl: `${program.path}-gone`,
    env: {},
  });
  onTestFinished(() => buildkit.close());
  expect(await buildkit.solve(request, () => {}, never)).toMatchObject({
    ok: false,
    error: { kind: "node-lost", node: "one" },
  });
});

test.each(["willing", "stubborn"] as const)(
  "cancelling ends a %s child and all its children",
  async (hang) => {
    const { buildkit, program, request } = await open({ stderr: STARTED, hang });
    const controller = new AbortController();
    const solving = buildkit.solve(request, () => {}, controller.signal);
    const children = hang === "stubborn" ? 2 : 1;
    await vi.waitUntil(() => program.pids().length === children, { timeout: 5000 });
    controller.abort();
    expect(await solving).toEqual({ ok: false, error: { kind: "solve-cancelled" } });
    expect(program.pids().filter(isAlive)).toEqual([]);
  },
);

test("cancelling does not wait for a process that has escaped and holds the pipes", async () => {
  const { buildkit, program, request } = await open({ stderr: STARTED, hang: "escaped" });
  onTestFinished(() => program.pids().forEach((pid) => isAlive(pid) && process.kill(pid, "SIGKILL")));
  const controller = new AbortController();
  const solving = buildkit.solve(request, () => {}, controller.signal);
  await vi.waitUntil(() => program.pids().length === 2, { timeout: 5000 });
  controller.abort();
  expect(await solving).toEqual({ ok: false, error: { kind: "solve-cancelled" } });
  // The grandchild is noted first.
  expect(program.pids().map(isAlive)).toEqual([true, false]);
});

test("a buildctl that has ended is not waited for because of what it left behind", async () => {
  const { buildkit, program, request } = await open({
    exitCode: 1,
    stderr: "error: failed to solve: no such frontend\n",
    leavesBehind: true,
  });
  onTestFinished(() => program.pids().forEach((pid) => isAlive(pid) && process.kill(pid, "SIGKILL")));
  expect(await buildkit.solve(request, () => {}, never)).toEqual({
    ok: false,
    error: { kind: "solve-refused", message: "no such frontend" },
  });
});

test("a solve that is over its time is ended, and the step that ran is named", async () => {
  const { buildkit, program, request } = await open({ stderr: STARTED, hang: "willing" });
  expect(await buildkit.solve({ ...request, timeoutMs: 700 }, () => {}, never)).toEqual({
    ok: false,
    error: { kind: "solve-timed-out", timeoutMs: 700, step: "[1/2] RUN make" },
  });
  expect(program.pids().filter(isAlive)).toEqual([]);
});

test("an interrupted run starts no child", async () => {
  const { buildkit, program, request } = await open({});
  expect(await buildkit.solve(request, () => {}, AbortSignal.abort())).toEqual({
    ok: false,
    error: { kind: "solve-cancelled" },
  });
  expect(program.calls()).toEqual([]);
});

test("closing removes the private folder", async () => {
  const { buildkit, program, request } = await open({
    files: { "--metadata-file=": JSON.stringify({ "containerimage.digest": DIGEST }) },
  });
  await buildkit.solve(request, () => {}, never);
  const file = program
    .calls()[0]
    ?.find((argument) => argument.startsWith("--metadata-file="))
    ?.slice("--metadata-file=".length);
  expect(existsSync(String(file))).toBe(true);
  await buildkit.close();
  expect(existsSync(String(file))).toBe(false);
});
