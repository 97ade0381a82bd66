import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLayout } from "../layout/create.ts";
import { tarBytes, type TarSource } from "../layout/tar-write.ts";
import { parseDocument, type Manifest } from "../oci/documents.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { transfer } from "../publish/transfer.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ImageToScan } from "./image-to-scan.ts";
import type { LocalImage, ScanFailure } from "./source.ts";

/** Copies an image into a folder, so that scanners can read its layers. */
export async function copyHere(
  { store, manifest: digest }: ImageToScan,
  folder: string,
  signal: AbortSignal,
): Promise<Result<LocalImage, ScanFailure>> {
  const root = await store.manifest(digest, signal);
  if (!root.ok) return unreadable(root.error);
  const parsed = parseDocument(root.value.bytes);
  if (!parsed.ok || parsed.value.kind !== "manifest")
    return fail({ problem: "unreadable", detail: `${digest} is not the manifest of an image` });
  const layout = join(folder, "image");
  const made = await createLayout(layout, { kind: "folder" });
  if (!made.ok) return unreadable(made.error);
  const copied = await transfer({
    from: store,
    to: made.value.store,
    root: root.value,
    referrers: false,
    tags: ["latest"],
    signal,
  });
  if (!copied.ok) {
    await made.value.discard();
    return "cause" in copied.error
      ? unreadable(copied.error.cause)
      : fail({ problem: "unreadable", detail: `it cannot be copied: ${copied.error.kind}` });
  }
  if (copied.value.notCopied.length > 0) {
    const detail = "it has layers that only their owner may distribute: nobody can look into them here";
    return fail({ problem: "unreadable", detail });
  }
  const finished = await made.value.finish();
  if (!finished.ok) return unreadable(finished.error);
  const manifest = parsed.value;
  const documents = ["oci-layout", "index.json", blobName(digest)];
  return ok({
    layout,
    archive: async () => await pack({ manifest, documents }, layout, join(folder, "image.tar")),
  });
}

/**
 * Packs a layout as `docker save` does since version 25: an OCI layout, and a file that tells older readers what its blobs are.
 * @see https://github.com/moby/docker-image-spec/blob/main/README.md#combined-image-json--filesystem-changeset-format
 */
async function pack(
  {
    manifest: { config, layers },
    documents,
  }: { readonly manifest: Manifest; readonly documents: readonly string[] },
  layout: string,
  path: string,
): Promise<Result<string, ScanFailure>> {
  const described = [
    { Config: blobName(config.digest), RepoTags: null, Layers: layers.map(({ digest }) => blobName(digest)) },
  ];
  const bytes = Buffer.from(JSON.stringify(described));
  const blobs = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
  const small = await Promise.all(
    documents.map(async (name) => inMemory(name, await readFile(join(layout, name)))),
  );
  const files: readonly TarSource[] = [
    inMemory("manifest.json", bytes),
    ...small,
    ...[...blobs.values()].map((blob) => fileOf(layout, blob)),
  ];
  await writeFile(path, tarBytes(files));
  return ok(path);
}

function fileOf(layout: string, { digest, size }: Descriptor): TarSource {
  const name = blobName(digest);
  return { name, size, open: () => read(join(layout, name)) };
}

function inMemory(name: string, bytes: Uint8Array): TarSource {
  return { name, size: bytes.length, open: () => once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* read(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  for await (const chunk of file.createReadStream()) if (chunk instanceof Uint8Array) yield chunk;
}

function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function unreadable(cause: StoreFailure): Result<never, ScanFailure> {
  return fail({ problem: "unreadable", detail: "the image cannot be copied", cause });
}
