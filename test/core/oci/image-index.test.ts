import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Descriptor } from "../../../core/oci/descriptor.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { parseDocument } from "../../../core/oci/documents.ts";
import { assembleIndex } from "../../../core/oci/image-index.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST } from "../../../core/oci/media-type.ts";
import { knownPlatforms } from "../../../platforms/platform.ts";
import { platform } from "../../support/make.ts";

const AMD64 = image("a", "linux/amd64");
const ARM64 = image("b", "linux/arm64/v8");

describe("assembleIndex", () => {
  test("writes the fields in the order of the specification's types, indented by two spaces", () => {
    const server: Descriptor = {
      ...image("c", "windows(10.0.20348+win32k)/amd64"),
      annotations: { "org.example.b": "2", "org.example.a": "<1>" },
    };
    const assembled = assembleIndex({
      format: "oci",
      annotations: { title: "app" },
      children: [ARM64, server, attestation("d", ARM64.digest)],
    });
    expect(text(assembled)).toBe(`{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${ARM64.digest}",
      "size": 1024,
      "platform": {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${server.digest}",
      "size": 1024,
      "annotations": {
        "org.example.a": "\\u003c1\\u003e",
        "org.example.b": "2"
      },
      "platform": {
        "architecture": "amd64",
        "os": "windows",
        "os.version": "10.0.20348",
        "os.features": [
          "win32k"
        ]
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${digestOfText("d")}",
      "size": 1024,
      "annotations": {
        "vnd.docker.reference.digest": "${ARM64.digest}",
        "vnd.docker.reference.type": "attestation-manifest"
      },
      "platform": {
        "architecture": "unknown",
        "os": "unknown"
      }
    }
  ],
  "annotations": {
    "title": "app"
  }
}`);
  });

  test("writes Docker's manifest list where asked to", () => {
    const child = { ...AMD64, mediaType: DOCKER_MANIFEST };
    const assembled = assembleIndex({ format: "docker", children: [child] });
    expect(assembled).toMatchObject({
      value: { descriptor: { mediaType: "application/vnd.docker.distribution.manifest.list.v2+json" } },
    });
    expect(text(assembled)).not.toContain("annotations");
  });

  test.each([
    ["nothing", [], { kind: "index-empty" }],
    ["attestations alone", [attestation("d", AMD64.digest)], { kind: "index-empty" }],
    [
      "two images for one platform, however it is written",
      [AMD64, ARM64, image("c", "linux/arm64")],
      { kind: "platform-twice", platform: "linux/arm64", digests: [ARM64.digest, digestOfText("c")] },
    ],
    [
      "an image without platform",
      [AMD64, { mediaType: OCI_MANIFEST, digest: digestOfText("c"), size: 1 }],
      { kind: "platform-missing", digest: digestOfText("c") },
    ],
    [
      "an image of an unknown platform that is no attestation",
      [{ ...AMD64, platform: { os: "unknown", architecture: "unknown" } }],
      { kind: "platform-missing", digest: AMD64.digest },
    ],
    [
      "an attestation of an image that is not there",
      [AMD64, attestation("d", ARM64.digest)],
      { kind: "attestation-stray", digest: digestOfText("d"), subject: ARM64.digest },
    ],
    [
      "an attestation of another attestation",
      [AMD64, attestation("d", AMD64.digest), attestation("e", digestOfText("d"))],
      { kind: "attestation-stray", digest: digestOfText("e"), subject: digestOfText("d") },
    ],
    [
      "an attestation of nothing",
      [
        AMD64,
        {
          ...attestation("d", AMD64.digest),
          annotations: { "vnd.docker.reference.type": "attestation-manifest" },
        },
      ],
      { kind: "attestation-stray", digest: digestOfText("d") },
    ],
  ] as const)("refuses %s", (_, children, error) => {
    expect(assembleIndex({ format: "oci", children })).toEqual({ ok: false, error });
  });

  test("refuses annotations in Docker's manifest list, which has none", () => {
    const annotated = { ...AMD64, annotations: { a: "1" } };
    expect(assembleIndex({ format: "docker", children: [AMD64], annotations: { a: "1" } })).toEqual({
      ok: false,
      error: { kind: "annotations-unsupported" },
    });
    expect(assembleIndex({ format: "docker", children: [annotated] })).toEqual({
      ok: false,
      error: { kind: "annotations-unsupported", digest: AMD64.digest },
    });
  });

  test("refuses attestations in Docker's manifest list, and says that they are it", () => {
    const docker = { ...AMD64, mediaType: DOCKER_MANIFEST };
    const children = [docker, attestation("d", docker.digest)];
    expect(assembleIndex({ format: "docker", children })).toEqual({
      ok: false,
      error: { kind: "attestation-unsupported", digest: digestOfText("d") },
    });
  });

  test.each([
    ["oci", DOCKER_MANIFEST, OCI_MANIFEST],
    ["docker", OCI_MANIFEST, DOCKER_MANIFEST],
  ] as const)("refuses a child of the other kind in an index of kind %s", (format, foreign, own) => {
    const children = [
      { ...AMD64, mediaType: own },
      { ...ARM64, mediaType: foreign },
    ];
    expect(assembleIndex({ format, children })).toEqual({
      ok: false,
      error: {
        kind: "media-type-foreign",
        format,
        digest: ARM64.digest,
        mediaType: foreign,
        platform: "linux/arm64",
      },
    });
  });

  test("takes one image for several versions of Windows", () => {
    const children = ["windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64"].map((on, at) =>
      image(`w${at}`, on),
    );
    expect(assembleIndex({ format: "oci", children }).ok).toBe(true);
  });

  test("the bytes do not depend on the order of keys of any object", () => {
    fc.assert(
      fc.property(children(), annotations(), (parts, index) => {
        const straight = assembleIndex({ format: "oci", children: parts, annotations: index });
        const reversed = assembleIndex({
          format: "oci",
          children: parts.map(reverseKeys),
          annotations: reverseKeys(index),
        });
        expect(text(reversed)).toBe(text(straight));
        expect(straight.ok).toBe(true);
      }),
    );
  });

  test("annotations stand in the order of their UTF-8 bytes, numbers among them", () => {
    const index = { "\u{1F600}": "", "\uE000": "", b: "", "10": "", "9": "", "-": "" };
    const written = text(assembleIndex({ format: "oci", children: [AMD64], annotations: index }));
    const keys = [...written.matchAll(/^ {4}"(.+)": ""/gmu)].map((match) => match[1]);
    expect(keys).toEqual(["-", "10", "9", "b", "\uE000", "\u{1F600}"]);
  });

  test("the descriptor describes the bytes, and reading them gives the children back in order", () => {
    fc.assert(
      fc.property(children(), annotations(), (parts, index) => {
        const assembled = assembleIndex({ format: "oci", children: parts, annotations: index });
        const bytes = assembled.ok ? assembled.value.bytes : new Uint8Array();
        expect(assembled).toMatchObject({
          value: { descriptor: { digest: digestOf(bytes), size: bytes.length } },
        });
        expect(parseDocument(bytes)).toEqual({
          ok: true,
          value: {
            kind: "index",
            mediaType: "application/vnd.oci.image.index.v1+json",
            annotations: index,
            manifests: parts,
          },
        });
      }),
    );
  });
});

