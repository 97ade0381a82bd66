import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { emulatorOf } from "../../cli/emulator.ts";
import type { SolveFailure, SolveRequest } from "../../core/buildkit/buildkit.ts";
import { openBuildKit } from "../../core/buildkit/client.ts";
import { systemClock, type Clock } from "../../core/buildkit/clock.ts";
import { CRASH_SILENCE_MS, SECOND_LOOK_MS } from "../../core/buildkit/watchdog.ts";
import { probeProgram } from "../../core/host/probe-program.ts";
import type { Route } from "../../core/route/route.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import { build, node, platform, variant } from "../support/make.ts";
import { layerOf, programImage } from "../support/program-images.ts";
import { putImage } from "../support/real-graphs.ts";
import { startRealRegistry } from "../support/real-registry.ts";
import { ROOT } from "../support/rig.ts";
import { steeredClock } from "../support/steered-clock.ts";

// Programs that crash and hang under the real QEMU, in steps of the real BuildKit.

/** A platform that this machine has to emulate. */
const FOREIGN = process.arch === "arm64" ? "linux/s390x" : "linux/arm64";
/** Bytes of the headers of a 64-bit ELF file with one segment. */
const HEADERS = 64 + 56;
const HOUR = 3_600_000;
const never = new AbortController().signal;

const SYSTEM = `FROM scratch
ARG TARGETARCH
COPY busybox/\${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY --chmod=755 programs /programs
ARG ATTEMPT
`;

let context: string;
beforeAll(async () => {
  context = await mkdtemp(join(tmpdir(), "watchdog-"));
  await cp(join(ROOT, ".demo/busybox"), join(context, "busybox"), { recursive: true });
  await addPrograms(join(context, "programs"));
  return () => rm(context, { recursive: true, force: true });
});

/** `illegal` runs into an instruction that no such CPU has, `foreign` is for a CPU that nobody has made. */
async function addPrograms(folder: string): Promise<void> {
  await mkdir(folder);
  const bytes = Buffer.from(probeProgram(platform(FOREIGN)) ?? []);
  const foreign = Buffer.from(bytes);
  // e_machine, in the byte order that e_ident tells
  if (bytes[5] === 1) foreign.writeUInt16LE(0xfe_ed, 18);
  else foreign.writeUInt16BE(0xfe_ed, 18);
  await writeFile(join(folder, "foreign"), foreign);
  // Its instructions stand behind the two headers; zeros are none, neither on arm64 nor on s390x.
  await writeFile(join(folder, "illegal"), bytes.fill(0, HEADERS));
}

interface Solving {
  readonly failure: Promise<SolveFailure | undefined>;
  /** Waits until this line has been printed. */
  readonly printed: (line: string) => Promise<void>;
}

/** Begins to build this Dockerfile, as the plan's own solves are begun. */
async function solve(
  dockerfile: string,
  request: Partial<SolveRequest> = {},
  clock: Clock = systemClock,
): Promise<Solving> {
  const { address, buildctl } = inject("buildkit");
  const here = node("real", ["linux/amd64"], [FOREIGN]);
  const buildkit = openBuildKit({
    connections: [{ node: here, daemon: { address }, close: async () => {} }],
    buildctl,
    env: process.env,
    clock,
  });
  onTestFinished(() => buildkit.close());
  const path = join(context, "Dockerfile");
  await writeFile(path, dockerfile);
  const lines: string[] = [];
  const solving = buildkit.solve(
    {
      node: here,
      platform: platform(FOREIGN),
      build: build({
        context: { kind: "local", path: context },
        dockerfile: path,
        repositories: [],
        noCache: false,
      }),
      image: { kind: "none" },
      isEmulated: true,
      ...request,
    },
    ({ logs }) => lines.push(...logs.map(({ line }) => line)),
    never,
  );
  return {
    failure: solving.then((result) => (result.ok ? undefined : result.error)),
    printed: async (line) => void (await vi.waitUntil(() => lines.includes(line), { timeout: 60_000 })),
  };
}

async function failureOf(
  step: string,
  request: Partial<SolveRequest> = {},
): Promise<SolveFailure | undefined> {
  const { failure } = await solve(`${SYSTEM}RUN ${step}\n`, request);
  return await failure;
}

const crashLine = (signal: number, name: string): string =>
  `qemu: uncaught target signal ${signal} (${name}) - core dumped`;
const SEGV = crashLine(11, "Segmentation fault");

/** Is there a process on this machine with this argument? */
async function isRunning(argument: string): Promise<boolean> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.some((line) => line.split("\0").includes(argument));
}

