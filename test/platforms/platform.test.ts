import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  comparePlatforms,
  findImpossibleVariant,
  formatPlatform,
  formatPlatformFull,
  isKnownPlatform,
  knownPlatforms,
  normalizePlatform,
  parsePlatform,
  samePlatform,
  suggestPlatform,
} from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";

const s390xLinux = { os: "linux", architecture: "s390x" };

describe("parsePlatform", () => {
  // As written -> what it says, its canonical form, and both as text.
  test.each([
    ["linux/amd64", { os: "linux", architecture: "amd64" }, "linux/amd64"],
    ["LINUX/AMD64", { os: "linux", architecture: "amd64" }, "linux/amd64"],
    ["linux/x86-64/v1", { os: "linux", architecture: "amd64" }, "linux/amd64"],
    ["linux/x86_64/V3", { os: "linux", architecture: "amd64", variant: "v3" }, "linux/amd64/v3"],
    ["linux/i386/v7", { os: "linux", architecture: "386" }, "linux/386"],
    ["linux/aarch64/8", { os: "linux", architecture: "arm64", variant: "v8" }, "linux/arm64"],
    ["linux/arm64/v8.0", { os: "linux", architecture: "arm64", variant: "v8" }, "linux/arm64"],
    ["linux/arm64/9.0", { os: "linux", architecture: "arm64", variant: "v9" }, "linux/arm64/v9"],
    ["linux/armhf", { os: "linux", architecture: "arm" }, "linux/arm/v7"],
    ["linux/arm", { os: "linux", architecture: "arm" }, "linux/arm/v7"],
    ["linux/arm/7", { os: "linux", architecture: "arm", variant: "v7" }, "linux/arm/v7"],
    ["linux/armel/v7", { os: "linux", architecture: "arm", variant: "v6" }, "linux/arm/v6"],
    ["MacOS/arm64", { os: "darwin", architecture: "arm64" }, "darwin/arm64"],
    ["plan9/weird_cpu-1.0", { os: "plan9", architecture: "weird_cpu-1.0" }, "plan9/weird_cpu-1.0"],
    [
      "windows(10.0.20348)/amd64",
      { os: "windows", architecture: "amd64", osVersion: "10.0.20348" },
      "windows(10.0.20348)/amd64",
    ],
    [
      "linux(+sve+sme+sve)/arm64",
      { os: "linux", architecture: "arm64", osFeatures: ["sve", "sme", "sve"] },
      "linux(+sme+sve)/arm64",
    ],
    [
      "windows(1%2F2+a%2Bb)/amd64",
      { os: "windows", architecture: "amd64", osVersion: "1/2", osFeatures: ["a+b"] },
      "windows(1%2F2+a%2Bb)/amd64",
    ],
  ] satisfies readonly (readonly [string, Platform, string])[])("%s", (text, expected, canonical) => {
    const parsed = parsePlatform(text);
    expect(parsed).toEqual({ ok: true, value: expected });
    expect(formatPlatformFull(normalizePlatform(expected))).toBe(canonical);
  });

  test.each([
    ["", "empty", undefined, undefined],
    ["linux/*", "wildcard", undefined, undefined],
    ["linux/arm/v7/8", "too-many-parts", undefined, "linux/arm/v7"],
    ["linux/", "malformed-part", "", "linux/amd64"],
    ["/arm64", "malformed-part", "", "linux/arm64"],
    [" linux/arm64", "malformed-part", " linux", "linux/arm64"],
    ["linux/arm64\n", "malformed-part", "arm64\n", "linux/arm64"],
    ["linux/..", "malformed-part", "..", undefined],
    ["linux/arm64/.", "malformed-part", ".", "linux/arm64"],
    ["windows(10.0/amd64", "malformed-part", "windows(10.0", undefined],
    ["windows(+)/amd64", "malformed-part", "windows(+)", undefined],
    ["windows(%zz)/amd64", "malformed-escape", "windows(%zz)", undefined],
    ["windows(%ff)/amd64", "malformed-escape", "windows(%ff)", undefined],
    ["arm64", "missing-os", undefined, "linux/arm64"],
    ["windows", "missing-architecture", undefined, "windows/amd64"],
    ["x64", "unknown-name", "x64", "linux/amd64"],
    ["__proto__", "unknown-name", "__proto__", undefined],
  ])("%j is refused: %s", (text, problem, part, suggestion) => {
    const parsed = parsePlatform(text);
    expect(parsed.ok ? undefined : parsed.error).toEqual({
      kind: "platform-invalid",
      problem,
      text,
      ...(part !== undefined && { part }),
      ...(suggestion !== undefined && { suggestion }),
    });
  });

  test.each([
    ["windows(10.0.1)", { os: "windows", architecture: "s390x", osVersion: "10.0.1" }],
    ["riscv64", { os: "linux", architecture: "riscv64" }],
    ["armel", { os: "linux", architecture: "arm", variant: "v6" }],
  ])("%s takes what is missing from the defaults that were given", (text, value) => {
    expect(parsePlatform(text, { defaults: s390xLinux })).toEqual({ ok: true, value });
  });

  test("never throws, and answers with a platform or a problem", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), specifierLike()), (text) => {
        const parsed = parsePlatform(text);
        expect(parsed.ok ? parsed.value.os : parsed.error.text).not.toBeUndefined();
      }),
    );
  });

  test("what it reads is stable: formatted and read again, it is the same", () => {
    fc.assert(
      fc.property(specifierLike(), (text) => {
        const parsed = parsePlatform(text);
        fc.pre(parsed.ok);
        const formatted = formatPlatformFull(parsed.value);
        const again = parsePlatform(formatted);
        expect(again.ok && samePlatform(again.value, parsed.value)).toBe(true);
        expect(again.ok && formatPlatformFull(again.value)).toBe(formatted);
      }),
    );
  });
});

