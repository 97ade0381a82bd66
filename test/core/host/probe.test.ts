import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { readElfHeader } from "../../../platforms/elf.ts";
import { probeFile, probePlatforms, type ProbeOptions } from "../../../core/host/probe.ts";
import { probeArchitectures, probeProgram } from "../../../core/host/probe-program.ts";
import { hostPlatform } from "../../../cli/host-platform.ts";

async function options(): Promise<ProbeOptions> {
  const folder = await mkdtemp(join(tmpdir(), "probe-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, isRoot: false, env };
}

describe("probeProgram", () => {
  test.each(probeArchitectures())("makes an ELF program for %s that says what it is", (architecture) => {
    const program = probeProgram({ os: "linux", architecture }) ?? new Uint8Array();
    const header = readElfHeader(program);
    const expected = ELF[architecture];
    expect(header).toMatchObject({ class: expected?.[0], data: expected?.[1], machine: expected?.[2] });
  });

  test("knows no program for another system or CPU", () => {
    expect(probeProgram({ os: "windows", architecture: "amd64" })).toBeUndefined();
    expect(probeProgram({ os: "linux", architecture: "sparc64" })).toBeUndefined();
  });
});

/** Class, byte order and e_machine, from the ELF register of machines. */
const ELF: Readonly<Record<string, readonly [number, string, number]>> = {
  "386": [32, "little", 3],
  amd64: [64, "little", 62],
  arm: [32, "little", 40],
  arm64: [64, "little", 183],
  ppc64: [64, "big", 21],
  ppc64le: [64, "little", 21],
  s390x: [64, "big", 22],
  riscv64: [64, "little", 243],
  loong64: [64, "little", 258],
  mips: [32, "big", 8],
  mipsle: [32, "little", 8],
  mips64: [64, "big", 8],
  mips64le: [64, "little", 8],
};

describe("probePlatforms", () => {
  test("runs a program of this CPU, and has no answer for a CPU without one", async () => {
    const platforms = [
      { os: "linux", architecture: hostPlatform().architecture },
      { os: "linux", architecture: "sparc64" },
    ];
    await expect(probePlatforms(platforms, await options())).resolves.toEqual([
      { kind: "runs", inside: "not-tried" },
      { kind: "unknown-platform" },
    ]);
  });
});

const program = (): Uint8Array =>
  probeProgram({ os: "linux", architecture: hostPlatform().architecture }) ?? new Uint8Array();

describe("probeFile", () => {
  test.each([
    [
      "a program of a machine that does not exist",
      (bytes: Uint8Array) => bytes.with(18, 0xee).with(19, 0xee),
      0o700,
      "ENOEXEC",
    ],
    ["a file that may not be executed", (bytes: Uint8Array) => bytes, 0o600, "EACCES"],
    [
      "a program whose interpreter is not there",
      () => new TextEncoder().encode("#!/nonexistent/interpreter\n"),
      0o700,
      "ENOENT",
    ],
  ])("says how the kernel refused %s", async (_, change, mode, code) => {
    const settings = await options();
    await writeFile(join(settings.folder, "file"), change(program()), { mode });
    await expect(probeFile("file", settings)).resolves.toEqual({ kind: "refused", code });
  });

  test.each([
    ["exit 3", { kind: "crashed", status: 3 }],
    ["kill -SEGV $$", { kind: "crashed", signal: "SIGSEGV" }],
  ])("tells a program that ended in another way: %s", async (script, outcome) => {
    const settings = await options();
    await writeFile(join(settings.folder, "file"), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    await expect(probeFile("file", settings)).resolves.toEqual(outcome);
  });
});
