import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createLayout } from "../../../core/layout/create.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { makeDocument, OCI } from "../../support/images.ts";
import {
  amd64,
  begun,
  collect,
  fileOf,
  folderOf,
  indexJson,
  layoutFiles,
  MARKER,
  nameOf,
  opened,
  outgoing,
  put,
} from "../../support/layouts.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";

const DONE = { ok: true, value: undefined };

test.each(["folder", "tar"] as const)(
  "a new %s is not there before it is finished, and nothing else is there after",
  async (kind) => {
    const beside = await temporaryFolder();
    const path = join(beside, "a", "out");
    const made = await begun(path, kind);
    await put(made.store, amd64(), "v1");
    await expect(stat(path)).rejects.toThrow("ENOENT");
    expect(await made.finish()).toEqual(DONE);
    expect(await made.finish()).toEqual(DONE);
    await made.discard();
    expect(await readdir(join(beside, "a"))).toEqual(["out"]);
    const { store } = await opened(path);
    expect(await store.manifest("v1")).toEqual({ ok: true, value: amd64().manifest });
  },
);

test.each(["folder", "tar"] as const)("a discarded %s leaves no trace", async (kind) => {
  const beside = await temporaryFolder();
  const made = await begun(join(beside, "out"), kind);
  await put(made.store, amd64(), "v1");
  await made.discard();
  expect(await readdir(beside)).toEqual([]);
});

test("a folder has the files of the specification and the permissions of any new folder", async () => {
  const beside = await temporaryFolder();
  const made = await begun(join(beside, "out"), "folder");
  await put(made.store, amd64(), "v1");
  await made.finish();
  const names = await readdir(join(beside, "out"), { recursive: true });
  const blobs = Object.keys(layoutFiles(amd64())).filter((name) => name.startsWith("blobs/"));
  expect(names.toSorted()).toEqual(
    ["blobs", "blobs/sha256", ...blobs, "index.json", "oci-layout"].toSorted(),
  );
  expect(await readFile(join(beside, "out/oci-layout"), "utf8")).toBe('{"imageLayoutVersion":"1.0.0"}');
  await mkdir(join(beside, "plain"));
  expect((await stat(join(beside, "out"))).mode).toBe((await stat(join(beside, "plain"))).mode);
});

test("equal images make equal tar files, whatever order they came in", async () => {
  const [one, two] = [amd64("one"), amd64("two")];
  const index = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [one.manifest.descriptor, two.manifest.descriptor],
  });
  const make = async (images: readonly (typeof one)[]): Promise<Buffer> => {
    const path = join(await temporaryFolder(), "out.tar");
    const made = await begun(path, "tar");
    for (const image of images) await put(made.store, image, image.manifest.descriptor.digest);
    expect(await made.store.putManifest("v1", index)).toEqual(DONE);
    expect(await made.finish()).toEqual(DONE);
    return await readFile(path);
  };
  const [forwards, backwards] = [await make([one, two]), await make([two, one])];
  expect(digestOf(forwards)).toBe(digestOf(backwards));
});

test("other programs read the tar file, long names included, and find nothing of this machine in it", async () => {
  const path = join(await temporaryFolder(), "out.tar");
  const made = await begun(path, "tar");
  await put(made.store, amd64(), "v1");
  const content = Buffer.from("a blob of the other algorithm");
  const digest = digestOf(content, "sha512:");
  expect(await made.store.putBlob(outgoing(content, { digest }))).toMatchObject({ ok: true });
  await made.finish();
  const tar = promisify(execFile);
  const { stdout: listed } = await tar("tar", ["--numeric-owner", "--utc", "-tvf", path]);
  const lines = listed.trim().split("\n");
  const blobs = Object.keys(layoutFiles(amd64())).filter((name) => name.startsWith("blobs/"));
  const names = [
    "blobs/",
    "blobs/sha256/",
    ...blobs,
    "blobs/sha512/",
    nameOf(digest),
    "index.json",
    "oci-layout",
  ];
  expect(lines.map((line) => line.split(" ").at(-1))).toEqual(names.toSorted());
  for (const line of lines)
    expect(line).toMatch(/^(?:drwxr-xr-x|-r--r--r--) 0\/0 +\d+ 1970-01-01 00:00 \S+$/);
  const { stdout } = await tar("tar", ["-xOf", path, nameOf(digest)]);
  expect(stdout).toBe(content.toString());
  const { store } = await opened(path);
  expect(await collect(store.openBlob(outgoing(content, { digest }).descriptor))).toEqual(content);
});

