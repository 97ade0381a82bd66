import { describe, expect, test } from "vitest";
import { basesOf, type BaseRequest } from "../../../core/dockerfile/bases.ts";
import { formatPlatformFull } from "../../../platforms/platform.ts";
import { dockerfile, placed } from "../../support/dockerfile.ts";
import { platform } from "../../support/make.ts";

/** `reference platform stage use @place`, a line each. */
function bases(text: string, changes: Partial<BaseRequest> = {}): readonly string[] {
  const request = {
    platform: platform("linux/arm64"),
    buildPlatform: platform("linux/amd64"),
    args: {},
    contexts: {},
    ...changes,
  };
  return basesOf(dockerfile(text), request).map((base) => {
    const on = base.platform === undefined ? "?" : formatPlatformFull(base.platform);
    return `${base.reference ?? "?"} ${on} ${base.stage} ${base.use} @${placed(base.location)}`;
  });
}

describe("the images that a build fetches", () => {
  test.each([
    ["the only stage", "FROM alpine:3.22", ["alpine:3.22 linux/arm64 0 from @1:6 alpine:3.22"]],
    ["scratch is none", "FROM scratch", []],
    [
      "the builder's platform and the target's",
      "FROM --platform=$BUILDPLATFORM golang AS build\nFROM alpine\nCOPY --from=build /a /a",
      ["golang linux/amd64 build from @1:32 golang", "alpine linux/arm64 1 from @2:6 alpine"],
    ],
    [
      "stages that nothing needs are left out",
      "FROM a AS unused\nFROM b AS used\nFROM scratch\nCOPY --from=used / /",
      ["b linux/arm64 used from @2:6 b"],
    ],
    [
      "stages by number, by name in any case, and through stages",
      "FROM a\nFROM b AS Two\nFROM two AS three\nFROM scratch\nCOPY --from=0 / /\nCOPY --from=THREE / /",
      ["a linux/arm64 0 from @1:6 a", "b linux/arm64 two from @2:6 b"],
    ],
    [
      "images of COPY and of mounts, for the target's platform",
      "FROM --platform=$BUILDPLATFORM a\nCOPY --from=tools:1 /x /x\nRUN --mount=type=bind,from=other,target=/o --mount=type=cache,target=/c x",
      [
        "a linux/amd64 0 from @1:32 a",
        "tools:1 linux/arm64 0 copy @2:13 tools:1",
        "other linux/arm64 0 mount @3:13 type=bind,from=other,target=/o",
      ],
    ],
    [
      "a stage in a mount",
      "FROM a AS x\nFROM b\nRUN --mount=from=x,target=/x y",
      ["a linux/arm64 x from @1:6 a", "b linux/arm64 1 from @2:6 b"],
    ],
    ["variables", "ARG V=3.22\nARG N=alpine:$V\nFROM $N", ["alpine:3.22 linux/arm64 0 from @3:6 $N"]],
    [
      "a stage that a variable names: only the one that this platform needs",
      "FROM a AS for-amd64\nFROM b AS for-arm64\nFROM for-$TARGETARCH",
      ["b linux/arm64 for-arm64 from @2:6 b"],
    ],
    ["a part of a variable", "FROM a:${TARGETARCH%64}", ["a:arm linux/arm64 0 from @1:6 a:${TARGETARCH%64}"]],
    ["an unknown form", "FROM a:${TARGETARCH^^}", ["? linux/arm64 0 from @1:6 a:${TARGETARCH^^}"]],
    ["an empty name", "FROM $NOTHING", ["? linux/arm64 0 from @1:6 $NOTHING"]],
    [
      "variables in COPY --from, which BuildKit refuses",
      "FROM scratch\nCOPY --from=$A / /",
      ["? linux/arm64 0 copy @2:13 $A"],
    ],
    ["a number that is no stage", "FROM scratch\nCOPY --from=7 / /", ["? linux/arm64 0 copy @2:13 7"]],
    ["a platform that cannot be told", "FROM --platform=${TARGETPLATFORM^x} a", ["a ? 0 from @1:37 a"]],
    [
      "a stage of the same name as an image that comes later",
      "FROM alpine AS b\nFROM b AS alpine\nFROM alpine",
      ["alpine linux/arm64 b from @1:6 alpine"],
    ],
    [
      "what ONBUILD of a stage brings along",
      "FROM a AS x\nFROM scratch AS base\nONBUILD COPY --from=x / /\nFROM base",
      ["a linux/arm64 x from @1:6 a"],
    ],
    ["ONBUILD of the target itself is for others", "FROM scratch\nONBUILD COPY --from=tools / /", []],
    [
      "stages that need each other",
      "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /",
      [],
    ],
  ])("%s", (_, text, expected) => {
    expect(bases(text)).toEqual(expected);
  });

  test("of another target", () => {
    const text = "FROM a AS one\nFROM b AS two";
    expect(bases(text, { target: "ONE" })).toEqual(["a linux/arm64 one from @1:6 a"]);
    expect(bases(text, { target: "three" })).toEqual([]);
  });

  test("the plan's args count where an ARG names them", () => {
    expect(bases("ARG V\nFROM a:$V", { args: { V: "1" } })).toEqual(["a:1 linux/arm64 0 from @2:6 a:$V"]);
    expect(bases("FROM a:$V", { args: { V: "1" } })).toEqual(["a: linux/arm64 0 from @1:6 a:$V"]);
  });

  test("without a builder, its platform cannot be told", () => {
    const request: BaseRequest = { platform: platform("linux/arm64"), args: {}, contexts: {} };
    const [base] = basesOf(dockerfile("FROM --platform=$BUILDPLATFORM a"), request);
    expect(base).toMatchObject({ reference: "a", platform: undefined });
  });

  test.each([
    ["an image", "FROM alpine:latest", { alpine: 1 }],
    ["an image with a tag", "FROM docker.io/library/alpine:3", { "alpine:3": 1 }],
    ["an image for one platform", "FROM alpine", { "alpine::linux/arm64": 1 }],
    ["a stage, with all that it needs", "FROM other AS x\nFROM x\nCOPY --from=x / /", { x: 1 }],
    ["what COPY names", "FROM scratch\nCOPY --from=tools / /", { tools: 1 }],
    ["what a mount names", "FROM scratch\nRUN --mount=from=tools x", { tools: 1 }],
  ])("a named context takes the place of %s", (_, text, contexts) => {
    expect(bases(text, { contexts })).toEqual([]);
  });

  test("the main context goes by no name", () => {
    const text = "FROM scratch\nCOPY --from=context / /";
    expect(bases(text, { contexts: { context: 1 } })).toEqual(["context linux/arm64 0 copy @2:13 context"]);
  });

  test("a named context for another platform does not", () => {
    expect(bases("FROM alpine", { contexts: { "alpine::linux/amd64": 1, "alpine:3": 1 } })).toHaveLength(1);
  });
});
