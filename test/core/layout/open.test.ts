import { execFile } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openLayout } from "../../../core/layout/open.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import {
  amd64,
  collect,
  fileOf,
  folderOf,
  indexJson,
  layoutFiles,
  MARKER,
  nameOf,
  opened,
  outgoing,
  refusal,
  type Files,
} from "../../support/layouts.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { tarball, type TarEntry } from "../../support/tarball.ts";

const image = amd64();
const config = outgoing(image.config).descriptor;
const [layer = Buffer.of()] = image.layers;

/** An uncompressed tar file of these members. */
function tar(entries: readonly TarEntry[]): Buffer {
  return gunzipSync(tarball(entries));
}

function entriesOf(files: Files): readonly TarEntry[] {
  return Object.entries(files).map(([name, content]) => ({ name, content: Buffer.from(content).toString() }));
}

const PLACES: readonly [string, (files: Files) => Promise<string>][] = [
  ["a folder", folderOf],
  ["a tar file", async (files) => await fileOf(tar(entriesOf(files)))],
  [
    "a tar file of `.`",
    async (files) =>
      await fileOf(
        tar([
          { name: "./", type: "5" },
          ...entriesOf(files).map((each) => ({ ...each, name: `./${each.name}` })),
        ]),
      ),
  ],
];

test.each(PLACES)("%s is read", async (_, place) => {
  const { store } = await opened(await place(layoutFiles(image)));
  expect(await store.manifest("v1")).toEqual({ ok: true, value: image.manifest });
  expect(await store.blob(config)).toEqual({ ok: true, value: image.config });
  expect(await collect(store.openBlob(config, { from: 3 }))).toEqual(image.config.subarray(3));
  expect(await store.tags()).toEqual({ ok: true, value: ["v1"] });
});

test("a large blob comes in pieces, whole and from its middle", async () => {
  const content = Buffer.from("0123456789abcdef".repeat(50_000));
  const files = { ...MARKER, "index.json": indexJson([]), [nameOf(digestOf(content))]: content };
  const { descriptor } = outgoing(content);
  for (const [, place] of PLACES) {
    const { store } = await opened(await place(files));
    expect((await collect(store.openBlob(descriptor))).equals(content)).toBe(true);
    expect(
      (await collect(store.openBlob(descriptor, { from: 300_001 }))).equals(content.subarray(300_001)),
    ).toBe(true);
    expect(await collect(store.openBlob(descriptor, { from: content.length }))).toHaveLength(0);
    for await (const piece of store.openBlob(descriptor)) {
      expect(piece.length).toBeLessThan(content.length);
      break;
    }
  }
});

describe.each(PLACES)("%s is refused", (_, place) => {
  test.each<[string, Files, string]>([
    ["without its marker", { "index.json": indexJson([]) }, "it has no file oci-layout"],
    ["without an index", { ...MARKER }, "it has no file index.json"],
    [
      "of another version",
      { "oci-layout": '{"imageLayoutVersion":"2.0.0"}', "index.json": indexJson([]) },
      "its imageLayoutVersion is 2.0.0; 1.x is read here",
    ],
    [
      "of no version",
      { "oci-layout": "{}", "index.json": indexJson([]) },
      "its file oci-layout has no imageLayoutVersion",
    ],
    [
      "with a marker that is no JSON",
      { "oci-layout": "1.0.0", "index.json": indexJson([]) },
      "its file oci-layout has no imageLayoutVersion",
    ],
    ["with an index that is no JSON", { ...MARKER, "index.json": "{" }, "its index.json is no image index"],
    [
      "with an index that is too large",
      { ...MARKER, "index.json": " ".repeat(4 * 1024 * 1024 + 1) },
      "its index.json has more than",
    ],
    [
      "as docker save made it before",
      { "manifest.json": "[]", repositories: "{}" },
      "it has no file oci-layout",
    ],
  ])("%s", async (_why, files, detail) => {
    const path = await place(files);
    expect(await refusal(path)).toEqual({
      kind: "layout-invalid",
      path,
      detail: expect.stringContaining(detail),
    });
  });

  const damaged = { kind: "layout-content-damaged" };
  test.each<[string, Files, object]>([
    [
      "other bytes of the same length",
      { [nameOf(config.digest)]: "x".repeat(config.size) },
      { ...damaged, digest: config.digest },
    ],
    [
      "fewer bytes",
      { [nameOf(config.digest)]: "x" },
      { ...damaged, detail: `it has 1 bytes and not ${config.size}` },
    ],
    [
      "more bytes",
      { [nameOf(config.digest)]: "x".repeat(config.size + 1) },
      { ...damaged, detail: `it has ${config.size + 1} bytes and not ${config.size}` },
    ],
  ])("when a blob is read: %s", async (_why, files, failure) => {
    const { store } = await opened(await place({ ...layoutFiles(image), ...files }));
    expect(await store.blob(config)).toMatchObject({ ok: false, error: failure });
    expect(await collect(store.openBlob(config)).catch((error: unknown) => error)).toMatchObject({ failure });
  });

  const manifest = image.manifest.descriptor;
  test.each<[string, Files, object]>([
    [
      "other bytes",
      { [nameOf(manifest.digest)]: "x".repeat(manifest.size) },
      { ...damaged, digest: manifest.digest },
    ],
    ["another size than named", { "index.json": indexJson([{ ...manifest, size: 3 }]) }, damaged],
    [
      "another media type than named",
      { "index.json": indexJson([{ ...manifest, mediaType: "application/vnd.oci.image.index.v1+json" }]) },
      { kind: "layout-invalid" },
    ],
    [
      "a blob named as a manifest",
      { "index.json": indexJson([{ ...manifest, digest: config.digest, size: config.size }]) },
      { kind: "layout-invalid" },
    ],
    [
      "a manifest of gigabytes",
      { "index.json": indexJson([{ ...manifest, size: 5e9 }]) },
      { kind: "layout-invalid" },
    ],
    [
      "a manifest that is not there",
      { "index.json": indexJson([{ ...manifest, digest: `sha256:${"0".repeat(64)}` }]) },
      { kind: "layout-content-missing", reference: `sha256:${"0".repeat(64)}` },
    ],
  ])("when a manifest is read: %s", async (_why, files, failure) => {
    const { store } = await opened(await place({ ...layoutFiles(image), ...files }));
    expect(await store.manifest("latest")).toMatchObject({ ok: false, error: failure });
  });
});