test("a layout folder is added to: what it has stays, a tag moves, and until then nothing is seen", async () => {
  const foreign = { "index.json.lock": "", "notes.txt": "mine" };
  const path = await folderOf({
    ...layoutFiles(amd64("old"), [
      { "org.opencontainers.image.ref.name": "v1" },
      { "org.opencontainers.image.ref.name": "v2" },
    ]),
    ...foreign,
  });
  const before = await readFile(join(path, "index.json"), "utf8");
  const made = await begun(path, "folder");
  await put(made.store, amd64("new"), "v2", "v3");
  expect(await made.store.putBlob(outgoing(Buffer.from("old")))).toEqual({ ok: true, value: "present" });
  expect(await made.store.tags()).toEqual({ ok: true, value: ["v1", "v2", "v3"] });
  expect(await readFile(join(path, "index.json"), "utf8")).toBe(before);
  expect((await opened(path)).store).toBeDefined();
  expect(await made.finish()).toEqual(DONE);
  const { store } = await opened(path);
  const digests = { v1: amd64("old"), v2: amd64("new"), v3: amd64("new") };
  for (const [tag, image] of Object.entries(digests))
    expect(await store.manifest(tag)).toEqual({ ok: true, value: image.manifest });
  expect((await readdir(path)).toSorted()).toEqual([
    "blobs",
    "index.json",
    "index.json.lock",
    "notes.txt",
    "oci-layout",
  ]);
});

test("what others add to a folder meanwhile is kept", async () => {
  const path = await folderOf(layoutFiles(amd64("old")));
  const made = await begun(path, "folder");
  await put(made.store, amd64("new"), "v2");
  await put((await opened(path)).store, amd64("other"), "v3");
  expect(await made.finish()).toEqual(DONE);
  expect(await (await opened(path)).store.tags()).toEqual({ ok: true, value: ["v1", "v3", "v2"] });
});

test("what is discarded, or removed but not finished, leaves a folder as it was", async () => {
  const path = await folderOf(layoutFiles(amd64("old")));
  const files = async (): Promise<readonly string[]> => (await readdir(path, { recursive: true })).toSorted();
  const before = await files();
  const made = await begun(path, "folder");
  await put(made.store, amd64("new"), "v2");
  expect(await made.store.delete(amd64("old").manifest.descriptor.digest)).toEqual(DONE);
  expect(await made.store.tags()).toEqual({ ok: true, value: ["v2"] });
  expect(await made.store.resolve(amd64("old").manifest.descriptor.digest)).toEqual({
    ok: true,
    value: undefined,
  });
  await made.discard();
  expect(await files()).toEqual(before);
  expect(await (await opened(path)).store.manifest("v1")).toMatchObject({ ok: true });
});

test("what was removed is gone when it is finished, and what came back is not", async () => {
  const path = await folderOf(layoutFiles(amd64("old")));
  const { digest } = amd64("old").manifest.descriptor;
  const removing = await begun(path, "folder");
  expect(await removing.store.delete(digest)).toEqual(DONE);
  expect(await removing.finish()).toEqual(DONE);
  await expect(stat(join(path, nameOf(digest)))).rejects.toThrow("ENOENT");
  const again = await begun(path, "folder");
  await put(again.store, amd64("old"), "v1");
  expect(await again.store.delete(digest)).toEqual(DONE);
  await put(again.store, amd64("old"), "v1");
  expect(await again.finish()).toEqual(DONE);
  expect(await (await opened(path)).store.manifest("v1")).toMatchObject({ ok: true });
});

