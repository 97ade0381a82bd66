import { createHash, randomBytes, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const CHUNK = 1 << 20;
const OCI = "application/vnd.oci.image";

/**
 * Writes an OCI layout whose tag `latest` is an index: one image for each platform, each with layers of its own that no
 * compression makes smaller. The layers are true gzipped tar files: skopeo compresses what is not, and would do more than others.
 */
export async function writeLayout(
  folder: string,
  options: {
    readonly architectures: readonly string[];
    readonly layers: number;
    readonly layerBytes: number;
  },
): Promise<void> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const manifests: object[] = [];
  for (const architecture of options.architectures) {
    const layers: (Blob & { readonly diffId: string })[] = [];
    for (let each = 0; each < options.layers; each += 1)
      layers.push(await writeLayer(folder, options.layerBytes));
    const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
    const config = await writeJson(folder, { os: "linux", architecture, config: {}, rootfs });
    const manifest = await writeJson(folder, {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { mediaType: `${OCI}.config.v1+json`, ...config },
      layers: layers.map(({ digest, size }) => ({ mediaType: `${OCI}.layer.v1.tar+gzip`, digest, size })),
    });
    const platform = { os: "linux", architecture };
    manifests.push({ mediaType: `${OCI}.manifest.v1+json`, ...manifest, platform });
  }
  const mediaType = `${OCI}.index.v1+json`;
  const index = await writeJson(folder, { schemaVersion: 2, mediaType, manifests });
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  const top = { schemaVersion: 2, mediaType, manifests: [{ mediaType, ...index, annotations }] };
  await writeFile(join(folder, "index.json"), JSON.stringify(top));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

async function writeJson(folder: string, value: object): Promise<Blob> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(folder, "blobs", "sha256", hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

async function writeLayer(folder: string, bytes: number): Promise<Blob & { readonly diffId: string }> {
  const [plain, packed] = [createHash("sha256"), createHash("sha256")];
  const work = join(folder, "layer");
  const file = createWriteStream(work);
  await pipeline(
    Readable.from(tarOf(bytes)),
    hashing(plain),
    createGzip({ level: 0 }),
    hashing(packed),
    file,
  );
  const hex = packed.digest("hex");
  await rename(work, join(folder, "blobs", "sha256", hex));
  return { digest: `sha256:${hex}`, size: file.bytesWritten, diffId: `sha256:${plain.digest("hex")}` };
}

/** One file of random bytes; `bytes` is a multiple of a tar block. */
function* tarOf(bytes: number): Generator<Buffer> {
  const header = Buffer.alloc(512);
  const fields: readonly (readonly [number, string])[] = [
    [0, "data"],
    [100, "0000644"],
    [108, "0000000"],
    [116, "0000000"],
    [124, bytes.toString(8).padStart(11, "0")],
    [136, "00000000000"],
    [148, "        "],
    [156, "0"],
    [257, "ustar\u000000"],
  ];
  for (const [at, text] of fields) header.write(text, at, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  yield header;
  for (let written = 0; written < bytes; written += CHUNK)
    yield randomBytes(Math.min(CHUNK, bytes - written));
  yield Buffer.alloc(1024);
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}