test("nothing, a pipe, and a path that cannot be are told apart", async () => {
  const folder = await temporaryFolder();
  const missing = join(folder, "missing");
  expect(await refusal(missing)).toEqual({ kind: "layout-missing", path: missing });
  const pipe = join(folder, "pipe");
  await promisify(execFile)("mkfifo", [pipe]);
  expect(await refusal(pipe)).toMatchObject({
    kind: "layout-invalid",
    detail: "it is neither a folder nor a file",
  });
  expect(await refusal(join(folder, "a\0b"))).toMatchObject({ kind: "layout-inaccessible" });
});

describe("links in a folder lead nowhere:", () => {
  const outside = async (): Promise<string> => await folderOf(layoutFiles(image));

  test.each(["index.json", "oci-layout"])("%s", async (name) => {
    const path = await folderOf(layoutFiles(image));
    await rm(join(path, name));
    await symlink(join(await outside(), name), join(path, name));
    expect(await refusal(path)).toMatchObject({
      kind: "layout-invalid",
      detail: expect.stringContaining(`${name} is no regular file`),
    });
  });

  test.each(["blobs", "blobs/sha256", nameOf(config.digest)])("%s", async (name) => {
    const path = await folderOf(layoutFiles(image));
    await rm(join(path, name), { recursive: true });
    await symlink(join(await outside(), name), join(path, name));
    const { store } = await opened(path);
    const refused = {
      ok: false,
      error: { kind: "layout-invalid", detail: expect.stringContaining("is no regular file") },
    };
    expect(await store.blob(config)).toMatchObject(refused);
    expect(await store.putBlob(outgoing(image.config))).toMatchObject(refused);
  });

  test("a folder of blobs, when one is written", async () => {
    const path = await folderOf({ ...MARKER, "index.json": indexJson([]) });
    const target = await temporaryFolder();
    await mkdir(join(path, "blobs"));
    await symlink(target, join(path, "blobs/sha256"));
    const { store } = await opened(path);
    expect(await store.putBlob(outgoing(image.config))).toMatchObject({
      ok: false,
      error: { kind: "layout-invalid" },
    });
  });

  test("a folder in the place of a blob", async () => {
    const path = await folderOf({ ...layoutFiles(image) });
    await rm(join(path, nameOf(config.digest)));
    await mkdir(join(path, nameOf(config.digest)));
    const { store } = await opened(path);
    const refused = { ok: false, error: { kind: "layout-invalid" } };
    expect(await store.blob(config)).toMatchObject(refused);
    expect(await store.putBlob(outgoing(image.config))).toMatchObject(refused);
  });

  test("a pipe is not waited for", async () => {
    const path = await folderOf(layoutFiles(image));
    await rm(join(path, nameOf(config.digest)));
    await promisify(execFile)("mkfifo", [join(path, nameOf(config.digest))]);
    const { store } = await opened(path);
    expect(await store.blob(config)).toMatchObject({ ok: false, error: { kind: "layout-invalid" } });
  });

  test("but the layout itself may be reached by one", async () => {
    const path = await folderOf(layoutFiles(image));
    const moved = join(dirname(path), "moved");
    await rename(path, moved);
    await symlink(moved, path);
    const { store } = await opened(path);
    expect(store.name).toBe(path);
    expect(await store.blob(config)).toMatchObject({ ok: true });
  });
});