function digestOfText(content: string): Digest {
  return digestOf(new TextEncoder().encode(content));
}

function image(content: string, on: string): Descriptor {
  return { mediaType: OCI_MANIFEST, digest: digestOfText(content), size: 1024, platform: platform(on) };
}

function attestation(content: string, subject: Digest): Descriptor {
  return {
    ...image(content, "unknown/unknown"),
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": subject,
    },
  };
}

function text(assembled: ReturnType<typeof assembleIndex>): string {
  return assembled.ok ? new TextDecoder().decode(assembled.value.bytes) : assembled.error.kind;
}

function annotations(): fc.Arbitrary<Readonly<Record<string, string>>> {
  const value = fc.string({ unit: "grapheme" });
  // `__proto__` is written as any other key, but zod leaves it out of what is read, against prototype pollution.
  const key = fc.oneof(value, fc.nat().map(String)).filter((text) => text !== "__proto__");
  return fc.dictionary(key, value, { noNullPrototype: true, maxKeys: 5 });
}

/** Images for different known platforms, each with some annotations and perhaps an attestation after it. */
function children(): fc.Arbitrary<readonly Descriptor[]> {
  const extra = fc.record({ annotations: annotations(), attested: fc.boolean(), size: fc.maxSafeNat() });
  return fc
    .tuple(fc.subarray([...knownPlatforms], { minLength: 1, maxLength: 6 }), fc.infiniteStream(extra))
    .map(([platforms, extras]) =>
      platforms.flatMap((on, at) => {
        const { annotations: notes = {}, attested = false, size = 0 } = extras.next().value ?? {};
        const base: Descriptor = { ...AMD64, digest: digestOfText(`image ${at}`), size, platform: on };
        const child = Object.keys(notes).length > 0 ? { ...base, annotations: notes } : base;
        return attested ? [child, attestation(`attestation ${at}`, child.digest)] : [child];
      }),
    );
}

/** The same object with its keys inserted the other way round, all the way down. */
function reverseKeys<T extends object>(value: T): T;
function reverseKeys(value: object): object {
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(
    entries.map(([key, field]: [string, unknown]) => [
      key,
      typeof field === "object" && field !== null && !Array.isArray(field) ? reverseKeys(field) : field,
    ]),
  );
}
