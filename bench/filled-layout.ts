import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** What `gzip` and `zstd` are called with. */
export type Packer = "gzip" | "zstd";

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const OCI = "application/vnd.oci.image";
const MIB = 2 ** 20;

/**
 * Writes an OCI layout whose tag `latest` is an index of these architectures, each with 200 MB of files: half of them small, half
 * large, as compressible as programs are. Answers the paths of the layers.
 */
export async function writeFilledLayout(
  folder: string,
  architectures: readonly string[],
  packer: Packer,
): Promise<readonly string[]> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const material = readFileSync(process.execPath);
  const layers: string[] = [];
  const manifests: object[] = [];
  for (const [position, architecture] of architectures.entries()) {
    const own: (Blob & { readonly diffId: string })[] = [];
    for (const fileBytes of [32 * 1024, 8 * MIB]) {
      const seed = position * 2 + (fileBytes > MIB ? 1 : 0);
      own.push(await writeLayer(blobs, tarOf(material, fileBytes, seed), packer));
    }
    layers.push(...own.map(({ digest }) => join(blobs, digest.slice("sha256:".length))));
    const rootfs = { type: "layers", diff_ids: own.map(({ diffId }) => diffId) };
    const config = await writeJson(blobs, { os: "linux", architecture, config: {}, rootfs });
    const manifest = await writeJson(blobs, {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { mediaType: `${OCI}.config.v1+json`, ...config },
      layers: own.map(({ digest, size }) => ({
        mediaType: `${OCI}.layer.v1.tar+${packer}`,
        digest,
        size,
      })),
    });
    const platform = { os: "linux", architecture };
    manifests.push({ mediaType: `${OCI}.manifest.v1+json`, ...manifest, platform });
  }
  const mediaType = `${OCI}.index.v1+json`;
  const index = await writeJson(blobs, { schemaVersion: 2, mediaType, manifests });
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  const top = { schemaVersion: 2, mediaType, manifests: [{ mediaType, ...index, annotations }] };
  await writeFile(join(folder, "index.json"), JSON.stringify(top));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return layers;
}

async function writeJson(blobs: string, value: object): Promise<Blob> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(blobs, hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

async function writeLayer(
  blobs: string,
  tar: Generator<Buffer>,
  packer: Packer,
): Promise<Blob & { readonly diffId: string }> {
  const plain = createHash("sha256");
  const work = join(blobs, "layer");
  const child = spawn(packer, ["-c"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const hashed = Readable.from(
    (function* () {
      for (const piece of tar) {
        plain.update(piece);
        yield piece;
      }
    })(),
  );
  await Promise.all([pipeline(hashed, child.stdin), pipeline(child.stdout, createWriteStream(work))]);
  await ended;
  const packed = createHash("sha256");
  await pipeline(createReadStream(work), packed);
  const hex = packed.digest("hex");
  const { size } = await stat(work);
  await rename(work, join(blobs, hex));
  return { digest: `sha256:${hex}`, size, diffId: `sha256:${plain.digest("hex")}` };
}

/** 100 MB of files, each a piece of the material that no other layer has at that place. None begins like a program. */
function* tarOf(material: Buffer, fileBytes: number, seed: number): Generator<Buffer> {
  const files = Math.floor((100 * MIB) / fileBytes);
  for (let file = 0; file < files; file += 1) {
    const from = ((file * 7 + seed * 13) * 65_537) % (material.length - fileBytes - 1);
    yield header(`files/${file % 100}/${file}`, fileBytes);
    const content = Buffer.from(material.subarray(from, from + fileBytes));
    content.write(`piece ${seed}`, 0, "latin1");
    yield content;
  }
  yield Buffer.alloc(1024);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, "0000644"],
    [108, "0000000"],
    [116, "0000000"],
    [124, size.toString(8).padStart(11, "0")],
    [136, "00000000000"],
    [148, "        "],
    [156, "0"],
    [257, "ustar\u000000"],
  ];
  for (const [at, text] of fields) block.write(text, at, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