describe("a tar file", () => {
  const files = layoutFiles(image);
  const whole = tar(entriesOf(files));

  test.each<[string, Buffer, string]>([
    ["compressed with gzip", gzipSync(whole), "it is compressed with gzip"],
    ["compressed with zstd", Buffer.from("28b52ffd0458", "hex"), "it is compressed with zstd"],
    ["that is empty", Buffer.of(), "it is truncated"],
    ["that is none", Buffer.alloc(2048, "text"), "it is no tar file"],
    ["cut off within a member", whole.subarray(0, 530), "it is truncated: it ends within oci-layout"],
    ["without its end", whole.subarray(0, -1024), "it is truncated: a tar file has an end mark"],
    [
      "with two indexes",
      tar([...entriesOf(files), { name: "./index.json", content: indexJson([]) }]),
      "it has index.json twice",
    ],
    [
      "with an index that is a link",
      tar([...entriesOf({ ...MARKER }), { name: "index.json", type: "2", linkName: "/etc/passwd" }]),
      "it has no file index.json",
    ],
    [
      "with a bad extended header",
      tar([{ name: "x", type: "x", content: "nonsense" }, ...entriesOf(files)]),
      "it is damaged: a bad extended header at byte 0",
    ],
    [
      "with a name for all members",
      tar([{ name: "x", type: "g", content: "19 path=index.json\n" }, ...entriesOf(files)]),
      "it is damaged: a bad extended header at byte 0",
    ],
    [
      "with a huge extended header",
      tar([{ name: "x", type: "x", content: `70011 comment=${"x".repeat(69_996)}\n` }]),
      "a bad extended header",
    ],
  ])("%s is refused", async (_, bytes, detail) => {
    const path = await fileOf(bytes);
    expect(await refusal(path)).toEqual({
      kind: "layout-invalid",
      path,
      detail: expect.stringContaining(detail),
    });
  });

  test("cut off or changed anywhere is refused, or what was hit is; never is anything wrong read", async () => {
    const right = [image.manifest, image.config, layer];
    const allowed = new Set(["right", "layout-invalid", "layout-content-missing", "layout-content-damaged"]);
    const verdicts = async (bytes: Buffer): Promise<readonly string[]> => {
      const layout = await openLayout(await fileOf(bytes));
      if (!layout.ok) return [layout.error.kind];
      const { store } = layout.value;
      const reads = [
        await store.manifest("v1"),
        await store.blob(config),
        await store.blob(outgoing(layer).descriptor),
      ];
      await layout.value.close();
      return reads.map((read, at) => {
        if (!read.ok) return read.error.kind;
        return isDeepStrictEqual(read.value, right[at]) ? "right" : "wrong";
      });
    };
    expect(await verdicts(whole)).toEqual(["right", "right", "right"]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.option(fc.integer({ min: 1, max: 255 })),
        async (at, change) => {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ (change ?? 0);
          const hit = await verdicts(change === null ? bytes.subarray(0, at) : bytes);
          expect(hit.filter((verdict) => !allowed.has(verdict))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("names that lead elsewhere, and other members, are passed over", async () => {
    const path = await fileOf(
      tar([
        { name: "../index.json", content: "{" },
        { name: "/index.json", content: "{" },
        { name: "blobs/sha256/../../index.json", content: "{" },
        { name: "blobs/", type: "5" },
        { name: "x", type: "x", content: "17 comment=hello\n" },
        ...entriesOf(files),
        { name: "manifest.json", content: "[]" },
      ]),
    );
    const { store } = await opened(path);
    expect(await store.manifest("v1")).toMatchObject({ ok: true });
  });

  test("with long names, POSIX's and GNU's, is read", async () => {
    const content = "content";
    const digest = digestOf(Buffer.from(content), "sha512:");
    const other = digestOf(Buffer.from("other"), "sha512:");
    const record = ` path=${nameOf(digest)}\n`;
    const path = await fileOf(
      tar([
        ...entriesOf({ ...MARKER, "index.json": indexJson([]) }),
        { name: "pax", type: "x", content: `${record.length + 3}${record}` },
        { name: "short", content },
        { name: "././@LongLink", type: "L", content: `${nameOf(other)}\0` },
        { name: "././@LongLink", type: "K", content: "a long target of a link\0" },
        { name: "short", content: "other" },
      ]),
    );
    const { store } = await opened(path);
    const read = (wanted: typeof digest): Promise<unknown> => store.blob({ digest: wanted });
    expect(await read(digest)).toEqual({ ok: true, value: Buffer.from(content) });
    expect(await read(other)).toEqual({ ok: true, value: Buffer.from("other") });
  });

  test("is only read", async () => {
    const { store } = await opened(await fileOf(whole));
    const refused = {
      ok: false,
      error: { kind: "layout-inaccessible", detail: expect.stringContaining("cannot be changed") },
    };
    expect(await store.putBlob(outgoing(Buffer.from("new")))).toMatchObject(refused);
    expect(await store.putManifest("v2", image.manifest)).toMatchObject(refused);
    expect(await store.delete("v1")).toMatchObject(refused);
    expect(await store.putBlob(outgoing(image.config))).toEqual({ ok: true, value: "present" });
    expect(await store.delete("v9")).toEqual({ ok: true, value: undefined });
  });

  test("that lost its end since it was opened is no blob", async () => {
    const path = await fileOf(whole);
    const { store } = await opened(path);
    await writeFile(path, whole.subarray(0, 600));
    expect(await store.blob(config)).toMatchObject({ ok: false, error: { kind: "layout-content-damaged" } });
  });
});
