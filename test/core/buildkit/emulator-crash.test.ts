import { describe, expect, test } from "vitest";
import {
  crashIn,
  emulatorCrash,
  followTrail,
  isLastWord,
  type CrashTrail,
  type FailedStep,
} from "../../../core/buildkit/emulator-crash.ts";

const SEGV = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped";
const ABRT = "qemu: uncaught target signal 6 (Aborted) - core dumped";

/** What is known of a crash after these lines. */
function trailOf(lines: readonly string[]): CrashTrail | undefined {
  return lines.reduce<CrashTrail | undefined>(followTrail, undefined);
}

function step(exitCode: number, lines: readonly string[], changes: Partial<FailedStep> = {}): FailedStep {
  return {
    error: `process "/bin/sh -c make" did not complete successfully: exit code: ${exitCode}`,
    exitCode,
    trail: trailOf(lines),
    isEmulated: true,
    ...changes,
  };
}

describe("a line tells of a crash", () => {
  test.each([
    [SEGV, "signal", 11, true],
    [ABRT, "signal", 6, true],
    ["qemu: uncaught target signal 4 (Illegal instruction) - core dumped", "illegal-instruction", 4, true],
    ["qemu: uncaught target signal 7 (Bus error) - core dumped", "signal", 7, true],
    ["qemu: uncaught target signal 10 (Bus error) - core dumped", "signal", 7, true],
    [
      "checking for x... qemu: uncaught target signal 5 (Trace/breakpoint trap) - core dumped",
      "signal",
      5,
      true,
    ],
    ["qemu-aarch64-static: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}", "signal", 11, true],
    ["Illegal instruction", "illegal-instruction", 4, false],
    ["Illegal instruction (core dumped)", "illegal-instruction", 4, false],
    ["./build.sh: line 12:    41 Segmentation fault      (core dumped) ./prog --all", "signal", 11, false],
    ["make[2]: *** [Makefile:3: all] Bus error (core dumped)", "signal", 7, false],
    ["exec /bin/foreign: exec format error", "exec-format", undefined, false],
    ["/bin/sh: ./tool: Exec format error", "exec-format", undefined, false],
    ["exec /dev/.buildkit_qemu_emulator: text file busy", "text-busy", undefined, false],
  ])("%s", (line, signature, signal, isEmulators) => {
    expect(crashIn(line)).toEqual({
      signature,
      line,
      isEmulators,
      ...(signal === undefined ? {} : { signal }),
    });
  });

  test.each([
    "qemu: uncaught target signal 15 (Terminated) - core dumped",
    "Aborted",
    "a test for Segmentation fault handling",
    "x.s:3: Error: illegal instruction `vaddps'",
    "cp: cannot create regular file 'tool': Text file busy",
    "exec format error is what you get here",
  ])("but not: %s", (line) => {
    expect(crashIn(line)).toBe(undefined);
  });
});

