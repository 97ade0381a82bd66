import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withoutIgnored } from "../../../core/dockerfile/ignore.ts";
import { lintDockerfile, unreadableFinding, type LintVariant } from "../../../core/dockerfile/lint.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import { placed } from "../../support/dockerfile.ts";
import { platform } from "../../support/make.ts";

interface Options {
  readonly platforms?: readonly string[];
  readonly target?: string;
  readonly variant?: Partial<LintVariant>;
  /** By platform. */
  readonly args?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

function lint(text: string, options: Options = {}): readonly Finding[] {
  const { platforms = ["linux/amd64", "linux/arm64"], target, variant, args = {} } = options;
  const variants = platforms.map((name) => ({
    platform: platform(name),
    args: args[name] ?? {},
    contexts: {},
    ...variant,
  }));
  const context = { variants, ...(target === undefined ? {} : { target }) };
  return lintDockerfile({ path: "Dockerfile", text }, context);
}

/** `error platform-constant 1:17 linux/amd64` */
function found(text: string, options: Options = {}): readonly string[] {
  return lint(text, options).map(({ severity, rule, location }) =>
    [severity, rule, ...(location === undefined ? [] : [placed(location)])].join(" "),
  );
}

describe("a default on a platform argument", () => {
  test.each([
    [
      "is wrong for the one platform that it does not name",
      "FROM a\nARG TARGETARCH=amd64",
      ["linux/arm64"],
      1,
    ],
    ["is right for the one platform that it names", "FROM a\nARG TARGETARCH=amd64", ["linux/amd64"], 0],
    [
      "is right where all platforms share it",
      "FROM a\nARG TARGETOS=linux",
      ["linux/amd64", "linux/arm64"],
      0,
    ],
    [
      "is right where it is BuildKit's value",
      "ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM a",
      ["linux/arm64"],
      0,
    ],
    [
      "sees what the stage declared before",
      "FROM a\nARG TARGETARCH\nARG TARGETARCH=$TARGETARCH",
      ["linux/arm64"],
      0,
    ],
    [
      "sees what a stage below declared",
      "FROM a AS b\nARG TARGETARCH\nFROM b\nENV TARGETARCH=$TARGETARCH",
      ["linux/arm64"],
      0,
    ],
    [
      "does not see what another stage declared",
      "FROM a AS b\nARG TARGETARCH\nFROM a\nENV TARGETARCH=${TARGETARCH:-x}\nCOPY --from=b / /",
      ["linux/arm64"],
      1,
    ],
    ["cannot be told where the base image may say", "FROM a\nARG TARGETARCH=$ARCH", ["linux/arm64"], 0],
    [
      "does not matter in a stage that nothing needs",
      "FROM a AS b\nARG TARGETARCH=amd64\nFROM a",
      ["linux/arm64"],
      0,
    ],
    [
      "does not matter in a stage for that very platform",
      "FROM a AS b-amd64\nARG TARGETARCH=amd64\nFROM a AS b-arm64\nFROM b-$TARGETARCH",
      ["linux/amd64", "linux/arm64"],
      0,
    ],
    [
      "matters on one of several names in a line",
      "FROM a\nARG TARGETOS TARGETARCH=amd64",
      ["linux/arm64"],
      1,
    ],
    ["of the stage's name is no platform's", "FROM a\nARG TARGETSTAGE=x", ["linux/arm64"], 0],
    [
      "of a variant counts for those that have none",
      "FROM a\nARG TARGETVARIANT=v7",
      ["linux/arm/v7", "linux/arm64"],
      1,
    ],
  ])("%s", (_, text, platforms, count) => {
    const rules = lint(text, { platforms }).map(({ rule }) => rule);
    expect(rules).toEqual(Array.from({ length: count }, () => "platform-arg-default"));
  });

  test("does not matter where the plan passes a value", () => {
    const args = { "linux/arm64": { TARGETARCH: "arm64" } };
    expect(lint("FROM a\nARG TARGETARCH=amd64", { platforms: ["linux/arm64"], args })).toEqual([]);
  });

  test("stands in the plan where it passes the same value to several platforms", () => {
    const text = "args: { TARGETARCH: amd64 }";
    const location = { file: { path: "plan.yaml", text }, range: { start: 0, end: 4 } };
    const [finding, ...more] = lint("FROM a\nARG TARGETARCH", {
      variant: { args: { TARGETARCH: "amd64" }, location },
    });
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ rule: "platform-arg-default", severity: "error", location });
    expect(finding?.message).toContain("the build for linux/arm64,");
  });
});