describe("a crash under QEMU", () => {
  test("is told from a failure by the exit code, with place and line", async () => {
    expect(await failureOf("sh -c 'kill -SEGV $$'; exit $?")).toEqual({
      kind: "emulator-crashed",
      crash: { signature: "signal", signal: 11, line: SEGV },
      step: expect.stringMatching(/RUN sh -c 'kill -SEGV/),
      exitCode: 139,
      log: [SEGV, "Segmentation fault"],
      dockerfile: { path: join(context, "Dockerfile"), line: 7 },
    });
  });

  test("of an instruction that the CPU does not have", async () => {
    expect(await failureOf("/programs/illegal; exit $?")).toMatchObject({
      kind: "emulator-crashed",
      crash: { signature: "illegal-instruction", signal: 4, line: crashLine(4, "Illegal instruction") },
      exitCode: 132,
    });
  });

  test.each([
    ["BUS", 7, "Bus error"],
    ["FPE", 8, "Floating point exception"],
    ["TRAP", 5, "Trace/breakpoint trap"],
    ["ABRT", 6, "Aborted"],
  ])("by signal SIG%s", async (name, signal, word) => {
    expect(await failureOf(`sh -c 'kill -${name} $$'; exit $?`)).toMatchObject({
      kind: "emulator-crashed",
      crash: { signature: "signal", signal, line: crashLine(signal, word) },
      exitCode: 128 + signal,
    });
  });

  test("is told by the last word of a script that has a code of its own", async () => {
    expect(await failureOf("sh -c 'kill -SEGV $$' || exit 5")).toMatchObject({
      kind: "emulator-crashed",
      crash: { line: SEGV },
      exitCode: 5,
    });
  });

  test("is nothing to a build that goes on and ends well", async () => {
    expect(await failureOf(`echo '${SEGV}'; sh -c 'kill -SEGV $$' || true`)).toBe(undefined);
  });

  test("is not why a build fails for a reason of its own later", async () => {
    expect(await failureOf("sh -c 'kill -SEGV $$' || echo no; echo zlib is missing; exit 1")).toMatchObject({
      kind: "step-failed",
      exitCode: 1,
      log: expect.arrayContaining([SEGV, "zlib is missing"]),
    });
  });

  test("of a step's first process leaves it hanging for good, and is ended", async () => {
    const clock = steeredClock();
    const { failure, printed } = await solve(`${SYSTEM}RUN kill -SEGV $$\n`, { stallMs: HOUR }, clock);
    await printed(SEGV);
    await clock.pass(CRASH_SILENCE_MS + SECOND_LOOK_MS);
    expect(await failure).toEqual({
      kind: "emulator-crashed",
      crash: { signature: "signal", signal: 11, line: SEGV, isSilent: true },
      step: expect.stringMatching(/RUN kill -SEGV/),
      log: [SEGV],
    });
  });
});

test("the emulator and its version are known where they are this machine's own", () => {
  const route: Route = {
    variant: variant(FOREIGN),
    node: node("real", ["linux/amd64"], [FOREIGN]),
    execution: "emulated",
  };
  expect(emulatorOf(route)).toEqual({
    name: expect.stringMatching(/^qemu-(?:aarch64|s390x)/),
    version: expect.stringMatching(/^\d+\.\d+/),
    isFixed: true,
  });
  expect(emulatorOf({ ...route, node: { ...route.node, local: false } })).toBe(undefined);
  expect(emulatorOf({ ...route, execution: "native" })).toBe(undefined);
});

test("a program that no emulator takes is named as such", async () => {
  const { failure } = await solve(`${SYSTEM}RUN ["/programs/foreign"]\n`);
  expect(await failure).toMatchObject({
    kind: "emulator-crashed",
    crash: { signature: "exec-format", line: "exec /programs/foreign: exec format error" },
  });
});

describe("a build that hangs", () => {
  test("is ended after its time of silence, and nothing of it is left", async () => {
    const { failure } = await solve(`${SYSTEM}RUN echo thinking; sleep 27182\n`, { stallMs: 3_000 });
    await vi.waitUntil(() => isRunning("27182"), { timeout: 30_000 });
    expect(await failure).toEqual({
      kind: "solve-stalled",
      stallMs: 3_000,
      step: expect.stringMatching(/RUN echo thinking/),
      log: ["thinking"],
    });
    await vi.waitUntil(async () => !(await isRunning("27182")), { timeout: 30_000 });
  });

  test("is ended when its time is over, though it prints", async () => {
    const { failure } = await solve(`${SYSTEM}RUN while true; do echo on; sleep 1; done\n`, {
      stallMs: HOUR,
      timeoutMs: 4_000,
    });
    expect(await failure).toMatchObject({ kind: "solve-timed-out", timeoutMs: 4_000 });
  });

  test("is let be as long as it prints", async () => {
    const { failure } = await solve(`${SYSTEM}RUN for i in 1 2 3 4 5 6 7; do echo on; sleep 1; done\n`, {
      stallMs: 4_000,
    });
    expect(await failure).toBe(undefined);
  });
});

test("a base image whose download stands still is silence, though BuildKit goes on telling of it", async () => {
  const registry = await startRealRegistry({ inMemory: true });
  onTestFinished(() => registry.close());
  const layer = layerOf({ big: randomBytes(4_000_000) });
  const image = programImage(FOREIGN.split("/")[1] ?? "", [layer]);
  await putImage({ registry: registry.host, path: "base" }, image, "1");
  const proxy = await startFaultProxy(registry.host, {
    faultOf: ({ method, path }) =>
      method === "GET" && path.endsWith(digestOf(layer)) ? { kind: "stall" } : undefined,
  });
  onTestFinished(() => proxy.close());
  const text = `FROM ${proxy.host}/base:1\nCOPY programs /programs\n`;
  const { failure } = await solve(text, { stallMs: 5_000 });
  expect(await failure).toMatchObject({
    kind: "solve-stalled",
    step: expect.stringContaining(`FROM ${proxy.host}/base:1`),
  });
});
