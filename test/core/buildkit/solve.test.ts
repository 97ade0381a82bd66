import { expect, onTestFinished, test } from "vitest";
import type { SolveFailure, SolveRequest } from "../../../core/buildkit/buildkit.ts";
import { openBuildKit } from "../../../core/buildkit/client.ts";
import { CRASH_SILENCE_MS, SECOND_LOOK_MS } from "../../../core/buildkit/watchdog.ts";
import { node, solveRequest } from "../../support/make.ts";
import { isAlive, standIn, type Script } from "../../support/stand-in.ts";
import { steeredClock, type SteeredClock } from "../../support/steered-clock.ts";

const MINUTE = 60_000;
const STEP = "[2/2] RUN make";
const DIGEST = `sha256:${"c".repeat(64)}`;
const CRASH = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped";

const at = { digest: DIGEST, name: STEP, started: "2026-01-01T00:00:00Z" };
const started = JSON.stringify({ vertexes: [at] });

function printed(text: string, stream = 1): string {
  return JSON.stringify({ logs: [{ vertex: DIGEST, stream, data: Buffer.from(text).toString("base64") }] });
}

function failed(error: string): string {
  return JSON.stringify({ vertexes: [{ ...at, completed: "2026-01-01T00:01:00Z", error }] });
}

function ended(exitCode: number): string {
  return failed(`process "/bin/sh -c make" did not complete successfully: exit code: ${exitCode}`);
}

const PLACE = ["Dockerfile:7", "--------------------", ">>> RUN make", "--------------------"];

interface Solving {
  readonly clock: SteeredClock;
  readonly failure: Promise<SolveFailure | undefined>;
  readonly pids: () => readonly number[];
}

/** Begins a solve whose buildctl prints these lines, and waits until all of them have been read. */
async function solve(
  lines: readonly string[],
  request: Partial<SolveRequest>,
  script: Script = {},
): Promise<Solving> {
  const program = standIn({ ...script, stderr: lines.map((line) => `${line}\n`).join("") });
  const here = node("one", ["linux/amd64"]);
  const clock = steeredClock();
  const buildkit = openBuildKit({
    connections: [{ node: here, daemon: { address: "unix:///run/bk.sock" }, close: async () => {} }],
    buildctl: program.path,
    env: process.env,
    clock,
  });
  onTestFinished(() => buildkit.close());
  const messages = lines.filter((line) => line.startsWith("{")).length;
  const read = Promise.withResolvers<void>();
  let seen = 0;
  const onStatus = (): void => {
    seen += 1;
    if (seen === messages) read.resolve();
  };
  const never = new AbortController().signal;
  const solving = buildkit.solve({ ...solveRequest(here, "linux/arm64"), ...request }, onStatus, never);
  await Promise.race([read.promise, solving]);
  const failure = solving.then((result) => (result.ok ? undefined : result.error));
  return { clock, failure, pids: program.pids };
}

/** The same of one that ends by itself. */
async function failureOf(
  lines: readonly string[],
  request: Partial<SolveRequest>,
  script: Script = { exitCode: 1 },
): Promise<SolveFailure | undefined> {
  const { failure } = await solve(lines, request, script);
  return await failure;
}

test("a solve that falls silent is ended, and tells what ran and what it said last", async () => {
  const lines = [started, printed("one\ntwo\n"), printed("Continue? [y/N] ")];
  const { clock, failure, pids } = await solve(lines, { stallMs: 10 * MINUTE }, { hang: "willing" });
  await clock.pass(10 * MINUTE + SECOND_LOOK_MS);
  expect(await failure).toEqual({
    kind: "solve-stalled",
    stallMs: 10 * MINUTE,
    step: STEP,
    log: ["one", "two", "Continue? [y/N] "],
  });
  expect(pids().filter(isAlive)).toEqual([]);
});

test("a daemon that says nothing at all is silent, too", async () => {
  const { clock, failure, pids } = await solve(["{}"], { stallMs: MINUTE }, { hang: "willing" });
  await expect.poll(() => pids().length, { timeout: 5_000 }).toBe(1);
  await clock.pass(MINUTE + SECOND_LOOK_MS);
  expect(await failure).toEqual({ kind: "solve-stalled", stallMs: MINUTE, log: [] });
});