describe("an architecture that is written out", () => {
  test.each([
    ["a platform that has it", "FROM a\nADD https://x/a-amd64 /", { platforms: ["linux/amd64"] }, 0],
    [
      "a variant of the architecture",
      "FROM a\nADD https://x/a-amd64 /",
      { platforms: ["linux/amd64", "linux/amd64/v3"] },
      0,
    ],
    [
      "an ARG that the plan passes",
      "FROM a\nARG GOARCH=amd64",
      { args: { "linux/arm64": { GOARCH: "arm64" } } },
      0,
    ],
    [
      "an ARG that the plan does not pass",
      "FROM a\nARG GOARCH=amd64",
      { args: { "linux/amd64": { GOARCH: "amd64" } } },
      1,
    ],
    [
      "an ENV, whatever the plan passes",
      "FROM a\nENV GOARCH=amd64",
      { args: { "linux/arm64": { GOARCH: "arm64" } } },
      1,
    ],
    [
      "a stage bound to that platform, which is a finding of its own",
      "FROM --platform=linux/amd64 a AS b\nADD https://x/a-amd64 /\nFROM a\nCOPY --from=b / /",
      {},
      0,
    ],
    [
      "a stage of scratch, which is the target's whatever it says",
      "FROM --platform=linux/amd64 scratch\nADD https://x/a-amd64 /",
      {},
      1,
    ],
    [
      "a stage that has it in its name",
      "FROM a AS make-amd64\nADD https://x/a-x86_64 /\nFROM a\nCOPY --from=make-amd64 / /",
      {},
      0,
    ],
    [
      "a stage that has it in its name, but becomes the image",
      "FROM a AS make-amd64\nADD https://x/a-x86_64 /",
      {},
      1,
    ],
    ["a host's name in part of a word", "FROM a\nADD https://x/examd64le/a /", {}, 0],
    ["a path of COPY that the script chose", "FROM a\nCOPY bin/${TARGETARCH}/amd64ish /", {}, 0],
    ["the destination of a COPY", "FROM a\nCOPY x /opt/amd64/", {}, 0],
    ["an option of another kind", "FROM a\nRUN cmake --build . --target install", {}, 0],
    ["several platforms in one option", "FROM a\nRUN tool --platform linux/amd64,linux/arm64", {}, 0],
    ["pip's -r", "FROM a\nRUN pip install -r requirements-x64.txt", {}, 0],
    [".NET's -r", "FROM a\nRUN dotnet restore -r linux-x64", {}, 1],
    ["an if for another thing", 'FROM a\nRUN if [ -n "$CI" ]; then curl https://x/a-amd64; fi', {}, 1],
    ["an if that asks", 'FROM a\nRUN if [ "$(uname -m)" = x86_64 ]; then curl https://x/a-amd64; fi', {}, 0],
    [
      "an elif that asks",
      'FROM a\nRUN if true; then x; elif [ "$TARGETARCH" = amd64 ]; then curl https://x/a-amd64; fi',
      {},
      0,
    ],
    [
      "what comes after the choice",
      "FROM a\nRUN case $TARGETARCH in amd64) x;; esac; curl https://x/a-amd64",
      {},
      1,
    ],
    [
      "a choice in a choice of another thing",
      'FROM a\nRUN if [ -n "$CI" ]; then case $(arch) in x86_64) curl https://x/a-amd64;; esac; fi',
      {},
      0,
    ],
    ["a test before it", "FROM a\nRUN [[ $TARGETARCH == amd64 ]] && curl https://x/a-amd64", {}, 0],
    [
      "a test before another command",
      "FROM a\nRUN [ $TARGETARCH = amd64 ] && x; curl https://x/a-amd64",
      {},
      1,
    ],
    [
      "a choice by patterns alone",
      'FROM a\nRUN case "$1" in amd64|x86_64) curl https://x/a-amd64;; esac',
      {},
      0,
    ],
    [
      "an address with a part that is asked for",
      'FROM a\nRUN curl -LO "https://x/$(curl -s https://x/stable.txt)/bin/linux/amd64/kubectl"',
      {},
      1,
    ],
    [
      "an address that the system's name is part of",
      "FROM a\nRUN curl https://x/a-$(uname -s)-x86_64",
      {},
      1,
    ],
    [
      "an address that a command chooses",
      "FROM a\nRUN curl https://x/amd64ish/$(dpkg --print-architecture)/amd64",
      {},
      0,
    ],
    [
      "an address that the machine's name is part of",
      "FROM a\nRUN curl https://x/$(uname -sm)/x86_64",
      {},
      0,
    ],
    ["a variable of the script", "FROM a\nRUN ARCH=x86_64; curl https://x/a-$ARCH", {}, 1],
    [
      "a variable that gets several",
      "FROM a\nRUN ARCH=x86_64; $x && ARCH=arm64; curl https://x/a-$ARCH",
      {},
      0,
    ],
    ["a setting of npm", "FROM a\nRUN npm_config_arch=x64 npm ci", {}, 1],
    ["a comment in a heredoc", "FROM a\nRUN <<E\n# https://x/a-amd64\nE", {}, 0],
    ["the JSON form", 'FROM a\nRUN ["curl", "https://x/a-amd64"]', {}, 1],
    [
      "one finding for each kind and instruction",
      "FROM a\nRUN curl https://x/a-amd64 https://x/b-amd64 && GOARCH=amd64 x",
      {},
      2,
    ],
    ["a heredoc that is a file", "FROM a\nCOPY <<E /x\nhttps://x/a-amd64\nE", {}, 0],
  ])("%s", (_, text, options: Options, count) => {
    const findings = lint(text, options).filter(({ rule }) => rule === "literal-architecture");
    expect(findings).toHaveLength(count);
  });
});

