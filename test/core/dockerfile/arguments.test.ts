import { describe, expect, test } from "vitest";
import { globalScope, platformArguments } from "../../../core/dockerfile/arguments.ts";
import { expand } from "../../../core/dockerfile/lex.ts";
import { dockerfile } from "../../support/dockerfile.ts";
import { platform } from "../../support/make.ts";

describe("BuildKit's own arguments", () => {
  const names = "PLATFORM OS OSVERSION ARCH VARIANT".split(" ");

  test.each([
    ["linux/amd64", "linux/arm64", "linux/arm64 linux  arm64  linux/amd64 linux  amd64 "],
    ["linux/arm64/v8", "linux/amd64", "linux/amd64 linux  amd64  linux/arm64 linux  arm64 "],
    ["linux/arm", "linux/arm/v7", "linux/arm/v7 linux  arm v7 linux/arm/v7 linux  arm v7"],
    ["linux/amd64/v2", "linux/amd64", "linux/amd64 linux  amd64  linux/amd64/v2 linux  amd64 v2"],
    [
      "windows(10.0.20348)/amd64",
      "linux/amd64",
      "linux/amd64 linux  amd64  windows(10.0.20348)/amd64 windows 10.0.20348 amd64 ",
    ],
  ])("%s on %s", (target, build, expected) => {
    const scope = platformArguments({ platform: platform(target), buildPlatform: platform(build) });
    const values = ["BUILD", "TARGET"].flatMap((side) => names.map((name) => scope.get(side + name)));
    expect(values.join(" ")).toBe(expected);
  });

  test("without a builder, what is its own cannot be told", () => {
    const scope = platformArguments({ platform: platform("linux/amd64") });
    expect([...scope].filter(([, value]) => value === undefined).map(([name]) => name)).toEqual(
      names.map((name) => `BUILD${name}`),
    );
  });

  test.each([
    ["FROM a", undefined, "default"],
    ["FROM a AS b", undefined, "b"],
    ["FROM a AS b\nFROM b", "b", "b"],
  ])("the stage of %j with target %s", (text, target, expected) => {
    const request = {
      platform: platform("linux/amd64"),
      args: {},
      ...(target === undefined ? {} : { target }),
    };
    expect(globalScope(dockerfile(text), request).get("TARGETSTAGE")).toBe(expected);
  });
});

describe("what FROM sees", () => {
  const args = { A: "plan", TARGETOS: "freebsd" };
  const scopeOf = (text: string) =>
    globalScope(dockerfile(`${text}\nFROM a`), { platform: platform("linux/arm64"), args });

  test.each([
    ["ARG A", "A", "plan"],
    ["ARG A=default", "A", "plan"],
    ["ARG B=default", "B", "default"],
    ["ARG B", "B", "(unset)"],
    ["", "A", "(unset)"],
    ["", "TARGETOS", "freebsd"],
    ["", "TARGETPLATFORM", "linux/arm64"],
    ["ARG TARGETARCH=amd64", "TARGETARCH", "amd64"],
    ["ARG TARGETARCH", "TARGETARCH", "arm64"],
    ["ARG B=$TARGETARCH-$A C=${B}x", "C", "arm64-x"],
    ["ARG A\nARG B=$TARGETARCH-$A C=${B}x", "C", "arm64-planx"],
    ["ARG B=x$BUILDARCH", "B", "(cannot be told)"],
    ["ARG B=${BUILDARCH:-amd64}", "B", "(cannot be told)"],
    ['ARG B="x y"', "B", "x y"],
    ["ARG B='$TARGETARCH'", "B", "$TARGETARCH"],
  ])("%j: %s is %s", (text, name, expected) => {
    const scope = scopeOf(text);
    expect(scope.has(name) ? (scope.get(name) ?? "(cannot be told)") : "(unset)").toBe(expected);
  });
});

describe("replacing variables", () => {
  const scope = new Map([
    ["A", "a"],
    ["E", ""],
    ["U", undefined],
  ]);

  test.each([
    ["$A-${A}b$E.$X", "a-ab."],
    ["${A:-d}${E:-d}${E-d}${X:-d}${X-d}", "addd"],
    ["${A:+d}${E:+d}${E+e}${X:+d}", "de"],
    ["${A:?m}${E?m}", "a"],
    ["\\$A '$A' \"$A\"", "$A $A a"],
    ["${X:-$A${X:-b}}", "ab"],
    ["$", "$"],
    ["$U", undefined],
    ["${U:-d}", undefined],
    ["${A:-$U}", "a"],
    ["${X:+$U}", ""],
    ["${A:+$U}", undefined],
    ["${A#a}${A%%a}${A/a/b}", "b"],
    ["${U#a}", undefined],
    ["${A#$U}", undefined],
    ["${A/a/$U}", undefined],
    ["${X%a}-${X/a/b}", "-"],
    ["${X?m}", undefined],
    ["${E:?m}", undefined],
    ["${A", undefined],
    ["${A^^}", undefined],
    ["${}", undefined],
    ["'open", undefined],
    ['"open', undefined],
  ])("%s becomes %s", (word, expected) => {
    expect(expand(word, scope, "\\")).toBe(expected);
  });

  const values = new Map([
    ["V", "3.22.1"],
    ["P", "linux/arm/v7"],
    ["S", "a*b?c}d"],
    ["E", ""],
  ]);

  test.each([
    ["${V%.*}", "3.22"],
    ["${V%%.*}", "3"],
    ["${V#*.}", "22.1"],
    ["${V##*.}", "1"],
    ["${V#?}", ".22.1"],
    ["${V%?}", "3.22."],
    ["${V#2}${V%2}", "3.22.13.22.1"],
    ["${V#}${V%%}", "3.22.13.22.1"],
    ["${V#*}", "3.22.1"],
    ["${V##*}", ""],
    ["${P##*/}", "v7"],
    ["${P%%/*}-${P#linux/}", "linux-arm/v7"],
    ["${P/\\//-}", "linux-arm/v7"],
    ["${P//\\//-}", "linux-arm-v7"],
    ["${P//a*m/x}", "linux/x/v7"],
    ["${P//nothing/x}${P/v7/}", "linux/arm/v7linux/arm/"],
    ["${V//2/$E}${V/$E/x}", "3..1x3.22.1"],
    ["${S#a\\*b\\?}${S%%\\}d}", "c}da*b?c"],
    ["${V#\\d}", undefined],
    ["${V#[0-9]}", "3.22.1"],
    ["${V#*****}", undefined],
    ["${V//2/\\$}", undefined],
    ["${V/2}", undefined],
  ])("the pattern of %s leaves %s", (word, expected) => {
    expect(expand(word, values, "\\")).toBe(expected);
  });

  test("the other escape character", () => {
    expect(expand("`$A\\$A", scope, "`")).toBe("$A\\a");
  });

  test("however deep", () => {
    expect(expand("${X:-".repeat(40) + "}".repeat(40), scope, "\\")).toBe("");
    expect(expand("${X:-".repeat(10_000) + "}".repeat(10_000), scope, "\\")).toBeUndefined();
  });
});
