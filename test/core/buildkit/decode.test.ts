import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeStatus } from "../../../core/buildkit/decode.ts";
import { solveFailure } from "../../../core/buildkit/failure.ts";
import { SolveWatch } from "../../../core/buildkit/solve-watch.ts";
import { node, solveRequest } from "../../support/make.ts";

const REQUEST = solveRequest(node("one", ["linux/amd64"]), "linux/amd64");

function replay(recording: string): { watch: SolveWatch; lines: string[]; warnings: unknown[] } {
  const watch = new SolveWatch();
  const lines: string[] = [];
  const warnings: unknown[] = [];
  const text = readFileSync(
    new URL(`../../../fixtures/buildkit/rawjson/${recording}`, import.meta.url),
    "utf8",
  );
  for (const line of text.split("\n")) {
    const status = decodeStatus(line);
    if (status === undefined) {
      watch.message(line);
      continue;
    }
    const { logs, warnings: found } = watch.status(status);
    lines.push(...logs.map((log) => log.line));
    warnings.push(...found);
  }
  return { watch, lines, warnings };
}

test("a step that failed is named with its Dockerfile line, exit code and last output", () => {
  const { watch, lines } = replay("v0.33.1-step-failed.ndjson");
  expect(lines).toEqual(expect.arrayContaining(["hello", "err", "going to fail"]));
  expect(solveFailure(watch.failed(REQUEST), { exitCode: 1 })).toEqual({
    kind: "step-failed",
    step: '[4/4] RUN if [ -n "1" ]; then echo "going to fail"; exit 3; fi',
    message:
      'process "/bin/sh -c if [ -n \\"$FAIL\\" ]; then echo \\"going to fail\\"; exit 3; fi" did not complete successfully: exit code: 3',
    exitCode: 3,
    log: ["going to fail"],
    dockerfile: { path: "/project/Dockerfile", line: 6 },
  });
});

test("a push that was refused names the registry", () => {
  const { watch } = replay("v0.33.1-push-refused.ndjson");
  expect(solveFailure(watch.failed(REQUEST), { exitCode: 1 })).toMatchObject({
    kind: "push-failed",
    registry: "localhost:5998",
    message: expect.stringContaining("connection refused"),
  });
});

test("an error that belongs to no step is the request's, with its line", () => {
  const { watch } = replay("v0.33.1-parse-error.ndjson");
  expect(solveFailure(watch.failed(REQUEST), { exitCode: 1 })).toEqual({
    kind: "solve-refused",
    message: "dockerfile parse error on line 3: unknown instruction: COPPY (did you mean COPY?)",
    dockerfile: { path: "/project/Dockerfile", line: 3 },
  });
});

test("warnings come with rule, place and page", () => {
  expect(replay("v0.33.1-built-with-warnings.ndjson").warnings).toContainEqual({
    vertex: expect.stringMatching(/^sha256:/),
    message: "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 3)",
    detail: ["The MAINTAINER instruction is deprecated, use a label instead to define an image author"],
    url: "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/",
    file: "W",
    line: 3,
  });
});

test("the documents that an export names are remembered", () => {
  expect(replay("v0.33.1-built-with-warnings.ndjson").watch.exported()).toEqual({
    manifest: "sha256:651f748c20e9f2008b84166feef321dc72ee3a8a0e91048e35598574bc49ffa4",
    config: "sha256:cddeea3d748b5aaad08047714536dcf8823aee7cf86abeae0694cdefe5bb03a2",
  });
});

test("a daemon that went away is not the build's fault", () => {
  const message = "error: Unavailable: error reading from server: EOF";
  expect(
    solveFailure({ node: "arm", messages: [message], log: [], dockerfile: "Dockerfile" }, { exitCode: 1 }),
  ).toEqual({
    kind: "node-lost",
    node: "arm",
    detail: "Unavailable: error reading from server: EOF",
  });
});

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const chunkOf = (bytes: Uint8Array, stream = 1): string =>
  JSON.stringify({ logs: [{ vertex: DIGEST, stream, data: Buffer.from(bytes).toString("base64") }] });

