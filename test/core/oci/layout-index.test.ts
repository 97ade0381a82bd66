import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  EMPTY_INDEX,
  findEntry,
  formatLayoutIndex,
  parseLayoutIndex,
  tagsOf,
  withTag,
  without,
  withUnnamed,
  type LayoutIndex,
} from "../../../core/oci/layout-index.ts";
import type { Descriptor } from "../../../core/oci/descriptor.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { OCI_MANIFEST } from "../../../core/oci/media-type.ts";

const REF = "org.opencontainers.image.ref.name";
const IMAGE = "io.containerd.image.name";

function manifest(content: string, annotations?: Readonly<Record<string, string>>): Descriptor {
  const digest = digestOf(Buffer.from(content));
  return { mediaType: OCI_MANIFEST, digest, size: content.length, ...(annotations && { annotations }) };
}

function index(...manifests: readonly object[]): LayoutIndex {
  const parsed = parseLayoutIndex(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const [one, two] = [manifest("one").digest, manifest("two").digest];

test.each<[string, Readonly<Record<string, string>>, string]>([
  ["a tag", { [REF]: "v1" }, "v1"],
  ["BuildKit's two annotations", { [REF]: "v1", [IMAGE]: "docker.io/library/app:v1" }, "v1"],
  ["containerd's alone", { [IMAGE]: "registry.example:5000/team/app:v1" }, "v1"],
  ["skopeo's whole reference", { [REF]: "docker.io/library/app:v1" }, "v1"],
  [
    "the whole reference, asked for as such",
    { [IMAGE]: "docker.io/library/app:v1" },
    "docker.io/library/app:v1",
  ],
  ["a name that is no tag", { [REF]: "team/app" }, "team/app"],
])("finds an image by %s", (_, annotations, asked) => {
  const found = findEntry(index(manifest("two", { [REF]: "v2" }), manifest("one", annotations)), asked);
  expect(found).toMatchObject({ kind: "one", descriptor: { digest: one } });
});

test("a port is no tag, and another tag is not this one", () => {
  const found = findEntry(index(manifest("one", { [REF]: "localhost:5000/app" })), "5000/app");
  expect(found).toEqual({ kind: "none" });
  expect(findEntry(index(manifest("one", { [REF]: "v10" })), "v1")).toEqual({ kind: "none" });
});

test("different images of one tag are not chosen among; one under several names is one", () => {
  const [foo, bar] = [{ [IMAGE]: "docker.io/library/foo:v1" }, { [IMAGE]: "docker.io/library/bar:v1" }];
  const names = findEntry(index(manifest("one", foo), manifest("two", bar)), "v1");
  expect(names).toEqual({ kind: "several", digests: [one, two] });
  expect(findEntry(index(manifest("one", foo), manifest("one", bar)), "v1")).toMatchObject({ kind: "one" });
});

const SIGNATURE = { artifactType: "application/vnd.example.signature" };

test.each<[string, readonly object[], string | undefined]>([
  ["without a name", [manifest("one")], one],
  ["with another name", [manifest("one", { [REF]: "v1" })], one],
  ["under two names", [manifest("one", { [REF]: "v1" }), manifest("one", { [REF]: "v2" })], one],
  ["beside its signature", [manifest("one"), { ...manifest("two"), ...SIGNATURE }], one],
  ["beside its referrers", [manifest("one"), manifest("two", { [REF]: one.replace(":", "-") })], one],
  ["among two", [manifest("one"), manifest("two")], undefined],
  ["beside the latest", [manifest("one"), manifest("two", { [REF]: "latest" })], two],
  ["where there is none", [], undefined],
])("latest is the only image: %s", (_, manifests, expected) => {
  for (const asked of ["latest", ""]) {
    const found = findEntry(index(...manifests), asked);
    expect(found.kind === "one" ? found.descriptor.digest : undefined).toBe(expected);
  }
  expect(findEntry(index(...manifests), "v9")).toEqual({ kind: "none" });
});

test("a tag moves in its place, and everything else stays as it was", () => {
  const kept = {
    ...manifest("two", { [REF]: "v2" }),
    urls: ["https://example.com"],
    platform: { os: "linux", architecture: "arm64", "os.features": ["x"], other: 1 },
  };
  const before = index(
    manifest("one", { [REF]: "v1" }),
    kept,
    manifest("one", { [IMAGE]: "docker.io/library/app:v1" }),
  );
  const moved = withTag(before, "v1", manifest("three"));
  expect(JSON.parse(formatLayoutIndex(moved).toString())).toEqual({
    schemaVersion: 2,
    manifests: [manifest("three", { [REF]: "v1" }), kept],
  });
});

test("a new tag keeps the annotations that it is given, and goes to the end", () => {
  const named = withTag(
    index(manifest("one")),
    "v1",
    manifest("two", { [IMAGE]: "docker.io/library/app:v1" }),
  );
  expect(named.entries[1]?.fields).toEqual(
    manifest("two", { [IMAGE]: "docker.io/library/app:v1", [REF]: "v1" }),
  );
  expect(tagsOf(named)).toEqual(["v1"]);
});

test("a tag goes alone, a digest with all its names, and what is not there changes nothing", () => {
  const all = index(
    manifest("one", { [REF]: "v1" }),
    manifest("two", { [REF]: "v2" }),
    manifest("one", { [REF]: "v3" }),
  );
  expect(tagsOf(without(all, "v1"))).toEqual(["v2", "v3"]);
  expect(tagsOf(without(all, one))).toEqual(["v2"]);
  expect(without(all, "v9")).toBe(all);
  expect(without(all, manifest("nine").digest)).toBe(all);
});

test("what only points at another manifest is listed once, without a name", () => {
  const listed = withUnnamed(EMPTY_INDEX, { ...manifest("one"), ...SIGNATURE });
  expect(listed.entries.map(({ fields }) => fields)).toEqual([{ ...manifest("one"), ...SIGNATURE }]);
  expect(withUnnamed(listed, manifest("one"))).toBe(listed);
});

test.each([
  ["{", "its index.json is no image index"],
  ["[]", "its index.json is no image index"],
  [JSON.stringify({ schemaVersion: 2, manifests: {} }), "its index.json is no image index: manifests"],
  [
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ ...manifest("one"), digest: "sha256:../../etc/passwd" }],
    }),
    "not a sha256",
  ],
  [JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest("one"), size: -1 }] }), "manifests[0].size"],
  [JSON.stringify({ schemaVersion: 2, config: manifest("one"), layers: [] }), "but a manifest"],
])("is refused: %s", (text, why) => {
  const parsed = parseLayoutIndex(Buffer.from(text));
  expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining(why) });
});

