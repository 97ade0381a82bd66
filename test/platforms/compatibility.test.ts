import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesExactly, nativeRank, runsNatively, runsOn } from "../../platforms/compatibility.ts";
import {
  formatPlatform,
  knownPlatforms,
  normalizePlatform,
  parsePlatform,
} from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";

describe("runsOn", () => {
  test.each([
    ["linux/amd64", "linux/amd64 linux/386"],
    ["linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386"],
    ["linux/386", "linux/386"],
    ["linux/armhf", "linux/arm/v7 linux/arm/v6 linux/arm/v5"],
    ["linux/arm/v4", "linux/arm/v4"],
    ["linux/arm64", "linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5"],
    [
      "linux/arm64/v8.2",
      "linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5",
    ],
    ["linux/ppc64le/power9", "linux/ppc64le/power9 linux/ppc64le/power8 linux/ppc64le"],
    ["linux/riscv64/made-up", "linux/riscv64/made-up linux/riscv64"],
    ["linux/s390x", "linux/s390x"],
    ["windows(10.0.20348)/amd64", "windows/amd64 windows/386"],
  ])("%s runs %s", (cpu, expected) => {
    expect(runsOn(read(cpu)).map(formatPlatform).join(" ")).toBe(expected);
  });

  test("Armv9.N includes Armv8.(N+5) and nothing of Armv8 above it", () => {
    expect(runsNatively(read("linux/arm64/v9.1"), read("linux/arm64/v8.6"))).toBe(true);
    expect(runsNatively(read("linux/arm64/v9.1"), read("linux/arm64/v8.7"))).toBe(false);
    expect(runsNatively(read("linux/arm64/v9.4"), read("linux/arm64/v8.9"))).toBe(true);
    expect(runsNatively(read("linux/arm64/v8.9"), read("linux/arm64/v9"))).toBe(false);
  });

  test("begins with the CPU's own platform, names nothing twice, and keeps the system's version", () => {
    fc.assert(
      fc.property(fc.constantFrom(...knownPlatforms), fc.string({ minLength: 1 }), (known, osVersion) => {
        const cpu = { ...known, osVersion };
        const runnable = runsOn(cpu);
        expect(runnable[0]).toEqual(normalizePlatform(cpu));
        expect(new Set(runnable.map(formatPlatform)).size).toBe(runnable.length);
        expect(runnable.filter((platform) => platform.osVersion !== osVersion)).toEqual([]);
      }),
    );
  });

  test("is transitive: what runs on what a CPU runs, runs on that CPU", () => {
    const cpus = [
      "linux/arm64/v9.9",
      "linux/arm64/v8.4",
      "linux/amd64/v4",
      "linux/arm/v8",
      "linux/riscv64/rva23u64",
    ];
    for (const cpu of cpus.map(read)) {
      const reachable = runsOn(cpu).flatMap(runsOn);
      expect(reachable.filter((platform) => !runsNatively(cpu, platform))).toEqual([]);
    }
  });
});

describe("nativeRank", () => {
  test.each([
    ["linux/arm64", "linux/arm64/v8", 0],
    ["linux/arm64", "linux/arm/v7", 2],
    ["linux/amd64", "linux/386", 1],
    ["linux/amd64", "linux/amd64/v2", undefined],
    ["linux/arm/v7", "linux/arm64", undefined],
  ])("on %s, %s has rank %s", (cpu, target, rank) => {
    expect(nativeRank(read(cpu), read(target))).toBe(rank);
  });
});

describe("matchesExactly", () => {
  test.each([
    ["linux/arm64", "linux/aarch64/v8", true],
    ["linux/arm", "linux/arm/v7", true],
    ["linux/arm/v7", "linux/arm/v6", false],
    ["linux/amd64", "linux/386", false],
    ["linux(+gpu+simd)/amd64", "linux(+simd)/amd64", true],
    ["linux(+gpu)/amd64", "linux(+gpu+simd)/amd64", false],
    ["linux/amd64", "linux(+gpu)/amd64", false],
    ["linux(5.10)/amd64", "linux(6.1)/amd64", true],
  ])("for %s, %s: %s", (host, candidate, matches) => {
    expect(matchesExactly(read(host), read(candidate))).toBe(matches);
  });

  // Before Windows Server 2022 (build 20348) the builds must be equal; from it on, older ones back to it run too.
  test.each([
    ["10.0.17763.1", "10.0.17763.9999", true],
    ["10.0.17763", "10.0.18362", false],
    ["10.0.20348", "10.0.17763", false],
    ["10.0.26100.1", "10.0.20348.2", true],
    ["10.0.20348", "10.0.26100", false],
    ["6.3.20348", "10.0.20348", false],
    ["10.0.20348", "", true],
    ["", "10.0.20348", true],
    ["10.0", "10.0.20348", true],
    ["10.0.20348", "ltsc2022", false],
  ])("Windows %j runs an image for %j: %s", (host, image, runs) => {
    const [cpu, target] = [host, image].map((osVersion) => ({
      os: "windows",
      architecture: "amd64",
      osVersion,
    }));
    expect(cpu !== undefined && target !== undefined && matchesExactly(cpu, target)).toBe(runs);
  });
});

function read(text: string): Platform {
  const parsed = parsePlatform(text);
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.value : { os: "", architecture: "" };
}
