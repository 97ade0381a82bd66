import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatPlatform, knownPlatforms, parsePlatform } from "../../platforms/platform.ts";
import { fitOf, madeFor, readProgram } from "../../platforms/program.ts";
import type { Fit, Program } from "../../platforms/program.ts";
import { testFiles } from "../support/tools.ts";

/** What a program is said to be for, and every known platform that it fits; it is foreign to all others. */
interface Verdict {
  readonly madeFor: string;
  readonly native: readonly string[];
  readonly compatible?: readonly string[];
}

const only = (platform: string, compatible: readonly string[] = []): Verdict => ({
  madeFor: platform,
  native: [platform],
  compatible,
});
/** No image is published for it; the program is foreign to those that are. */
const unpublished = (platform: string): Verdict => ({ ...only(platform), native: [] });
// Nothing in them tells GOARM.
const arm: Verdict = {
  madeFor: "linux/arm",
  native: ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
  compatible: ["linux/arm64"],
};
const arm64 = only("linux/arm64");
const levels = ["linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4"];
const amd64: Verdict = { ...only("linux/amd64"), native: levels };
const i386 = only("linux/386", levels);

/** By the name of the file: GOOS-GOARCH. */
const GO: Readonly<Record<string, Verdict | undefined>> = {
  "linux-386": i386,
  "linux-amd64": amd64,
  "linux-amd64-pie": amd64,
  "linux-arm-5": arm,
  "linux-arm-6": arm,
  "linux-arm-7": arm,
  "linux-arm64": arm64,
  "linux-arm64-pie": arm64,
  "linux-loong64": only("linux/loong64"),
  "linux-mips": only("linux/mips"),
  "linux-mipsle": only("linux/mipsle"),
  "linux-mips64": only("linux/mips64"),
  "linux-mips64le": only("linux/mips64le"),
  "linux-ppc64": only("linux/ppc64"),
  "linux-ppc64le": only("linux/ppc64le"),
  "linux-riscv64": only("linux/riscv64"),
  "linux-s390x": only("linux/s390x"),
  "android-arm64": arm64,
  "darwin-amd64": only("darwin/amd64"),
  "darwin-arm64": only("darwin/arm64"),
  // It names no system and no loader.
  "dragonfly-amd64": amd64,
  "freebsd-amd64": only("freebsd/amd64"),
  "freebsd-arm64": only("freebsd/arm64"),
  "illumos-amd64": unpublished("solaris/amd64"),
  "netbsd-amd64": unpublished("netbsd/amd64"),
  "openbsd-amd64": unpublished("openbsd/amd64"),
  "openbsd-arm64": unpublished("openbsd/arm64"),
  "solaris-amd64": unpublished("solaris/amd64"),
  "windows-386": { ...unpublished("windows/386"), compatible: ["windows/amd64"] },
  "windows-amd64": only("windows/amd64"),
  "windows-arm64": only("windows/arm64"),
  // Formats that no image has: XCOFF, and Plan 9's own.
  "aix-ppc64": undefined,
  "plan9-amd64": undefined,
};

const WASM = ["js-wasm", "wasip1-wasm"];