describe("normalizePlatform", () => {
  test("normalising twice changes nothing", () => {
    fc.assert(
      fc.property(anyPlatform(), (platform) => {
        const once = normalizePlatform(platform);
        expect(normalizePlatform(once)).toEqual(once);
      }),
    );
  });

  test("leaves its argument as it was", () => {
    const features = Object.freeze(["b", "a"]);
    const platform = Object.freeze({ os: "Linux", architecture: "ARM", osFeatures: features });
    expect(normalizePlatform(platform)).toEqual({
      os: "linux",
      architecture: "arm",
      variant: "v7",
      osFeatures: ["a", "b"],
    });
    expect(platform).toEqual({ os: "Linux", architecture: "ARM", osFeatures: ["b", "a"] });
  });

  test("an empty field and an absent one are the same", () => {
    const padded = { os: "linux", architecture: "386", variant: "", osVersion: "", osFeatures: [""] };
    expect(normalizePlatform(padded)).toEqual({ os: "linux", architecture: "386" });
  });
});

describe("formatPlatform", () => {
  test("leaves out version and features, which formatPlatformFull writes", () => {
    const server = { os: "windows", architecture: "amd64", osVersion: "10.0.1", osFeatures: ["win32k"] };
    expect(formatPlatform(server)).toBe("windows/amd64");
    expect(formatPlatformFull(server)).toBe("windows(10.0.1+win32k)/amd64");
  });

  test("says unknown where there is no operating system", () => {
    expect(formatPlatform({ os: "", architecture: "arm64" })).toBe("unknown");
    expect(formatPlatformFull({ os: "", architecture: "", osVersion: "1" })).toBe("unknown");
  });

  test("half a character does not stop it", () => {
    const platform = { os: "windows", architecture: "amd64", osVersion: "\uD83D" };
    expect(formatPlatformFull(platform)).toBe("windows(%EF%BF%BD)/amd64");
  });

  test("whatever a version or feature holds is read back", () => {
    const value = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(value, value, (osVersion, feature) => {
        const platform = { os: "windows", architecture: "amd64", osVersion, osFeatures: [feature] };
        expect(parsePlatform(formatPlatformFull(platform))).toEqual({ ok: true, value: platform });
      }),
    );
  });
});

describe("samePlatform and comparePlatforms", () => {
  test.each([
    ["linux/arm64", "linux/aarch64/v8", true],
    ["linux/arm", "linux/armhf", true],
    ["linux(+a+b)/arm64", "linux(+b+a)/arm64", true],
    ["linux/arm/v6", "linux/arm", false],
    ["linux/amd64", "windows/amd64", false],
    ["windows(10.0.1)/amd64", "windows/amd64", false],
  ])("%s and %s: %s", (one, other, same) => {
    expect(samePlatform(read(one), read(other))).toBe(same);
  });

  test("fields cannot flow into each other", () => {
    const honest = { os: "linux", architecture: "arm", variant: "v7" };
    expect(samePlatform(honest, { os: "linux", architecture: "arm/v7" })).toBe(false);
    expect(samePlatform({ ...honest, os: "a/b" }, { ...honest, os: "a", architecture: "b/arm" })).toBe(false);
  });

  test("is an order: sorting in any order gives the same list", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...knownPlatforms], { minLength: 2 }), (platforms) => {
        const sorted = platforms.toSorted(comparePlatforms);
        expect(platforms.toReversed().toSorted(comparePlatforms)).toEqual(sorted);
        expect(sorted.every((platform, at) => at === 0 || isAfter(platform, sorted[at - 1]))).toBe(true);
      }),
    );
  });
});

