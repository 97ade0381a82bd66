import { readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { openLayout } from "../../core/layout/open.ts";
import type { Descriptor } from "../../core/oci/descriptor.ts";
import { parseDocument } from "../../core/oci/documents.ts";
import { isIndex } from "../../core/oci/media-type.ts";
import type { Store } from "../../core/registry/store.ts";
import { begun, collect, opened } from "../support/layouts.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

const DOCKERFILE = "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /file\n";
const NAME = "registry.example/team/app:v1";

/** What BuildKit exports of two platforms with provenance. */
async function exported(output: string): Promise<Rig> {
  const rig = await openRig({ Dockerfile: DOCKERFILE, amd64: "one", arm64: "two" });
  const { buildctl, address } = inject("buildkit");
  await execa(
    buildctl,
    [
      "--addr",
      address,
      "build",
      "--progress=plain",
      "--frontend=dockerfile.v0",
      "--local=context=.",
      "--local=dockerfile=.",
      "--opt=platform=linux/amd64,linux/arm64",
      "--opt=attest:provenance=mode=min",
      `--output=type=oci,${output}`,
    ],
    { cwd: rig.directory },
  );
  return rig;
}

/** All that a tag leads to, in the order in which it must be written: blobs first, each document after what it names. */
async function contentsOf(
  store: Store,
  reference: string,
): Promise<{ blobs: Descriptor[]; documents: string[] }> {
  const read = await store.manifest(reference);
  const parsed = read.ok ? parseDocument(read.value.bytes) : read;
  if (!read.ok || !parsed.ok) throw new Error(JSON.stringify(parsed));
  const { digest } = read.value.descriptor;
  if (parsed.value.kind === "manifest")
    return { blobs: [parsed.value.config, ...parsed.value.layers], documents: [digest] };
  const children = await Promise.all(parsed.value.manifests.map((child) => contentsOf(store, child.digest)));
  return {
    blobs: children.flatMap(({ blobs }) => blobs),
    documents: [...children.flatMap(({ documents }) => documents), digest],
  };
}

/** Copies all of it by the port alone. */
async function copyAll(from: Store, to: Store, tag: string): Promise<void> {
  const { blobs, documents } = await contentsOf(from, tag);
  for (const descriptor of blobs) {
    const open = (start: number): AsyncIterable<Uint8Array> => from.openBlob(descriptor, { from: start });
    expect(await to.putBlob({ descriptor, open })).toMatchObject({ ok: true });
  }
  for (const reference of [...documents, tag]) {
    const read = await from.manifest(reference);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    expect(await to.putManifest(reference, read.value)).toEqual({ ok: true, value: undefined });
  }
}

/** A layout of ours with BuildKit's image as `v1`; answers the digest of its index. */
async function written(path: string, kind: "folder" | "tar"): Promise<string> {
  const rig = await exported(`dest=built.tar,name=${NAME}`);
  const source = await opened(join(rig.directory, "built.tar"));
  const made = await begun(path, kind);
  await copyAll(source.store, made.store, "v1");
  expect(await made.finish()).toEqual({ ok: true, value: undefined });
  const resolved = await source.store.resolve("v1");
  return resolved.ok ? (resolved.value?.digest ?? "") : "";
}

async function run(tool: string, argv: readonly string[]): Promise<string> {
  const { stdout } = await execa(tool, argv);
  return stdout;
}

test.each([
  ["a tar file", "dest=out"],
  ["a folder", "dest=out,tar=false"],
])("what BuildKit exports as %s is read, every byte of it", async (_, output) => {
  const rig = await exported(`${output},name=${NAME}`);
  const { store } = await opened(join(rig.directory, "out"));
  expect(await store.tags()).toEqual({ ok: true, value: ["v1"] });
  const resolved = await store.resolve("v1");
  expect(resolved.ok && isIndex(resolved.value?.mediaType ?? "")).toBe(true);
  for (const other of ["latest", NAME]) expect(await store.resolve(other)).toEqual(resolved);
  const { blobs, documents } = await contentsOf(store, "v1");
  // Two platforms, the provenance of each, and the index.
  expect(documents).toHaveLength(5);
  expect(blobs.length).toBeGreaterThanOrEqual(6);
  for (const blob of blobs) expect(await collect(store.openBlob(blob))).toHaveLength(blob.size);
});

test("what BuildKit adds to a layout of ours, and we to one of its own, stands beside the rest", async () => {
  const rig = await exported("dest=out,tar=false,name=registry.example/app:theirs");
  const path = join(rig.directory, "out");
  const source = await opened(path);
  const made = await begun(path, "folder");
  await copyAll(source.store, made.store, "theirs");
  const again = await source.store.manifest("theirs");
  expect(again.ok && (await made.store.putManifest("ours", again.value))).toMatchObject({ ok: true });
  expect(await made.finish()).toMatchObject({ ok: true });
  const { buildctl, address } = inject("buildkit");
  await execa(
    buildctl,
    [
      "--addr",
      address,
      "build",
      "--frontend=dockerfile.v0",
      "--local=context=.",
      "--local=dockerfile=.",
      "--opt=platform=linux/arm64",
      "--output=type=oci,tar=false,dest=out,name=registry.example/app:theirs-too",
    ],
    { cwd: rig.directory },
  );
  const { store } = await opened(path);
  expect(await store.tags()).toEqual({ ok: true, value: ["theirs", "ours", "theirs-too"] });
  for (const tag of ["theirs", "ours", "theirs-too"])
    expect((await contentsOf(store, tag)).blobs).not.toEqual([]);
});

test("skopeo reads a folder and a tar file of ours, and we its own", async () => {
  const rig = await openRig();
  const at = (name: string): string => join(rig.directory, name);
  const digest = await written(at("folder"), "folder");
  await written(at("file.tar"), "tar");
  for (const place of [`oci:${at("folder")}:v1`, `oci-archive:${at("file.tar")}:v1`]) {
    const copied = `docker://${registry.host}/layout/skopeo:${place.length}`;
    await run("skopeo", ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", place, copied]);
    const raw = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", copied]);
    expect(raw).toBe(await run("skopeo", ["inspect", "--raw", place]));
  }
  const theirs = [`oci:${at("theirs")}:v2`, `oci-archive:${at("theirs.tar")}:v2`];
  for (const place of theirs)
    await run("skopeo", ["copy", "--all", "--preserve-digests", `oci:${at("folder")}:v1`, place]);
  for (const path of [at("theirs"), at("theirs.tar")]) {
    const { store } = await opened(path);
    expect(await store.resolve("v2")).toMatchObject({ ok: true, value: { digest } });
    for (const blob of (await contentsOf(store, "v2")).blobs)
      expect(await collect(store.openBlob(blob))).toHaveLength(blob.size);
  }
});

test("crane pushes a folder of ours, and finds all of it to be right", async () => {
  const rig = await openRig();
  const crane = await testTool("crane");
  const path = join(rig.directory, "folder");
  const digest = await written(path, "folder");
  const name = `${registry.host}/layout/crane:v1`;
  await run(crane, ["push", "--insecure", "--index", path, name]);
  await run(crane, ["validate", "--insecure", "--remote", name]);
  // crane pushes index.json itself, which names our index.
  const pushed = await run(crane, ["manifest", "--insecure", name]);
  expect(pushed).toContain(digest);
  await run(crane, [
    "pull",
    "--insecure",
    "--format=oci",
    `${registry.host}/layout/crane@${digest}`,
    join(rig.directory, "theirs"),
  ]);
  const { store } = await opened(join(rig.directory, "theirs"));
  expect(await store.resolve("latest")).toMatchObject({ ok: true, value: { digest } });
});

test("regctl copies a folder of ours, and we read its own", async () => {
  const rig = await openRig();
  const regctl = await testTool("regctl");
  const path = join(rig.directory, "folder");
  const digest = await written(path, "folder");
  expect(await run(regctl, ["image", "digest", `ocidir://${path}:v1`])).toBe(digest);
  await run(regctl, [
    "image",
    "copy",
    "--referrers",
    `ocidir://${path}:v1`,
    `ocidir://${rig.directory}/theirs:v2`,
  ]);
  const { store } = await opened(join(rig.directory, "theirs"));
  expect(await store.resolve("v2")).toMatchObject({ ok: true, value: { digest } });
  expect((await contentsOf(store, "v2")).documents).toHaveLength(5);
});

test("the tar file is the same for the same image, and unpacks to a layout", async () => {
  const rig = await openRig();
  await written(join(rig.directory, "one.tar"), "tar");
  const source = await opened(join(rig.directory, "one.tar"));
  const made = await begun(join(rig.directory, "two.tar"), "tar");
  await copyAll(source.store, made.store, "v1");
  await made.finish();
  const [one, two] = await Promise.all(
    ["one.tar", "two.tar"].map((name) => readFile(join(rig.directory, name))),
  );
  expect(one?.equals(two ?? Buffer.of())).toBe(true);
  const unpacked = join(rig.directory, "unpacked");
  await run("mkdir", [unpacked]);
  await run("tar", ["-xf", join(rig.directory, "one.tar"), "-C", unpacked]);
  expect(await (await opened(unpacked)).store.tags()).toEqual({ ok: true, value: ["v1"] });
  const packed = join(rig.directory, "packed.tar");
  await run("tar", ["-cf", packed, "-C", unpacked, "."]);
  expect(await (await opened(packed)).store.tags()).toEqual({ ok: true, value: ["v1"] });
});

test("BuildKit's tar file, cut off or compressed, is refused", async () => {
  const rig = await exported("dest=out.tar");
  const path = join(rig.directory, "out.tar");
  await run("gzip", ["--keep", path]);
  expect(await openLayout(`${path}.gz`)).toEqual({
    ok: false,
    error: {
      kind: "layout-invalid",
      path: `${path}.gz`,
      detail: expect.stringContaining("compressed with gzip"),
    },
  });
  const { length } = await readFile(path);
  await truncate(path, length - 4096);
  expect(await openLayout(path)).toMatchObject({
    ok: false,
    error: { kind: "layout-invalid", detail: expect.stringContaining("truncated") },
  });
});
