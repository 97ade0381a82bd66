import { describe, expect, test } from "vitest";
import { canonicalJson, planPart } from "../../../core/inputs/plan-part.ts";
import type { Build } from "../../../core/plan/build.ts";
import type { Variant } from "../../../core/plan/plan.ts";
import { build, platform, variant } from "../../support/make.ts";

const RELEASE = { mediaTypes: "oci", attestations: "keep" } as const;

function part(changes: Partial<Build> = {}, others: Partial<Variant> = {}): string {
  return planPart(variant("linux/arm64", { build: build(changes), ...others }), RELEASE, "/project");
}

describe("the plan's part of a variant", () => {
  test("is one text, wherever the project lies", () => {
    const elsewhere = build({
      context: { kind: "local", path: "/home/x" },
      dockerfile: "/home/x/Dockerfile",
    });
    expect(planPart(variant("linux/arm64", { build: elsewhere }), RELEASE, "/home/x")).toBe(part());
    expect(part()).toBe(
      '{"annotations":{"manifest":{},"manifestDescriptor":{}},"args":{},"attestations":"keep","context":{"local":"."},' +
        '"contexts":{},"dockerfile":"Dockerfile","image":{},"labels":{},"mediaTypes":"oci","platform":"linux/arm64","secrets":[],"ssh":[]}',
    );
  });

  test.each<[string, Partial<Build>]>([
    ["who pushes", { push: "client" }],
    [
      "caches",
      {
        cacheFrom: [{ type: "gha", attributes: {} }],
        cacheTo: [{ type: "inline", attributes: {} }],
        noCache: true,
      },
    ],
    ["files besides the image", { outputs: [{ type: "tar", dest: "/x", attributes: {} }] }],
    ["repositories, while there is no attestation", { repositories: [] }],
  ])("does not depend on %s", (_, changes) => {
    expect(part(changes)).toBe(part());
  });

  test("does not depend on who builds it, how long that may take, and how it is tested", () => {
    const others: Partial<Variant> = {
      id: "other linux/arm64",
      release: "other",
      emulation: "never",
      required: false,
      timeoutMs: 1,
      stallMs: 1,
      retries: 3,
      builders: ["arm"],
      needs: ["base linux/arm64"],
    };
    expect(part({}, others)).toBe(part());
  });

  test.each<[string, Partial<Build>]>([
    ["target", { target: "a" }],
    ["arguments", { args: { A: "1" } }],
    ["labels", { labels: { A: "1" } }],
    ["annotations", { annotations: { manifest: { A: "1" }, manifestDescriptor: {} } }],
    ["annotations of the descriptor", { annotations: { manifest: {}, manifestDescriptor: { A: "1" } } }],
    ["the context", { context: { kind: "local", path: "/project/app" } }],
    ["a context that is fetched", { context: { kind: "remote", url: "https://x/y.git" } }],
    ["the Dockerfile's place", { dockerfile: "/project/other" }],
    ["named contexts", { contexts: { base: { kind: "variant", variant: "base linux/arm64" } } }],
    ["attributes of the image", { image: { compression: "zstd" } }],
    ["attestations", { attest: { provenance: { mode: "min" } } }],
    ["secrets", { secrets: [{ id: "a", kind: "env", variable: "A" }] }],
    ["ssh", { ssh: [{ id: "default", paths: [] }] }],
  ])("changes with %s", (_, changes) => {
    expect(part(changes)).not.toBe(part());
  });

  test("changes with the platform, its version, and what the release is made of", () => {
    const parts = [
      part(),
      part({}, { platform: platform("linux/amd64") }),
      part({}, { platform: { ...platform("linux/arm64"), osVersion: "1" } }),
      planPart(variant("linux/arm64"), { ...RELEASE, mediaTypes: "docker" }, "/project"),
      planPart(variant("linux/arm64"), { ...RELEASE, attestations: "strip" }, "/project"),
    ];
    expect(new Set(parts).size).toBe(parts.length);
    expect(planPart(variant("linux/arm64"), { ...RELEASE, attestations: "require" }, "/project")).toBe(
      part(),
    );
  });

  test("names the repositories that attestations name", () => {
    const attest = { sbom: {} };
    expect(part({ attest, repositories: [{ registry: "a", path: "b" }] })).not.toBe(part({ attest }));
  });

  test("holds ids of secrets and agents, in one order, and nothing of where they come from", () => {
    const given = part({
      secrets: [
        { id: "b", kind: "value", value: "hidden" },
        { id: "a", kind: "env", variable: "HIDDEN" },
      ],
      ssh: [{ id: "default", paths: ["/home/hidden"] }],
    });
    expect(given).toContain('"secrets":["a","b"],"ssh":["default"]');
    expect(given.toLowerCase()).not.toContain("hidden");
  });

  test("has contexts of each kind, paths from the plan's folder", () => {
    const digest = `sha256:${"0".repeat(64)}` as const;
    const given = part({
      contexts: {
        local: { kind: "local", path: "/project/a/b" },
        layout: { kind: "oci-layout", path: "/project/l", reference: { kind: "tag", tag: "1" } },
        pinned: { kind: "oci-layout", path: "/project/l", reference: { kind: "digest", digest } },
      },
    });
    expect(given).toContain(
      `"contexts":{"layout":{"layout":"l","tag":"1"},"local":{"local":"a/b"},"pinned":{"digest":"${digest}","layout":"l"}}`,
    );
  });
});

test("canonical JSON has one text for equal values", () => {
  const value = { b: [1, true, { d: "é", c: undefined }], 10: "x", 9: undefined, a: "\n" };
  expect(canonicalJson(value)).toBe('{"10":"x","a":"\\n","b":[1,true,{"d":"é"}]}');
  expect(canonicalJson([undefined])).toBe("[null]");
});
