import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { archOf, isSbomType, parseSbom } from "../../../core/oci/sbom.ts";
import { MAX_STATEMENT_BYTES, parseStatement } from "../../../core/oci/statement.ts";

const HEX = "ab".repeat(32);
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function spdx(packages: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): object {
  return { spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", packages, ...more };
}

function spdxPackage(name: string, versionInfo: string, purl: string): object {
  const externalRefs = [
    {
      referenceCategory: "SECURITY",
      referenceType: "cpe23Type",
      referenceLocator: "cpe:2.3:a:x:x:1:*:*:*:*:*:*:*",
    },
    { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl },
  ];
  return { SPDXID: `SPDXRef-${name}`, name, versionInfo, externalRefs };
}

const LIBC = "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12";
const packages = [
  { name: "libc6", version: "2.36-9", purl: LIBC, arch: "amd64" },
  { name: "tzdata", version: "" },
];

describe("parseSbom", () => {
  const document = spdx([spdxPackage("libc6", "2.36-9", LIBC), { name: "tzdata" }]);

  test("reads SPDX: names, versions, package URLs and the architecture in them", () => {
    expect(parseSbom(bytes(document))).toEqual({ ok: true, value: { format: "spdx", packages, cut: false } });
  });

  test("reads the same in a statement, and in a DSSE envelope", () => {
    const stated = { predicateType: "https://spdx.dev/Document", subject: [], predicate: document };
    const payload = Buffer.from(JSON.stringify(stated)).toString("base64");
    const enveloped = { payloadType: "application/vnd.in-toto+json", payload, signatures: [] };
    for (const each of [stated, enveloped])
      expect(parseSbom(bytes(each))).toMatchObject({ ok: true, value: { packages } });
  });

  test("leaves out the image that an SPDX document describes, and keeps a package that it does", () => {
    const image = spdxPackage("image", "", "pkg:oci/app@sha256:00?arch=amd64");
    const relationships = [
      { relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-image" },
      { relationshipType: "DESCRIBES", relatedSpdxElement: "SPDXRef-left-pad" },
      { relationshipType: "CONTAINS", relatedSpdxElement: "SPDXRef-libc6" },
    ];
    const described = spdx(
      [
        image,
        spdxPackage("left-pad", "1.3.0", "pkg:npm/left-pad@1.3.0"),
        spdxPackage("libc6", "2.36-9", LIBC),
      ],
      { relationships },
    );
    expect(names(described)).toEqual(["left-pad", "libc6"]);
    expect(names(spdx([{ SPDXID: "a", name: "root" }, { name: "b" }], { documentDescribes: ["a"] }))).toEqual(
      ["b"],
    );
  });

  test("reads CycloneDX, components within components too", () => {
    const components = [
      { type: "operating-system", name: "debian", version: "12" },
      { type: "library", name: "libc6", version: "2.36-9", purl: LIBC },
      {
        type: "application",
        group: "@scope",
        name: "app",
        components: [{ type: "library", name: "deep", components: [{ type: "library", name: "deeper" }] }],
      },
    ];
    expect(names({ bomFormat: "CycloneDX", specVersion: "1.6", components })).toEqual([
      "libc6",
      "@scope/app",
      "deep",
      "deeper",
    ]);
  });

  test("reads SPDX 3", () => {
    const graph = [
      { type: "SpdxDocument", name: "x" },
      {
        type: "software_Package",
        name: "musl",
        software_packageVersion: "1.2.5",
        software_packageUrl: "pkg:apk/alpine/musl@1.2.5?arch=aarch64",
      },
    ];
    expect(parseSbom(bytes({ "@context": "x", "@graph": graph }))).toMatchObject({
      value: { format: "spdx", packages: [{ name: "musl", version: "1.2.5", arch: "aarch64" }] },
    });
  });

  test("odd packages spoil none of the others", () => {
    const odd = [null, 7, {}, { name: "" }, { name: "a", versionInfo: 3, externalRefs: "no" }, { name: "b" }];
    expect(names(spdx(odd))).toEqual(["a", "b"]);
    expect(names(spdx([{ name: "c", versionInfo: "NOASSERTION" }]))).toEqual(["c"]);
    expect(parseSbom(bytes({ spdxVersion: "SPDX-2.2", packages: "none" }))).toMatchObject({
      value: { packages: [] },
    });
  });

  test("takes a bounded number of packages, and says that there were more", () => {
    const many = Array.from({ length: 200_001 }, () => ({ type: "library", name: "x" }));
    const read = parseSbom(bytes({ bomFormat: "CycloneDX", components: many }));
    expect(read.ok && [read.value.packages.length, read.value.cut]).toEqual([200_000, true]);
  });

  test("components as deep as a text can nest them", () => {
    const depth = 20_000;
    const open = '{"type":"library","name":"x","components":['.repeat(depth);
    const text = `{"bomFormat":"CycloneDX","components":[${open}${"]}".repeat(depth)}]}`;
    const read = parseSbom(Buffer.from(text));
    // How deep JSON may nest is for the engine to say; none of its answers is an exception.
    expect(read.ok ? read.value.packages.length : read.error.problem).toBeOneOf([depth, "not-json"]);
  });

  test.each([
    ["not-json", Buffer.from("<html>")],
    ["not-json", Buffer.from([0xff, 0xfe])],
    ["unknown-format", bytes({ packages: [] })],
    ["unknown-format", bytes(null)],
    ["too-large", Buffer.alloc(MAX_STATEMENT_BYTES + 1, " ")],
    ["too-large", Buffer.from(`[${"[],".repeat(4_000_000)}0]`)],
  ])("refuses what is no SBOM (%s)", (problem, given) => {
    expect(parseSbom(given)).toMatchObject({ ok: false, error: { kind: "statement-unreadable", problem } });
  });

  test("any JSON has an answer", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom("packages", "components", "@graph"), (json, key) => {
        const value: unknown = JSON.parse(json);
        for (const about of [{ spdxVersion: "SPDX-2.3" }, { bomFormat: "CycloneDX" }, {}])
          expect(parseSbom(bytes({ ...about, [key]: value }))).toHaveProperty("ok");
      }),
    );
  });
});