describe("programs that Go makes", () => {
  test("every one of them has its place in the table", async () => {
    const names = await readdir(await testFiles("BUILDX_PLAN_GO_PROGRAMS"));
    expect(names.toSorted()).toEqual([...Object.keys(GO), ...WASM].toSorted());
  });

  test.each(Object.entries(GO))("%s", async (name, verdict) => {
    const program = await programAt(join(await testFiles("BUILDX_PLAN_GO_PROGRAMS"), name));
    expect(program && verdictOn(program)).toEqual(verdict);
  });

  test.each(WASM)(
    "%s is bytecode for all systems, and what a platform of WebAssembly starts",
    async (name) => {
      const program = await programAt(join(await testFiles("BUILDX_PLAN_GO_PROGRAMS"), name));
      const fits = ["linux/amd64", "windows/arm64", "wasip1/wasm", "js/wasm"].map((text) =>
        fit(program, text),
      );
      expect([program && madeFor(program), ...fits]).toEqual([
        "WebAssembly",
        "portable",
        "portable",
        "native",
        "native",
      ]);
    },
  );

  test.each([
    "dragonfly-amd64",
    "illumos-amd64",
    "netbsd-amd64",
    "openbsd-arm64",
    "solaris-amd64",
    "windows-386",
  ])("%s is for its own platform, where it has a CPU that runs it", async (name) => {
    const program = await programAt(join(await testFiles("BUILDX_PLAN_GO_PROGRAMS"), name));
    const own = name.replace("-", "/");
    expect(fit(program, own)).toBe("native");
    expect(fit(program, own.replace(/amd64|386/, "arm64").replace("openbsd/arm64", "openbsd/amd64"))).toBe(
      "foreign-cpu",
    );
  });

  test.each([
    ["linux-amd64-pie", "executable"],
    ["linux-amd64", "executable"],
    ["windows-amd64", "executable"],
    ["darwin-arm64", "executable"],
  ])("%s is an %s", async (name, type) => {
    expect(await programAt(join(await testFiles("BUILDX_PLAN_GO_PROGRAMS"), name))).toMatchObject({ type });
  });
});

/** Static programs of Debian: the demo's base files, by `${TARGETARCH}${TARGETVARIANT}`. */
test.each<readonly [string, Verdict]>([
  ["386", i386],
  ["amd64", amd64],
  ["arm64", arm64],
  // Its attributes say so: Debian's armhf is for v7, and no Raspberry Pi Zero starts it.
  ["armv7", only("linux/arm/v7", ["linux/arm64"])],
  ["ppc64le", only("linux/ppc64le")],
  ["s390x", only("linux/s390x")],
])("Debian's busybox of %s", async (name, verdict) => {
  const program = await programAt(join(import.meta.dirname, "../../.demo/busybox", name, "busybox"));
  expect(program && verdictOn(program)).toEqual(verdict);
  expect(program).toMatchObject({ type: "executable" });
});

test("the Node that runs this is for the machine that it runs on", async () => {
  const program = await programAt(process.execPath);
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  expect(fit(program, `linux/${architecture}`)).toBe("native");
  expect(program).toMatchObject({
    format: "elf",
    type: "executable",
    interpreter: expect.stringContaining("/ld"),
  });
});

/** Reads a file as a layer would hand it on, and no further than it is wanted. */
async function programAt(path: string): Promise<Program | undefined> {
  const file = await open(path);
  try {
    const reader = readProgram((await file.stat()).size);
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      if (!(chunk instanceof Uint8Array) || !reader.take(chunk)) break;
    }
    return reader.end();
  } finally {
    await file.close();
  }
}

function verdictOn(program: Program): Verdict {
  const fits = Map.groupBy(JUDGED, (text) => fit(program, text));
  const [system] = madeFor(program).split("/");
  // The same system: another CPU is what is wrong; else the system is, whatever the CPU.
  for (const text of fits.get("foreign-cpu") ?? []) expect(text).toMatch(new RegExp(`^${system}/`));
  for (const text of fits.get("foreign-system") ?? []) expect(text).not.toMatch(new RegExp(`^${system}/`));
  return {
    madeFor: madeFor(program),
    native: fits.get("native") ?? [],
    compatible: fits.get("compatible") ?? [],
  };
}

/** What images are published for; WebAssembly has a test of its own. */
const JUDGED = knownPlatforms.map(formatPlatform).filter((text) => !text.endsWith("/wasm"));

function fit(program: Program | undefined, text: string): Fit | undefined {
  const platform = parsePlatform(text);
  if (!platform.ok) throw new Error(`${text} is no platform`);
  return program && fitOf(program, platform.value);
}
