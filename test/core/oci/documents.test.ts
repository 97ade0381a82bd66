import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attestedDigest, isAttestation } from "../../../core/oci/attestation.ts";
import { parseDocument, parseImageConfig } from "../../../core/oci/documents.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;
const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker.distribution.manifest";
const config = { mediaType: `${OCI}.config.v1+json`, digest: DIGEST, size: 7 };
const entry = { mediaType: `${OCI}.manifest.v1+json`, digest: DIGEST, size: 9 };

describe("parseDocument", () => {
  test("reads a manifest, and leaves out what it does not know", () => {
    const layer = {
      mediaType: `${OCI}.layer.v1.tar+zstd`,
      digest: DIGEST,
      size: 12,
      urls: ["ftp://x"],
      data: "",
    };
    const document = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      artifactType: "application/vnd.example+json",
      config: { ...config, data: "e30=" },
      layers: [layer],
      subject: entry,
      annotations: { a: "1" },
      "org.example.unknown": { deep: [true] },
    };
    expect(read(document)).toEqual({
      ok: true,
      value: {
        kind: "manifest",
        mediaType: document.mediaType,
        artifactType: document.artifactType,
        config,
        layers: [{ mediaType: layer.mediaType, digest: DIGEST, size: 12, urls: ["ftp://x"] }],
        subject: entry,
        annotations: { a: "1" },
      },
    });
  });

  test("reads an index, platforms from the names that they have on the wire", () => {
    const platform = {
      architecture: "amd64",
      os: "windows",
      "os.version": "10.0.20348.1",
      "os.features": ["win32k"],
      variant: "v2",
      features: ["sse4"],
    };
    const document = {
      schemaVersion: 2,
      mediaType: `${DOCKER}.list.v2+json`,
      manifests: [{ ...entry, platform, annotations: { b: "2" } }],
    };
    expect(read(document)).toMatchObject({
      value: {
        kind: "index",
        mediaType: `${DOCKER}.list.v2+json`,
        manifests: [
          {
            annotations: { b: "2" },
            platform: {
              os: "windows",
              architecture: "amd64",
              osVersion: "10.0.20348.1",
              osFeatures: ["win32k"],
              variant: "v2",
            },
          },
        ],
      },
    });
  });

  test.each([
    ["a missing media type, with a config", { config, layers: [] }, "manifest", `${OCI}.manifest.v1+json`],
    [
      "an empty media type, with manifests",
      { mediaType: "", manifests: [] },
      "index",
      `${OCI}.index.v1+json`,
    ],
    [
      "a media type of its own",
      { mediaType: "application/vnd.x+json", config },
      "manifest",
      "application/vnd.x+json",
    ],
    [
      "Docker's media type",
      { mediaType: `${DOCKER}.v2+json`, config, layers: [] },
      "manifest",
      `${DOCKER}.v2+json`,
    ],
    [
      "null for what is absent",
      { config, layers: null, annotations: null, subject: null },
      "manifest",
      `${OCI}.manifest.v1+json`,
    ],
    ["null for no manifests", { manifests: null, artifactType: null }, "index", `${OCI}.index.v1+json`],
  ])("tolerates %s", (_, document, kind, mediaType) => {
    expect(read({ schemaVersion: 2, ...document })).toMatchObject({ ok: true, value: { kind, mediaType } });
  });

  test.each([
    [
      "a short digest",
      { manifests: [{ ...entry, digest: "sha256:ab" }] },
      "field-invalid",
      "manifests[0].digest",
    ],
    [
      "a digest that cannot be checked",
      { config: { ...config, digest: `md5:${"ab".repeat(16)}` } },
      "field-invalid",
      "config.digest",
    ],
    ["a negative size", { config, layers: [{ ...entry, size: -1 }] }, "field-invalid", "layers[0].size"],
    ["half a byte", { config: { ...config, size: 1.5 } }, "field-invalid", "config.size"],
    ["a size beyond counting", { config: { ...config, size: 2 ** 53 } }, "field-invalid", "config.size"],
    ["a size as text", { config: { ...config, size: "7" } }, "field-invalid", "config.size"],
    [
      "a header in a media type",
      { manifests: [{ ...entry, mediaType: "a/b\r\nX-Evil: 1" }] },
      "field-invalid",
      "manifests[0].mediaType",
    ],
    [
      "half a platform",
      { manifests: [{ ...entry, platform: { os: "linux" } }] },
      "field-invalid",
      "manifests[0].platform.architecture",
    ],
    [
      "annotations that are no text",
      { manifests: [], annotations: { a: 1 } },
      "field-invalid",
      "annotations.a",
    ],
    ["another schema version", { schemaVersion: 3, manifests: [] }, "field-invalid", "schemaVersion"],
    ["Docker's first schema", { schemaVersion: 1, fsLayers: [] }, "schema1", undefined],
    ["an index that is also a manifest", { manifests: [entry], config, layers: [] }, "ambiguous", undefined],
    [
      "an index that is a manifest by its media type",
      { mediaType: `${OCI}.manifest.v1+json`, manifests: [] },
      "ambiguous",
      undefined,
    ],
    [
      "a manifest that is an index by its media type",
      { mediaType: `${OCI}.index.v1+json`, config, layers: [] },
      "ambiguous",
      undefined,
    ],
    ["an index without manifests", { mediaType: `${OCI}.index.v1+json` }, "unknown", undefined],
    ["layers without config", { layers: [] }, "field-invalid", "config"],
    ["something else", { hello: "world" }, "unknown", undefined],
  ])("refuses %s", (_, document, problem, path) => {
    const result = read({ schemaVersion: 2, ...document });
    expect(result).toMatchObject({ ok: false, error: { kind: "document-malformed", problem } });
    expect(result.ok || result.error.path).toBe(path);
  });

  test.each([
    ["", "not-json"],
    ["<html>502</html>", "not-json"],
    ['{"schemaVersion":2,"manifests":[}', "not-json"],
    ["null", "unknown"],
    ["[]", "unknown"],
    ['"text"', "unknown"],
  ])("%s is refused: %s", (text, problem) => {
    expect(parseDocument(new TextEncoder().encode(text))).toMatchObject({ ok: false, error: { problem } });
  });

  test("text that is not UTF-8 is refused, though it would be JSON", () => {
    const bytes = new TextEncoder().encode('{"schemaVersion":2,"manifests":[],"annotations":{"a":"X"}}');
    const broken = bytes.map((byte) => (byte === 0x58 ? 0xff : byte));
    expect([parseDocument(bytes).ok, parseDocument(broken).ok]).toEqual([true, false]);
  });

  test("no bytes throw", () => {
    const json = fc.json().map((text) => new TextEncoder().encode(text));
    const near = fc
      .record({ schemaVersion: fc.constant(2), manifests: fc.jsonValue(), mediaType: fc.jsonValue() })
      .map((document) => new TextEncoder().encode(JSON.stringify(document)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), json, near), (bytes) => {
        const [document, asConfig] = [parseDocument(bytes), parseImageConfig(bytes)];
        expect(document.ok || document.error.detail.length > 0).toBe(true);
        expect(asConfig.ok || asConfig.error.detail.length > 0).toBe(true);
      }),
    );
  });
});