describe("archOf", () => {
  test.each([
    ["pkg:apk/alpine/musl@1?arch=x86_64&distro=alpine-3.20", "x86_64"],
    ["pkg:rpm/fedora/curl@7?distro=f&arch=AARCH64#sub?arch=no", "aarch64"],
    ["pkg:deb/debian/a@1?arch=arm%36%34", "arm64"],
    ["pkg:deb/debian/a@1?arch=%zz", undefined],
    ["pkg:deb/debian/a@1?arch=", undefined],
    ["pkg:deb/debian/a@1?march=amd64", undefined],
    ["pkg:golang/example.com/a@v1", undefined],
  ])("%s: %s", (purl, arch) => {
    expect(archOf(purl)).toBe(arch);
  });
});

test.each([
  ["https://spdx.dev/Document", true],
  ["https://spdx.dev/Document/v2.3", true],
  ["https://cyclonedx.org/bom", true],
  ["application/vnd.cyclonedx+json", true],
  ["application/spdx+json", true],
  ["text/spdx+json", true],
  ["https://slsa.dev/provenance/v1", false],
  ["application/vnd.cyclonedx+xml", false],
])("%s announces an SBOM that can be read: %s", (type, expected) => {
  expect(isSbomType(type)).toBe(expected);
});

describe("parseStatement", () => {
  test("reads subjects by their digests, other algorithms and odd ones left out", () => {
    const subject = [
      { name: "pkg:docker/a@1?platform=linux%2Famd64", digest: { sha256: HEX.toUpperCase(), sha1: "00" } },
      { digest: { sha256: "short", sha512: HEX + HEX } },
      { name: "none" },
      3,
    ];
    const given = {
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: "p",
      subject,
      predicate: { a: 1 },
    };
    expect(parseStatement(bytes(given))).toEqual({
      ok: true,
      value: {
        predicateType: "p",
        subjects: [
          { name: "pkg:docker/a@1?platform=linux%2Famd64", digests: [`sha256:${HEX}`] },
          { name: "", digests: [`sha512:${HEX}${HEX}`] },
          { name: "none", digests: [] },
        ],
        predicate: { a: 1 },
      },
    });
  });

  test("refuses what is none", () => {
    expect(parseStatement(bytes({ subject: [] }))).toMatchObject({
      ok: false,
      error: { problem: "unknown-format" },
    });
  });
});

function names(document: object): readonly string[] {
  const read = parseSbom(bytes(document));
  if (!read.ok) throw new Error(read.error.detail);
  return read.value.packages.map(({ name }) => name);
}