describe("stages of another platform", () => {
  test.each([
    ["FROM --platform=$BUILDPLATFORM a", {}, ["error final-stage-build-platform 1:17 $BUILDPLATFORM"]],
    [
      "FROM --platform=$BUILDPLATFORM a",
      { platforms: ["linux/arm64"] },
      ["warning final-stage-build-platform 1:17 $BUILDPLATFORM"],
    ],
    ["FROM --platform=$BUILDPLATFORM scratch\nCOPY a /", {}, []],
    ["FROM --platform=linux/amd64 scratch", {}, []],
    ["FROM --platform=$TARGETPLATFORM a", {}, []],
    ["FROM --platform=linux/$TARGETARCH a", {}, []],
    ["FROM --platform=linux/amd64 a", { platforms: ["linux/amd64", "linux/amd64/v2"] }, []],
    ["FROM --platform=linux/amd64 a", {}, ["error platform-constant 1:17 linux/amd64"]],
    [
      "FROM --platform=linux/amd64 a",
      { platforms: ["linux/arm64"] },
      ["error platform-constant 1:17 linux/amd64"],
    ],
    ["ARG P=linux/amd64\nFROM --platform=$P a", { args: { "linux/arm64": { P: "linux/arm64" } } }, []],
    ["FROM a AS b\nFROM --platform=linux/amd64 b", {}, []],
    ["FROM --platform=linux/amd64 a AS b\nFROM c AS one\nFROM b AS two", { target: "one" }, []],
    [
      "FROM --platform=linux/amd64 a AS b\nFROM c\nRUN --mount=from=b,target=/b x",
      {},
      ["warning platform-constant 1:17 linux/amd64"],
    ],
    ["FROM a AS x-amd64\nFROM --platform=linux/arm64 b AS x-arm64\nFROM x-$TARGETARCH", {}, []],
    ["FROM --platform=windows/amd64 a", { platforms: ["windows(10.0.26100)/amd64"] }, []],
  ])("%j with %j", (text, options: Options, expected) => {
    expect(found(text, options)).toEqual(expected);
  });

  test("is said once, where the image is named", () => {
    const text = "FROM --platform=linux/amd64 a AS b\nFROM --platform=linux/amd64 b";
    expect(found(text)).toEqual(["error platform-constant 1:17 linux/amd64"]);
  });

  test("a named context that takes a stage's place has its own platform", () => {
    const text = "FROM --platform=linux/amd64 a AS b\nFROM b";
    expect(found(text, { variant: { contexts: { b: {} } } })).toEqual([]);
  });
});

