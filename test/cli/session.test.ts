import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { keepDurations } from "../../cli/history.ts";
import { hostPlatform } from "../../cli/host-platform.ts";
import { openSession, type PlanSelection } from "../../cli/session.ts";
import type { Shell } from "../../cli/shell.ts";
import { installFolder } from "../../core/buildkit/install-sources.ts";
import { buildKit } from "../../core/buildkit/installable.ts";
import { cacheFolders } from "../../core/host/folders.ts";
import { ok } from "../../core/result.ts";
import type { VariantReport } from "../../core/run.ts";
import { isAlive, standIn, type StandIn } from "../support/stand-in.ts";

const WORKERS = readFileSync(
  new URL("../../fixtures/buildkit/workers/buildkitd-v0.33.1-amd64.json", import.meta.url),
  "utf8",
);
const PLAN = `version: 1
images:
  app: { context: "https://example.com/app.git", platforms: [linux/amd64], tags: ["r.example/app:1"] }
`;

const SELECTION: PlanSelection = { file: "-", set: [], image: [], only: [], builder: "tcp://builder:1234" };

/** A shell whose `buildctl` is the stand-in, and whose standard input says `plan` once that has been called. */
async function shellWith(program: StandIn, plan: string): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), "session-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { os, architecture } = hostPlatform();
  const env = { XDG_CACHE_HOME: folder };
  const tool = buildKit(os);
  const paths = cacheFolders(env, folder);
  const { signal } = new AbortController();
  const bin = installFolder(tool, {
    paths,
    env,
    os,
    architecture,
    moduleFile: () => Promise.reject(new Error("not asked for")),
    onProgress: () => {},
    signal,
  });
  await mkdir(bin, { recursive: true });
  for (const name of tool.programs) await symlink(program.path, join(bin, name));
  const stdin = async (): Promise<string> => {
    await vi.waitUntil(() => program.pids().length > 0, { timeout: 10_000, interval: 20 });
    return plan;
  };
  const { stdout, stderr } = process;
  const terminal = { write: () => {}, isTerminal: false, columns: () => 80, rows: () => 24, colour: false };
  return {
    stdout: { ...terminal, stream: stdout },
    stderr: { ...terminal, stream: stderr },
    stdin,
    env,
    cwd: folder,
    home: folder,
    signal,
    now: () => 0,
    packageFile: () => Promise.reject(new Error("not asked for")),
    version: "0.0.0",
  };
}

test("a BuildKit that is named by its address is asked before the plan is read", async () => {
  const program = standIn({ stdout: WORKERS });
  const session = await openSession(SELECTION, await shellWith(program, PLAN));
  expect(session).toMatchObject({
    ok: true,
    value: { routes: [{ node: { name: "tcp://builder:1234" }, execution: "native" }] },
  });
  expect(program.calls()).toHaveLength(1);
});

test("the schedule is made of what past runs took, and of what the plan allows", async () => {
  const platforms = "platforms: [linux/amd64, linux/386]";
  const text = PLAN.replace("platforms: [linux/amd64]", platforms);
  const shell = await shellWith(standIn({ stdout: WORKERS }), text);
  const first = await openSession(SELECTION, shell);
  if (!first.ok) throw new Error("refused");
  const reports: VariantReport[] = first.value.routes.map((route, at) => ({
    route,
    outcome: { kind: "built", cache: { steps: 1, cached: 0 }, durationMs: 1000 * (at + 1) },
  }));
  await keepDurations(first.value.plan, reports, shell);
  const second = await openSession(SELECTION, shell, {
    change: (plan) => ok({ ...plan, maxParallelism: 1 }),
  });
  expect(second.ok && second.value.routes.map(({ expected }) => expected)).toEqual([
    { startMs: 2000, durationMs: 1000, isKnown: true },
    { startMs: 0, durationMs: 2000, isKnown: true },
  ]);
});

test("a plan that cannot be used ends the question", async () => {
  const program = standIn({ hang: "willing" });
  const session = await openSession(SELECTION, await shellWith(program, "version: 2\n"));
  expect(session).toMatchObject({ ok: false, error: [{ kind: "plan-invalid" }] });
  const [asked = 0] = program.pids();
  await vi.waitUntil(() => !isAlive(asked));
  expect(program.calls()).toHaveLength(1);
});