describe("parseImageConfig", () => {
  test("reads platform, labels, time and layers", () => {
    const document = {
      architecture: "arm",
      variant: "v6",
      os: "linux",
      created: "2026-01-02T03:04:05Z",
      config: {
        Labels: { a: "1" },
        Entrypoint: ["/sh", "-c"],
        Cmd: "run",
        Env: ["A=1"],
        WorkingDir: "/app",
        User: 0,
        Volumes: null,
      },
      rootfs: { type: "layers", diff_ids: [DIGEST] },
      history: [
        { created_by: "COPY a /a", comment: "buildkit" },
        { created_by: 3, empty_layer: true },
      ],
    };
    expect(parseImageConfig(encode(document))).toEqual({
      ok: true,
      value: {
        platform: { os: "linux", architecture: "arm", variant: "v6" },
        created: "2026-01-02T03:04:05Z",
        labels: { a: "1" },
        diffIds: [DIGEST],
        entrypoint: ["/sh", "-c"],
        cmd: ["run"],
        env: ["A=1"],
        workingDir: "/app",
        history: [
          { createdBy: "COPY a /a", emptyLayer: false, comment: "buildkit" },
          { createdBy: "", emptyLayer: true, comment: "" },
        ],
      },
    });
  });

  const nothing = { labels: {}, diffIds: [], entrypoint: [], cmd: [], env: [], workingDir: "", history: [] };

  test.each([
    ["an image of nothing", { config: { Labels: null } }],
    ["what is said wrong and decides nothing", { config: { Entrypoint: 3, Env: {} }, history: "none" }],
  ])("%s is an image", (_, fields) => {
    const bare = { architecture: "amd64", os: "linux", variant: "", ...fields };
    expect(parseImageConfig(encode(bare))).toEqual({
      ok: true,
      value: { platform: { os: "linux", architecture: "amd64" }, ...nothing },
    });
  });

  test.each([
    [{ os: "linux" }, "architecture"],
    [{ os: "", architecture: "amd64" }, "os"],
    [{ os: "linux", architecture: "amd64", rootfs: { diff_ids: ["sha256:x"] } }, "rootfs.diff_ids[0]"],
    [{ os: "linux", architecture: "amd64", config: { Labels: [] } }, "config.Labels"],
  ])("%j is refused for its %s", (document, path) => {
    expect(parseImageConfig(encode(document))).toMatchObject({
      ok: false,
      error: { problem: "field-invalid", path },
    });
  });
});

describe("attestations", () => {
  const annotations = {
    "vnd.docker.reference.type": "attestation-manifest",
    "vnd.docker.reference.digest": DIGEST,
  };
  const unknown = { os: "unknown", architecture: "unknown" };
  test.each([
    ["with both marks", { ...entry, annotations, platform: unknown }, true],
    ["without platform", { ...entry, annotations }, true],
    ["with the platform alone", { ...entry, platform: unknown }, false],
    [
      "that clients would run",
      { ...entry, annotations, platform: { os: "linux", architecture: "amd64" } },
      false,
    ],
    [
      "of another type",
      { ...entry, annotations: { "vnd.docker.reference.type": "x" }, platform: unknown },
      false,
    ],
  ])("an entry %s: %s", (_, descriptor, expected) => {
    expect(isAttestation(descriptor)).toBe(expected);
  });

  test("name the image that they speak of", () => {
    expect(attestedDigest({ ...entry, annotations })).toBe(DIGEST);
    expect(
      attestedDigest({ ...entry, annotations: { "vnd.docker.reference.digest": "latest" } }),
    ).toBeUndefined();
    expect(attestedDigest(entry)).toBeUndefined();
  });
});

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

function read(document: object): ReturnType<typeof parseDocument> {
  return parseDocument(encode(document));
}