describe("compilers under emulation", () => {
  const GO = "FROM golang AS b\nRUN go build .\nFROM x\nCOPY --from=b / /";

  test.each([
    ["where nothing is known of builders", GO, {}, 1],
    ["where all are native", GO, { variant: { emulated: false } }, 0],
    ["where one CPU is asked for, and nothing is known", GO, { platforms: ["linux/arm64"] }, 0],
    ["where it is known to be emulated", GO, { platforms: ["linux/arm64"], variant: { emulated: true } }, 1],
    ["in a stage on the builder", GO.replace("FROM golang", "FROM --platform=$BUILDPLATFORM golang"), {}, 0],
    ["after variables", GO.replace("go build", "CGO_ENABLED=0 GOFLAGS=-v go build"), {}, 1],
    ["as an argument of something else", GO.replace("RUN go build .", "RUN echo go build"), {}, 0],
    ["make where the image is made of the stage", "FROM gcc\nRUN make", {}, 0],
    ["make where the stage only builds", "FROM gcc AS b\nRUN cd x && make\nFROM y\nCOPY --from=b / /", {}, 1],
    ["makeself, which is another program", "FROM gcc AS b\nRUN makeself\nFROM y\nCOPY --from=b / /", {}, 0],
    ["of JavaScript by yarn", "FROM node AS b\nRUN yarn build\nFROM y\nCOPY --from=b / /", {}, 1],
    ["of Rust's dependencies", "FROM rust AS b\nRUN cargo chef cook\nFROM y\nCOPY --from=b / /", {}, 1],
    ["in a stage that nothing needs", "FROM golang AS b\nRUN go build .\nFROM x", {}, 0],
  ])("%s", (_, text, options: Options, count) => {
    const findings = lint(text, options).filter(({ rule }) => rule === "emulated-compile");
    expect(findings.map(({ severity }) => severity)).toEqual(Array.from({ length: count }, () => "note"));
  });
});

describe("what cannot be linted", () => {
  test("a Dockerfile that BuildKit would refuse is one finding", () => {
    expect(found("FROM a\nRUNN b\nCOPPY c")).toEqual(["error dockerfile-unreadable 2:1 RUNN"]);
  });

  test("a stage that is not there, and what was meant", () => {
    const [finding] = lint("FROM a AS release", { target: "relaese" });
    expect(finding).toMatchObject({ rule: "dockerfile-unreadable", fix: "Did you mean `release`?" });
    expect(lint("FROM a AS release", { target: "RELEASE" })).toEqual([]);
  });

  test("a Dockerfile for somebody else's frontend has none", () => {
    expect(found("// syntax=example.org/other\nhello")).toEqual([]);
    expect(found('\n{ "syntax": "example.org/other" }')).toEqual([]);
    expect(found("# syntax=example.org/other\nFROM --platform=linux/amd64 a\nINCLUDE b")).toEqual([]);
    expect(
      found("# syntax=mirror.example.org:5000/docker/dockerfile:1@sha256:00\nFROM --platform=linux/amd64 a"),
    ).toHaveLength(1);
  });

  test("a file that could not be opened stands where the plan names it", () => {
    const location = { file: { path: "plan.yaml", text: "x" }, range: { start: 0, end: 1 } };
    expect(unreadableFinding({ path: "Dockerfile", reason: "it is not there" }, location)).toMatchObject({
      rule: "dockerfile-unreadable",
      message: "The Dockerfile Dockerfile cannot be read: it is not there",
      location,
    });
  });
});

