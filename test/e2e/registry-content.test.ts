import { randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Document } from "../../core/oci/descriptor.ts";
import type { OutgoingBlob, Store } from "../../core/registry/store.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "../support/images.ts";
import { startRealRegistry, type RealRegistry, type RegistryServer } from "../support/real-registry.ts";
import { testClient } from "../support/registry-rig.ts";
import { testTool } from "../support/tools.ts";

const MiB = 1024 * 1024;

/** What differs between the servers, by their own documentation. */
const SERVERS: readonly { readonly server: RegistryServer; readonly deletesTags: boolean }[] = [
  { server: "distribution-2", deletesTags: false },
  { server: "distribution-3", deletesTags: true },
];

describe.each(SERVERS)("$server", ({ server, deletesTags }) => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry({ server });
  });
  afterAll(() => registry.close());

  const open = async (path: string, host = registry.host): Promise<Store> => {
    const client = await testClient({
      timeouts: { connectMs: 5_000, headersMs: 20_000, bodyMs: 20_000 },
      chunkBytes: 4 * MiB,
    });
    return client.registry.store({ registry: host, path });
  };

  test("uploads images that crane and regctl read back whole", async () => {
    const store = await open("content/image");
    const image = makeImage({ os: "linux", architecture: "amd64" }, ["one layer", "another"]);
    await push(store, image);
    expect(await store.putManifest("v1", image.manifest)).toMatchObject({ ok: true });
    const name = `${registry.host}/content/image:v1`;
    expect(await run("crane", ["digest", name])).toBe(image.manifest.descriptor.digest);
    expect(await run("crane", ["validate", "--fast", "--remote", name])).toContain("PASS");
    const { stdout } = await execa(
      await testTool("regctl"),
      await regctl("manifest", "get", name, "--format=raw-body"),
      {
        encoding: "buffer",
      },
    );
    expect(Buffer.from(stdout)).toEqual(Buffer.from(image.manifest.bytes));
    expect(await store.resolve("v1")).toEqual({ ok: true, value: image.manifest.descriptor });
    expect(await store.resolve("v2")).toEqual({ ok: true, value: undefined });
  });

  test("streams a large blob to a registry and back, from any byte on", async () => {
    const store = await open("content/large");
    const content = randomBytes(48 * MiB);
    const blob = blobOf(content);
    expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
    expect(await store.putBlob(blob)).toEqual({ ok: true, value: "present" });
    expect(await digestOfStream(store.openBlob(blob.descriptor))).toBe(blob.descriptor.digest);
    const rest = await collect(store.openBlob(blob.descriptor, { from: content.length - 7 }));
    expect(rest).toEqual(content.subarray(-7));
    const name = `${registry.host}/content/large@${blob.descriptor.digest}`;
    const { stdout } = await execa(await testTool("crane"), ["blob", "--insecure", name], {
      encoding: "buffer",
      maxBuffer: 64 * MiB,
    });
    expect(digestOf(stdout)).toBe(blob.descriptor.digest);
  });

  test("uploads in spite of connections that break in the middle", async () => {
    const content = randomBytes(12 * MiB);
    for (const cuts of [[6 * MiB], [2 * MiB, 5 * MiB], [MiB, MiB, MiB]]) {
      const proxy = await cuttingProxy(registry.host, cuts);
      const store = await open(`content/cut-${cuts.length}`, proxy.host);
      const blob = blobOf(content);
      expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
      expect(proxy.cutsLeft()).toBe(0);
      const direct = await open(`content/cut-${cuts.length}`);
      expect(await digestOfStream(direct.openBlob(blob.descriptor))).toBe(blob.descriptor.digest);
    }
  });

  test("reads in spite of connections that break in the middle", async () => {
    const direct = await open("content/read");
    const blob = blobOf(randomBytes(12 * MiB));
    await direct.putBlob(blob);
    const proxy = await cuttingProxy(registry.host, [5 * MiB, 3 * MiB], "down");
    const store = await open("content/read", proxy.host);
    expect(await digestOfStream(store.openBlob(blob.descriptor))).toBe(blob.descriptor.digest);
    expect(proxy.cutsLeft()).toBe(0);
  });

  test("mounts what another repository has, and uploads what it has not", async () => {
    const content = randomBytes(MiB);
    const source = await open("content/source");
    await source.putBlob(blobOf(content));
    const store = await open("content/mounted");
    expect(await store.putBlob(blobOf(content, "content/source"))).toEqual({ ok: true, value: "mounted" });
    expect(await digestOfStream(store.openBlob(blobOf(content).descriptor))).toBe(digestOf(content));
    const other = blobOf(randomBytes(1_000), "content/source");
    expect(await store.putBlob(other)).toEqual({ ok: true, value: "uploaded" });
  });

  test("is refused content that is not what it says", async () => {
    const store = await open("content/wrong");
    const right = blobOf(randomBytes(1_000));
    const wrong = { ...right, open: blobOf(randomBytes(1_000)).open };
    expect(await store.putBlob(wrong)).toMatchObject({
      ok: false,
      error: { kind: "registry-rejected", status: 400, codes: [{ code: "DIGEST_INVALID" }] },
    });
    expect(await store.putBlob(right)).toEqual({ ok: true, value: "uploaded" });
  });

  test("lists tags, as crane does", async () => {
    const store = await open("content/tags");
    expect(await store.tags()).toEqual({ ok: true, value: [] });
    const image = makeImage({ os: "linux", architecture: "amd64" });
    await push(store, image);
    const tags = Array.from({ length: 120 }, (_, at) => `v${String(at).padStart(3, "0")}`);
    await Promise.all(tags.map((tag) => store.putManifest(tag, image.manifest)));
    const listed = await store.tags();
    const names = (await run("crane", ["ls", `${registry.host}/content/tags`])).split("\n");
    expect(listed).toEqual({ ok: true, value: names });
    expect(names.toSorted()).toEqual(tags);
  });

  test("keeps referrers where regctl and oras find them", async () => {
    const store = await open("content/referrers");
    const image = makeImage({ os: "linux", architecture: "amd64" });
    await push(store, image);
    await store.putManifest("v1", image.manifest);
    const { digest } = image.manifest.descriptor;
    expect(await store.referrers(digest)).toEqual({ ok: true, value: [] });
    const artifacts = [await signature(store, image, "one"), await signature(store, image, "two")];
    const put = await Promise.all(
      artifacts.map((artifact) => store.putManifest(artifact.descriptor.digest, artifact)),
    );
    expect(put.every(({ ok }) => ok)).toBe(true);
    const digests = artifacts.map(({ descriptor }) => descriptor.digest).toSorted();
    const listed = await store.referrers(digest);
    if (!listed.ok) throw new Error(listed.error.kind);
    expect(listed.value.map((each) => each.digest).toSorted()).toEqual(digests);
    expect(listed.value[0]).toMatchObject({ artifactType: "application/vnd.example.signature" });
    const name = `${registry.host}/content/referrers:v1`;
    const found: unknown = JSON.parse(
      (
        await execa(
          await testTool("regctl"),
          await regctl("artifact", "list", name, "--format={{json .Descriptors}}"),
        )
      ).stdout,
    );
    expect(found).toEqual(
      expect.arrayContaining(digests.map((each) => expect.objectContaining({ digest: each }))),
    );
    const oras = await execa(await testTool("oras"), ["discover", "--plain-http", "--format=json", name]);
    expect(digests.every((each) => oras.stdout.includes(each))).toBe(true);
  });

  test("removes manifests, and tags where the server can", async () => {
    const store = await open("content/deleted");
    const image = makeImage({ os: "linux", architecture: "amd64" });
    await push(store, image);
    const { digest } = image.manifest.descriptor;
    for (const tag of ["v1", "v2"]) await store.putManifest(tag, image.manifest);
    const deleted = await store.delete("v1");
    expect(deleted).toMatchObject(
      deletesTags ? { ok: true } : { ok: false, error: { kind: "registry-rejected", codes: [{}] } },
    );
    expect(await store.resolve("v2")).toMatchObject({ ok: true, value: { digest } });
    expect(await store.delete(digest)).toEqual({ ok: true, value: undefined });
    expect(await store.resolve(digest)).toEqual({ ok: true, value: undefined });
    expect(await store.delete(digest)).toEqual({ ok: true, value: undefined });
  });

  async function run(tool: "crane", argv: readonly string[]): Promise<string> {
    const { stdout, stderr } = await execa(await testTool(tool), [...argv, "--insecure"]);
    return `${stdout}${argv[0] === "validate" ? stderr : ""}`;
  }

  async function regctl(...argv: readonly string[]): Promise<readonly string[]> {
    return [`--host=reg=${registry.host},tls=disabled`, ...argv];
  }
});