test("output split anywhere, even within a character, comes out as the lines that went in", () => {
  const lines = fc.array(fc.string({ unit: "grapheme" }).map((line) => line.replaceAll(/[\r\n]/g, "")));
  fc.assert(
    fc.property(lines, fc.array(fc.nat(7), { minLength: 1 }), (written, sizes) => {
      const bytes = Buffer.from(written.map((line) => `${line}\n`).join(""));
      const watch = new SolveWatch();
      const read: string[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = 1 + (sizes[turn % sizes.length] ?? 0);
        const wire = decodeStatus(chunkOf(bytes.subarray(at, at + size)));
        if (wire !== undefined) read.push(...watch.status(wire).logs.map(({ line }) => line));
        at += size;
      }
      expect(read).toEqual(written.map((line) => Buffer.from(line).toString("utf8")));
    }),
  );
});

test("what a step printed without a line break comes when it ends", () => {
  const watch = new SolveWatch();
  const open = decodeStatus(chunkOf(Buffer.from("half a li")));
  expect(open && watch.status(open).logs).toEqual([]);
  const ended = decodeStatus(
    JSON.stringify({ vertexes: [{ digest: DIGEST, name: "x", completed: "2026-01-01T00:00:00Z" }] }),
  );
  expect(ended && watch.status(ended).logs).toEqual([{ vertex: DIGEST, line: "half a li" }]);
});

test("endless output without a line break is cut, not kept", () => {
  const watch = new SolveWatch();
  const wire = decodeStatus(chunkOf(Buffer.alloc(40_000, "x")));
  const lines = wire === undefined ? [] : watch.status(wire).logs;
  expect(lines.map(({ line }) => line.length)).toEqual([40_000]);
});

test("anything that is no progress is left alone", () => {
  expect(decodeStatus("Dockerfile:6")).toBeUndefined();
  expect(decodeStatus("{ not json")).toBeUndefined();
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const status = decodeStatus(JSON.stringify(value));
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      expect(status !== undefined).toBe(isObject);
    }),
  );
});

test("a step that was cancelled counts as the one that ran", () => {
  const watch = new SolveWatch();
  const times = { started: "2026-01-01T00:00:00Z", completed: "2026-01-01T00:00:02Z" };
  const done = { digest: DIGEST, name: "[1/2] COPY . .", ...times };
  const cancelled = {
    digest: `sha256:${"b".repeat(64)}`,
    name: "[2/2] RUN sleep 600",
    ...times,
    error: "context canceled",
  };
  const wire = decodeStatus(JSON.stringify({ vertexes: [done, cancelled] }));
  if (wire !== undefined) watch.status(wire);
  expect(watch.running()?.name).toBe("[2/2] RUN sleep 600");
});

test("a cache that was not there is not what a later failure is called by", () => {
  const watch = new SolveWatch();
  const at = { cached: false, startedMs: 1, completedMs: 2 } as const;
  const [cache, exporting] = ["a", "b"].map((letter) => `sha256:${letter.repeat(64)}` as const);
  watch.status({
    vertexes: [
      {
        digest: cache ?? "sha256:",
        name: "importing cache manifest from r.example/c:1",
        error: "not found",
        ...at,
      },
      {
        digest: exporting ?? "sha256:",
        name: "exporting to image",
        error: "failed to push r.example/app: 500",
        ...at,
      },
    ],
    chunks: [],
    warnings: [],
    exported: [],
    counters: [],
  });
  expect(solveFailure(watch.failed(REQUEST), { exitCode: 1 })).toMatchObject({
    kind: "push-failed",
    registry: "r.example",
  });
});

test("a download that stands still is no news, however often it is told of", () => {
  const watch = new SolveWatch();
  const isNews = (message: object): boolean | undefined => {
    const wire = decodeStatus(JSON.stringify(message));
    return wire && watch.isNews(wire);
  };
  const layer = (id: string, current: number, timestamp: string): object => ({
    statuses: [{ id, vertex: DIGEST, current, total: 9, timestamp }],
  });
  expect(isNews(layer("one", 1, "00:01"))).toBe(true);
  expect(isNews(layer("one", 1, "00:02"))).toBe(false);
  expect(isNews(layer("one", 2, "00:03"))).toBe(true);
  expect(isNews(layer("two", 2, "00:03"))).toBe(true);
  expect(isNews({ vertexes: [{ digest: DIGEST, name: "x" }] })).toBe(true);
  expect(isNews({ logs: [{ vertex: DIGEST, stream: 1, data: "YQ==" }] })).toBe(true);
  expect(isNews({})).toBe(false);
});