describe("comments that ignore", () => {
  const base = "FROM --platform=linux/amd64 a\n";

  test.each([
    ["the instruction below", `ARG X\n# buildx-plan ignore=platform-constant\n${base}`, 0],
    [
      "over other comments and blank lines",
      `ARG X\n# buildx-plan ignore=platform-constant -- why\n\n# x\n${base}`,
      0,
    ],
    ["not the one after that", `ARG X\n# buildx-plan ignore=platform-constant\nARG Y\n${base}`, 1],
    ["not another rule", `# buildx-plan ignore=literal-architecture\n${base}`, 1],
    [
      "everything, at the top",
      `# buildx-plan ignore = literal-architecture,platform-constant\nARG Y\n${base}`,
      0,
    ],
    ["what is unknown in the comment itself", `ARG X\n# buildx-plan ignore=x,ignore-unknown\nFROM a`, 0],
    ["written in another way", `ARG X\n#buildx-plan: ignore platform-constant\n${base}`, 0],
    ["not in a word that only begins so", `ARG X\n# buildx-plan ignored=platform-constant\n${base}`, 1],
    ["not below", `${base}# buildx-plan ignore=platform-constant\n`, 1],
    ["not in a heredoc", `FROM a AS b\nRUN <<E\n# buildx-plan ignore=platform-constant\nE\n${base}`, 1],
  ])("%s", (_, text, count) => {
    expect(lint(text)).toHaveLength(count);
  });

  test("hold for findings of others in the same file, and for no other file", () => {
    const source = {
      path: "Dockerfile",
      text: "# buildx-plan ignore=base-platform-missing,buildkit/FromAsCasing\nFROM a",
    };
    const finding = (path: string, rule: Finding["rule"]): Finding => ({
      rule,
      severity: "error",
      message: "x",
      location: {
        file: { ...source, path },
        range: { start: source.text.length - 1, end: source.text.length },
      },
    });
    const findings = [
      finding("Dockerfile", "base-platform-missing"),
      finding("Dockerfile", "buildkit/FromAsCasing"),
      finding("Dockerfile", "base-unresolvable"),
      finding("other.Dockerfile", "base-platform-missing"),
    ];
    expect(withoutIgnored(findings, source)).toEqual(findings.slice(2));
  });
});

describe("any Dockerfile", () => {
  const line = fc.constantFrom(
    "FROM --platform=$BUILDPLATFORM a AS x",
    "FROM x",
    "FROM $A",
    "ARG TARGETARCH=amd64 A='b",
    "RUN case $TARGETARCH in amd64) curl https://x/a-amd64;; esac",
    "RUN if [ x ]; then GOARCH=arm64 \\",
    "  go build; fi <<E",
    "E",
    "COPY --from=x a-amd64 /",
    "# buildx-plan ignore=,,literal-architecture -- ",
    "ENV GOARCH arm64",
    "RUN --mount=from=y,x [ a ] && --target x86_64",
  );

  test("is linted without a throw, with places inside of it", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 25 }), (lines) => {
        const text = ["FROM a AS y", ...lines].join("\n");
        for (const { location } of lint(text)) {
          expect(location?.range.start).toBeLessThanOrEqual(location?.range.end ?? -1);
          expect(location?.range.end).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["stages with findings", "FROM --platform=linux/amd64 a\nCOPY --from=0 a-amd64 /\n".repeat(19_000)],
    [
      "comments that ignore",
      `FROM a\n${"# buildx-plan ignore=literal-architecture\nADD http://a-x64 /\n".repeat(17_000)}`,
    ],
    ["open brackets", `FROM a\nRUN ${`${"[ ".repeat(30_000)}\\\n`.repeat(15)}`],
    ["assignments", `FROM a\nRUN ${`${"a=b;".repeat(15_000)}\\\n`.repeat(15)}`],
    ["lines of a heredoc", `FROM a\nRUN <<E\n${"\n".repeat(1_000_000)}E`],
    [
      "choices in choices",
      `FROM a\nRUN ${`${"case $ARCH in ".repeat(4000)}\\\n`.repeat(15)}${"esac ".repeat(9000)}`,
    ],
    ["conditions", `FROM a\nRUN if ${`${"then ".repeat(12_000)}\\\n`.repeat(15)} fi`],
    ["dollars", `FROM a\nRUN curl http://${"$a".repeat(30_000)}`],
    ["one long name", `FROM a\nRUN curl http://$${"a".repeat(60_000)}`],
  ])("with very many %s is linted without delay", (_, text) => {
    // What is not linear here takes minutes, and the test runs into its time limit.
    expect(
      lint(text, { platforms: ["linux/arm64"], variant: { emulated: true } }).length,
    ).toBeLessThanOrEqual(500);
  });
});