async function push(store: Store, image: TestImage): Promise<void> {
  const outcomes = await Promise.all(
    [image.config, ...image.layers].map((content) => store.putBlob(blobOf(content))),
  );
  expect(outcomes.every(({ ok }) => ok)).toBe(true);
}

async function signature(store: Store, about: TestImage, name: string): Promise<Document> {
  const config = Buffer.from("{}");
  await store.putBlob(blobOf(config));
  const { mediaType, digest, size } = about.manifest.descriptor;
  return makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: "application/vnd.example.signature",
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(config), size: config.length },
    layers: [],
    subject: { mediaType, digest, size },
    annotations: { name },
  });
}

function blobOf(content: Buffer, mountFrom?: string): OutgoingBlob {
  return {
    descriptor: { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length },
    open: async function* (from) {
      for (let at = from; at < content.length; at += 65_536) {
        await Promise.resolve();
        yield content.subarray(at, at + 65_536);
      }
    },
    ...(mountFrom === undefined ? {} : { mountFrom }),
  };
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
}

async function digestOfStream(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  return digestOf(await collect(pieces));
}

/** Passes bytes on, and breaks the connections on which so many bytes have gone this way, one after the other. */
async function cuttingProxy(
  upstream: string,
  cuts: readonly number[],
  way: "up" | "down" = "up",
): Promise<{ readonly host: string; readonly cutsLeft: () => number }> {
  const left = [...cuts];
  const [host = "", port = ""] = upstream.split(":");
  const server = createServer((client) => {
    const target = connect(Number(port), host);
    let bytes = 0;
    const end = (): void => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) socket.on("error", end).on("close", end);
    (way === "up" ? client : target).on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (left[0] === undefined || bytes < left[0]) return;
      left.shift();
      end();
    });
    client.pipe(target);
    target.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { host: `127.0.0.1:${address.port}`, cutsLeft: () => left.length };
}