describe("the crash is why the step failed", () => {
  test.each([
    [132, "illegal-instruction", 4],
    [133, "signal", 5],
    [135, "signal", 7],
    [136, "signal", 8],
    [139, "signal", 11],
  ])("by its exit code %i alone", (exitCode, signature, signal) => {
    expect(emulatorCrash(step(exitCode, ["compiling"]))).toEqual({ signature, signal });
  });

  test("by its exit code, with the emulator's line where that tells of the same signal", () => {
    const told = { signature: "signal", signal: 11, line: SEGV };
    expect(emulatorCrash(step(139, [SEGV, "Segmentation fault", "cleaning up"]))).toEqual(told);
    expect(emulatorCrash(step(132, [SEGV]))).toEqual({ signature: "illegal-instruction", signal: 4 });
  });

  test.each<[string, number, readonly string[]]>([
    ["its last word", 1, ["a", SEGV]],
    ["its last word, and the shell's", 1, ["a", SEGV, "Segmentation fault"]],
    ["abort(), as the emulator tells it", 134, [ABRT, "Aborted"]],
    ["make's child", 2, [SEGV, "make: *** [Makefile:2: all] Segmentation fault (core dumped)"]],
    ["a script below make", 2, [SEGV, "Segmentation fault", "make: *** [Makefile:2: all] Error 1"]],
    [
      "ninja's child",
      1,
      [SEGV, "Segmentation fault (core dumped)", "ninja: build stopped: subcommand failed."],
    ],
    [
      "dpkg's script",
      100,
      [
        SEGV,
        "Segmentation fault (core dumped)",
        "dpkg: error processing package libc-bin (--configure):",
        " installed libc-bin package post-installation script subprocess returned error exit status 139",
        "Errors were encountered while processing:",
        " libc-bin",
        "E: Sub-process /usr/bin/dpkg returned an error code (1)",
      ],
    ],
    [
      "cargo's child",
      101,
      [SEGV, "error: could not compile `x`", "Caused by:", "  rustc (signal: 11, SIGSEGV: invalid memory)"],
    ],
    [
      "python's child",
      1,
      [SEGV, "Traceback:", "CalledProcessError: Command died, returned non-zero exit status -11."],
    ],
    [
      "the compiler's own pass",
      1,
      [SEGV, "gcc: internal compiler error: Segmentation fault signal terminated program cc1", "note"],
    ],
  ])("%s", (_, exitCode, lines) => {
    expect(emulatorCrash(step(exitCode, lines))).toMatchObject({ signature: "signal" });
  });

  test("a program that cannot be started, under emulation or not", () => {
    const failed = step(1, ["exec /bin/foreign: exec format error"]);
    expect(emulatorCrash(failed)).toMatchObject({ signature: "exec-format" });
    expect(emulatorCrash({ ...failed, isEmulated: false })).toMatchObject({ signature: "exec-format" });
    const refused = step(1, [], { error: 'runc run failed: exec: "/bin/sh": exec format error' });
    expect(emulatorCrash(refused)).toMatchObject({ signature: "exec-format" });
    expect(emulatorCrash(step(126, ["sh: ./x: Exec format error", "giving up"]))).toMatchObject({
      signature: "exec-format",
    });
  });

  test("an emulator that is still being written", () => {
    const failed = step(1, ["exec /dev/.buildkit_qemu_emulator: text file busy"]);
    expect(emulatorCrash(failed)).toMatchObject({ signature: "text-busy" });
  });
});

describe("the step failed for a reason of its own", () => {
  test.each<[string, FailedStep]>([
    ["nothing tells of a crash", step(1, ["error: no such file"])],
    [
      "a probe crashed, and something else failed later",
      step(1, [SEGV, "Segmentation fault", "no", "configure: error: zlib is missing"]),
    ],
    [
      "a probe crashed, and an exit code is named that is not its",
      step(2, [SEGV, "no", "tests returned exit status 3"]),
    ],
    ["a number that only looks like an exit code", step(1, [SEGV, "no", "error at line 1139"])],
    ["abort() of its own accord", step(134, ["assertion failed"])],
    ["a kill for want of memory", step(137, ["compiling"])],
    ["it ended itself by an odd code", step(130, ["bye"])],
    [
      "its command says so, but it was another",
      step(3, [], {
        error:
          'process "/bin/sh -c echo exec format error; exit 3" did not complete successfully: exit code: 3',
      }),
    ],
  ])("%s", (_, failed) => {
    expect(emulatorCrash(failed)).toBe(undefined);
  });

  test("a crash on the CPU itself is the program's own", () => {
    for (const failed of [
      step(139, []),
      step(1, [SEGV]),
      step(1, ["exec /dev/.buildkit_qemu_emulator: text file busy"]),
    ])
      expect(emulatorCrash({ ...failed, isEmulated: false })).toBe(undefined);
  });
});

test("only the emulator's own line may be a last word: a shell that tells of a crash is alive", () => {
  const isLast = (lines: readonly string[]): boolean => {
    const trail = trailOf(lines);
    return trail !== undefined && isLastWord(trail);
  };
  expect(isLast(["a", SEGV])).toBe(true);
  expect(isLast([SEGV, "more"])).toBe(false);
  expect(isLast([SEGV, "Segmentation fault"])).toBe(false);
  expect(isLast(["exec /bin/x: exec format error"])).toBe(false);
});