describe("what people mean", () => {
  test.each([
    ["linux/amr64", "linux/arm64"],
    ["linux/adm64", "linux/amd64"],
    ["linux/x64", "linux/amd64"],
    ["linux/x86", "linux/386"],
    ["linux/armv7l", "linux/arm/v7"],
    ["linux\\arm64", "linux/arm64"],
    ["linux-arm64", "linux/arm64"],
    ["linus/s390x", "linux/s390x"],
    ["linux/ppc64el", "linux/ppc64le"],
    ["osx/aarch64", "darwin/arm64"],
    ["ARM64", "linux/arm64"],
    ["darwin", "darwin/arm64"],
    ["toaster/9000", undefined],
    ["", undefined],
  ])("%s -> %s", (text, suggestion) => {
    expect(suggestPlatform(text)).toBe(suggestion);
  });

  test("nothing is compared with a text that is no name at all", () => {
    expect(suggestPlatform("linux/arm6".repeat(100_000))).toBeUndefined();
  });

  test("a suggestion is always a platform that is known", () => {
    fc.assert(
      fc.property(specifierLike(), (text) => {
        const suggestion = suggestPlatform(text);
        fc.pre(suggestion !== undefined);
        expect(isKnownPlatform(read(suggestion))).toBe(true);
      }),
    );
  });

  test("known platforms are canonical, different from each other, and have possible variants", () => {
    expect(knownPlatforms.map(normalizePlatform)).toEqual(knownPlatforms);
    expect(new Set(knownPlatforms.map(formatPlatform)).size).toBe(knownPlatforms.length);
    expect(knownPlatforms.filter((known) => findImpossibleVariant(known) !== undefined)).toEqual([]);
  });

  test.each([
    ["linux/amd64/v4", true],
    ["windows(10.0.1)/amd64", true],
    ["linux/amr64", false],
    ["windows/s390x", false],
  ])("%s is known: %s", (text, known) => {
    expect(isKnownPlatform(read(text))).toBe(known);
  });

  test.each([
    ["linux/amd64/v8", "linux/amd64", "v1 v2 v3 v4"],
    ["linux/amd64/2", "linux/amd64/v2", "v1 v2 v3 v4"],
    ["linux/arm64/v7", "linux/arm/v7", undefined],
    ["linux/arm64/v5", "linux/arm/v5", undefined],
    ["linux/arm64/v8.10", "linux/arm64", undefined],
    ["linux/arm/v9", "linux/arm/v7", "v5 v6 v7 v8"],
    ["linux/s390x/z15", "linux/s390x", ""],
  ])("%s is impossible; %s is meant", (text, suggestion, known) => {
    const found = findImpossibleVariant(read(text));
    expect(found).toMatchObject({ variant: text.split("/").at(-1), suggestion });
    expect(known === undefined || found?.known.join(" ") === known).toBe(true);
  });

  test.each(["linux/amd64/v1", "linux/arm64/v8", "linux/arm64/v9.2", "linux/arm", "linux/mips/softfloat"])(
    "%s is possible",
    (text) => {
      expect(findImpossibleVariant(read(text))).toBeUndefined();
    },
  );
});

function read(text: string): Platform {
  const parsed = parsePlatform(text);
  expect(parsed).toMatchObject({ ok: true });
  return parsed.ok ? parsed.value : { os: "", architecture: "" };
}

function isAfter(platform: Platform, before: Platform | undefined): boolean {
  return before !== undefined && comparePlatforms(before, platform) < 0;
}

/** Text near the grammar: real names, with the characters that mean something in between. */
function specifierLike(): fc.Arbitrary<string> {
  const names = "linux Windows macos arm ARM64 aarch64 armhf amd64 x86_64 386 v7 v8 7 v9.0 gpu 10.0.17763 é";
  const piece = fc.constantFrom(...names.split(" "), ..."/ / / ( ) + % . - %2B".split(" "), " ");
  return fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
}

function anyPlatform(): fc.Arbitrary<Platform> {
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom("arm", "armhf", "ARMEL", "arm64", "x86_64", "i386", "8", "v8.0", "V1", "9"),
  );
  return fc.record(
    {
      os: name,
      architecture: name,
      variant: name,
      osVersion: fc.string(),
      osFeatures: fc.array(fc.string(), { maxLength: 3 }),
    },
    { requiredKeys: ["os", "architecture"] },
  );
}