test("an empty folder, or one with another run's staging alone, becomes a layout", async () => {
  const path = await folderOf({ ".layout.1234.partial/blobs/x": "" });
  const made = await begun(path, "folder");
  await put(made.store, amd64(), "v1");
  expect(await made.finish()).toEqual(DONE);
  expect(await (await opened(path)).store.tags()).toEqual({ ok: true, value: ["v1"] });
  expect((await readdir(path)).toSorted()).toEqual([
    ".layout.1234.partial",
    "blobs",
    "index.json",
    "oci-layout",
  ]);
});

test("a tar file is replaced, when it is finished", async () => {
  const path = await fileOf(Buffer.from("what was there"));
  const made = await begun(path, "tar");
  await put(made.store, amd64(), "v1");
  expect(await readFile(path, "utf8")).toBe("what was there");
  expect(await made.finish()).toEqual(DONE);
  expect(await (await opened(path)).store.tags()).toEqual({ ok: true, value: ["v1"] });
  expect(await readdir(dirname(path))).toEqual(["layout.tar"]);
});

test.each<[string, "folder" | "tar", () => Promise<string>, string]>([
  ["a folder of something else", "folder", () => folderOf({ "photo.jpg": "x" }), "it has no file oci-layout"],
  [
    "a damaged layout",
    "folder",
    () => folderOf({ ...MARKER, "index.json": "{" }),
    "its index.json is no image index",
  ],
  ["a file for a folder", "folder", () => fileOf(Buffer.from("x")), "it is a file"],
  [
    "a folder for a tar file",
    "tar",
    () => folderOf({ ...MARKER, "index.json": indexJson([]) }),
    "it is a folder",
  ],
])("is refused: %s", async (_, kind, place, detail) => {
  const path = await place();
  const before = await readdir(dirname(path), { recursive: true });
  expect(await createLayout(path, { kind })).toEqual({
    ok: false,
    error: { kind: "layout-invalid", path, detail: expect.stringContaining(detail) },
  });
  expect(await readdir(dirname(path), { recursive: true })).toEqual(before);
});

test("a path below a file cannot be written, which is said", async () => {
  const file = await fileOf(Buffer.from("x"));
  const path = join(file, "below");
  expect(await createLayout(path, { kind: "tar" })).toMatchObject({
    ok: false,
    error: { kind: "layout-inaccessible", path },
  });
});

test("a layout whose place was taken meanwhile can be discarded, and what is there stays", async () => {
  const beside = await temporaryFolder();
  const path = join(beside, "out");
  const made = await begun(path, "folder");
  await put(made.store, amd64(), "v1");
  await mkdir(path);
  await writeFile(join(path, "photo.jpg"), "x");
  expect(await made.finish()).toMatchObject({ ok: false, error: { kind: "layout-inaccessible", path } });
  await made.discard();
  expect(await readdir(beside, { recursive: true })).toEqual(["out", "out/photo.jpg"]);
});

test("a blob that changed on the disk before it was packed is not packed", async () => {
  const beside = await temporaryFolder();
  const made = await begun(join(beside, "out.tar"), "tar");
  await put(made.store, amd64(), "v1");
  const name = nameOf(outgoing(amd64().config).descriptor.digest);
  const [staging = ""] = await readdir(beside);
  const size = amd64().config.length;
  await chmod(join(beside, staging, name), 0o644);
  await writeFile(join(beside, staging, name), "x".repeat(size));
  expect(await made.finish()).toMatchObject({ ok: false, error: { kind: "layout-content-damaged" } });
  expect(await readdir(beside)).toEqual([staging]);
});