test("an index without entries may say so by null", () => {
  expect(tagsOf(index())).toEqual([]);
  const parsed = parseLayoutIndex(Buffer.from('{"schemaVersion":2,"manifests":null}'));
  expect(parsed).toMatchObject({ ok: true, value: { entries: [] } });
});

test("whatever is done to it, an index is read again as it was written, and each tag names one image", () => {
  const tag = fc.constantFrom("v1", "v2", "latest", "a.b-c_d");
  const step = fc.record({ tag, content: fc.constantFrom("one", "two", "three"), isRemoved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let current: LayoutIndex = EMPTY_INDEX;
      const expected = new Map<string, string>();
      for (const { tag, content, isRemoved } of steps) {
        current = isRemoved ? without(current, tag) : withTag(current, tag, manifest(content));
        if (isRemoved) expected.delete(tag);
        else expected.set(tag, manifest(content).digest);
      }
      const reread = parseLayoutIndex(formatLayoutIndex(current));
      if (!reread.ok) throw new Error(reread.error);
      expect(new Set(tagsOf(reread.value))).toEqual(new Set(expected.keys()));
      for (const [tag, digest] of expected)
        expect(findEntry(reread.value, tag)).toMatchObject({ kind: "one", descriptor: { digest } });
    }),
  );
});