test("a buildctl that ignores every signal is ended all the same", async () => {
  const { clock, failure, pids } = await solve([started], { stallMs: MINUTE }, { hang: "stubborn" });
  await expect.poll(() => pids().length, { timeout: 5_000 }).toBe(2);
  await clock.pass(MINUTE + SECOND_LOOK_MS);
  expect(await failure).toMatchObject({ kind: "solve-stalled", step: STEP });
  expect(pids().filter(isAlive)).toEqual([]);
});

test("a buildctl that somebody else has ended is told apart from a refusal of BuildKit", async () => {
  expect(await failureOf([started], {}, { endedBy: "SIGKILL" })).toEqual({
    kind: "solve-refused",
    message: "buildctl was ended from outside by SIGKILL; the kernel does that where memory runs out",
  });
  expect(await failureOf([started], {}, { endedBy: "SIGTERM" })).toMatchObject({
    message: "buildctl was ended from outside by SIGTERM",
  });
});

test("a buildctl that fails without a word leaves its exit code at least", async () => {
  expect(await failureOf([started], {}, { exitCode: 3 })).toEqual({
    kind: "solve-refused",
    message: "buildctl said nothing, and ended with 3",
  });
});

test("a step that goes silent after its emulator's crash is ended soon", async () => {
  const lines = [started, printed("checking\n"), printed(`${CRASH}\n`, 2)];
  const request = { stallMs: 60 * MINUTE, isEmulated: true };
  const { clock, failure } = await solve(lines, request, { hang: "willing" });
  await clock.pass(CRASH_SILENCE_MS + SECOND_LOOK_MS);
  expect(await failure).toEqual({
    kind: "emulator-crashed",
    crash: { signature: "signal", signal: 11, line: CRASH, isSilent: true },
    step: STEP,
    log: ["checking", CRASH],
  });
});

test.each<[string, string, boolean]>([
  ["that goes on", `${CRASH}\nSegmentation fault\n`, true],
  ["that only its text tells", `${CRASH}\n`, false],
])("a crash %s is waited for as for any other step", async (_, text, isEmulated) => {
  const request = { stallMs: 60 * MINUTE, isEmulated };
  const { clock, failure } = await solve([started, printed(text, 2)], request, { hang: "willing" });
  await clock.pass(60 * MINUTE + SECOND_LOOK_MS);
  expect(await failure).toMatchObject({ kind: "solve-stalled" });
});

test("a step that the emulator crashed in is told apart, with its place and log", async () => {
  const lines = [
    started,
    printed(`compiling\n${CRASH}\n`, 2),
    ended(139),
    ...PLACE,
    "error: failed to solve: x",
  ];
  expect(await failureOf(lines, { isEmulated: true })).toEqual({
    kind: "emulator-crashed",
    crash: { signature: "signal", signal: 11, line: CRASH },
    step: STEP,
    exitCode: 139,
    log: ["compiling", CRASH],
    dockerfile: { path: "/project/Dockerfile", line: 7 },
  });
});

test("a crash far above the lines that are kept is passed on by what comes last", async () => {
  const many = Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join("");
  const lines = [started, printed(`${CRASH}\n${many}exit status 139\n`), ended(1)];
  expect(await failureOf(lines, { isEmulated: true })).toMatchObject({ crash: { line: CRASH } });
});

test.each([
  ["on the CPU itself", { isEmulated: false }, 139],
  ["where nobody asks", {}, 139],
  ["for a reason of its own", { isEmulated: true }, 3],
])("a step that fails %s has failed, and no more", async (_, request, exitCode) => {
  const lines = [started, printed(`${CRASH}\nfine\n`, 2), ended(exitCode)];
  expect(await failureOf(lines, request)).toMatchObject({ kind: "step-failed", exitCode });
});

test("a program of another CPU is recognised without emulation, too", async () => {
  const lines = [started, printed("exec /bin/sh: exec format error\n", 2), ended(1)];
  expect(await failureOf(lines, { isEmulated: false })).toMatchObject({
    kind: "emulator-crashed",
    crash: { signature: "exec-format" },
  });
});

test("a program that only prints what a crash looks like does no harm", async () => {
  const metadata = JSON.stringify({ "containerimage.digest": DIGEST });
  const lines = [
    started,
    printed(`${CRASH}\n`),
    JSON.stringify({ vertexes: [{ ...at, completed: "2026-01-01T00:01:00Z" }] }),
  ];
  const script = { files: { "--metadata-file=": metadata } };
  const { failure } = await solve(lines, { isEmulated: true }, script);
  expect(await failure).toBe(undefined);
});
