import type { Document } from "../../core/oci/descriptor.ts";
import type { Repository } from "../../core/oci/reference.ts";
import type { TestGraph } from "./graphs.ts";
import type { TestImage } from "./images.ts";
import { uploadBlob } from "./upload.ts";

/** Stores a document as any client may, with plain HTTP. */
export async function putDocument(
  { registry, path }: Repository,
  reference: string,
  { bytes, descriptor }: Document,
): Promise<void> {
  const answer = await fetch(`http://${registry}/v2/${path}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": descriptor.mediaType },
    body: Buffer.from(bytes),
  });
  if (answer.status !== 201) throw new Error(`PUT ${reference}: ${answer.status} ${await answer.text()}`);
}

/** Stores an image with its blobs, by its digest or under a tag. */
export async function putImage(repository: Repository, image: TestImage, tag?: string): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await uploadBlob(repository, blob);
  await putDocument(repository, tag ?? image.manifest.descriptor.digest, image.manifest);
}

/** Stores an index with everything below it, under a tag. */
export async function putGraph(repository: Repository, graph: TestGraph, tag = "v1"): Promise<void> {
  for (const image of graph.images) await putImage(repository, image);
  await putDocument(repository, tag, graph.index);
}

/** Bytes that a registry holds under a tag or digest; undefined where it says 404. */
export async function readRaw(
  { registry, path }: Repository,
  reference: string,
): Promise<string | undefined> {
  const accept = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ].join(", ");
  const answer = await fetch(`http://${registry}/v2/${path}/manifests/${reference}`, { headers: { accept } });
  return answer.status === 404 ? undefined : await answer.text();
}
