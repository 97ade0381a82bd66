/** Images made of real root file systems, which `npm test` fetches: Debian's smallest system, and a cross toolchain. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Descriptor } from "../../core/oci/descriptor.ts";
import { parseDigest, type Digest } from "../../core/oci/digest.ts";
import type { Store } from "../../core/registry/store.ts";
import { verifyImage } from "../../core/verify/verify-image.ts";
import type { ImageToVerify, VerifiedImage } from "../../core/verify/verified.ts";
import { testFiles } from "./tools.ts";
import { makeImage, memoryOf, platform, storeOf } from "./verify-images.ts";

/** A layer in a file. */
export interface FileLayer {
  readonly path: string;
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

/** Reads a file with a layer, to know its digests. */
export async function fileLayer(path: string): Promise<FileLayer> {
  const [packed, content] = [createHash("sha256"), createHash("sha256")];
  await Promise.all([
    pipeline(createReadStream(path), packed),
    pipeline(createReadStream(path), createGunzip(), content),
  ]);
  const { size } = await stat(path);
  return {
    path,
    descriptor: { mediaType: MEDIA_TYPE, digest: digestIn(packed), size },
    diffId: digestIn(content),
  };
}

function digestIn(hash: ReturnType<typeof createHash>): Digest {
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  if (digest === undefined) throw new Error("a hash that is no digest");
  return digest;
}

const layers = new Map<string, Promise<FileLayer>>();
const memory = memoryOf([]);

/** One of the sets that are fetched: `amd64`, `arm64`, `armhf`, `s390x`, `cross-arm64`. Each is read once. */
export async function rootLayer(set: string): Promise<FileLayer> {
  const known =
    layers.get(set) ?? fileLayer(join(await testFiles("BUILDX_PLAN_ROOT_FILES"), `${set}.tar.gz`));
  layers.set(set, known);
  return await known;
}

/** Looks into an image of these layers, for what is said to be its platform in index and config alike. */
export async function verifyLayers(
  given: readonly FileLayer[],
  { declared, cmd }: { readonly declared: string; readonly cmd: readonly string[] },
): Promise<VerifiedImage> {
  const { image } = makeImage({ platform: declared, layers: [], cmd });
  const toVerify: ImageToVerify = {
    ...image,
    platform: platform(declared),
    layers: given.map(({ descriptor }) => descriptor),
    config: { ...image.config, diffIds: given.map(({ diffId }) => diffId) },
  };
  const verified = await verifyImage(toVerify, {
    store: storeOf({ openBlob: (wanted) => openLayer(given, wanted) }),
    memory,
    settings: { content: "error", ignore: [] },
    signal: new AbortController().signal,
  });
  if (!verified.ok) throw new Error(`not verified: ${JSON.stringify(verified.error)}`);
  return verified.value;
}

function openLayer(given: readonly FileLayer[], wanted: Descriptor): ReturnType<Store["openBlob"]> {
  const layer = given.find(({ descriptor }) => descriptor.digest === wanted.digest);
  if (layer === undefined) throw new Error(`there is no layer ${wanted.digest}`);
  return createReadStream(layer.path);
}
