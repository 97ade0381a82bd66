import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { createLayout, type NewLayout } from "../../core/layout/create.ts";
import { openLayout, type Layout } from "../../core/layout/open.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Descriptor, Document } from "../../core/oci/descriptor.ts";
import type { LayoutFailure } from "../../core/oci/layout-failure.ts";
import type { OutgoingBlob, Store } from "../../core/registry/store.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "./images.ts";
import { temporaryFolder } from "./registry-rig.ts";

/** Files of a layout by name. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

export const MARKER = { "oci-layout": '{"imageLayoutVersion":"1.0.0"}' };

/** A blob that is sent in two pieces. */
export function outgoing(bytes: Uint8Array, as: Partial<Descriptor> = {}): OutgoingBlob {
  const half = Math.floor(bytes.length / 2);
  return {
    descriptor: {
      mediaType: "application/octet-stream",
      digest: digestOf(bytes),
      size: bytes.length,
      ...as,
    },
    open: async function* (from) {
      expect(from).toBe(0);
      yield bytes.subarray(0, half);
      yield bytes.subarray(half);
    },
  };
}

export function nameOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** The files of a layout with this image under these annotations, one entry each. */
export function layoutFiles(
  image: TestImage,
  named: readonly Readonly<Record<string, string>>[] = [{ "org.opencontainers.image.ref.name": "v1" }],
): Record<string, string | Uint8Array> {
  const blobs = [image.config, ...image.layers, image.manifest.bytes];
  return {
    ...MARKER,
    "index.json": indexJson(named.map((annotations) => ({ ...image.manifest.descriptor, annotations }))),
    ...Object.fromEntries(blobs.map((bytes) => [nameOf(digestOf(bytes)), bytes])),
  };
}

export function indexJson(manifests: readonly object[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests });
}

/** Writes files into a new folder. */
export async function folderOf(files: Files): Promise<string> {
  const path = join(await temporaryFolder(), "layout");
  await mkdir(path);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return path;
}

/** Writes bytes into a new file. */
export async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), "layout.tar");
  await writeFile(path, bytes);
  return path;
}

/** Opens a layout that must be one; closed with the test. */
export async function opened(path: string): Promise<Layout> {
  const layout = await openLayout(path);
  if (!layout.ok) throw new Error(JSON.stringify(layout.error));
  onTestFinished(() => layout.value.close());
  return layout.value;
}

/** Why a layout is refused. */
export async function refusal(path: string): Promise<LayoutFailure> {
  const layout = await openLayout(path);
  if (!layout.ok) return layout.error;
  await layout.value.close();
  throw new Error("the layout was not refused");
}

/** Begins a layout that must be possible; discarded with the test. */
export async function begun(path: string, kind: "folder" | "tar"): Promise<NewLayout> {
  const layout = await createLayout(path, { kind });
  if (!layout.ok) throw new Error(JSON.stringify(layout.error));
  onTestFinished(() => layout.value.discard());
  return layout.value;
}

/** Puts an image under references, and all of it must be taken. */
export async function put(store: Store, image: TestImage, ...references: readonly string[]): Promise<void> {
  for (const bytes of [image.config, ...image.layers])
    expect(await store.putBlob(outgoing(bytes))).toMatchObject({ ok: true });
  for (const reference of references)
    expect(await store.putManifest(reference, image.manifest)).toEqual({ ok: true, value: undefined });
}

/** All bytes of a stream. */
export async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

export const amd64 = (layer = "layer"): TestImage =>
  makeImage({ os: "linux", architecture: "amd64" }, [layer]);

/** An artifact that is about another manifest, as a signature is. */
export function referrer(subject: Document, annotations: Readonly<Record<string, string>>): TestImage {
  const config = Buffer.from("{}");
  const layer = Buffer.from(JSON.stringify(annotations));
  const describe = (bytes: Buffer, mediaType: string): Descriptor => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: "application/vnd.example.signature",
    config: describe(config, "application/vnd.oci.empty.v1+json"),
    layers: [describe(layer, "application/vnd.example.signature")],
    subject: subject.descriptor,
    annotations,
  });
  return { config, layers: [layer], manifest };
}
