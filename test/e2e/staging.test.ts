import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Repository } from "../../core/oci/reference.ts";
import { assembleIndex } from "../../core/oci/image-index.ts";
import type { Store } from "../../core/registry/store.ts";
import { ok } from "../../core/result.ts";
import type { Held } from "../../core/staging/hold.ts";
import { unstage } from "../../core/staging/unstage.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { releaseGraph } from "../support/graphs.ts";
import { DOCKER, type MediaTypes } from "../support/images.ts";
import { putDocument, putGraph, putImage, readRaw } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { testClient } from "../support/registry-rig.ts";
import {
  findNewest,
  NO_TIME,
  STAGED_TAG,
  stagedImage,
  stageImage,
  stagingRecord,
  type StagedImage,
} from "../support/staging.ts";

const SERVERS = [
  // Its collector takes the children of every index, tagged or not.
  { server: "distribution-2", program: "docker-registry", keepsChildren: false },
  { server: "distribution-3", program: "registry", keepsChildren: true },
] as const;

/** Puts an image there as BuildKit does, and a staging tag upon it. */
async function staged(
  to: Repository,
  types?: MediaTypes,
): Promise<StagedImage & { readonly store: Store; readonly digest: Digest; readonly held: Held }> {
  const image = stagedImage(to.path, types);
  await putImage(to, image.image);
  await putImage(to, image.attestation);
  const { registry } = await testClient();
  const store = registry.store(to);
  const { index, held } = await stageImage(store, { published: image.published, record: stagingRecord() });
  return { ...image, store, digest: index.digest, held };
}

describe.each(SERVERS)("$server", ({ server, program, keepsChildren }) => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry({ server });
    return () => registry.close();
  });

  const at = (path: string): Repository => ({ registry: registry.host, path });

  test("a staged variant is found, goes into a release, and loses its staging tag alone", async () => {
    const to = at("staging/whole");
    const { image, attestation, published, store, digest, held } = await staged(to);
    const found = await findNewest(store);
    expect(found).toMatchObject({
      ok: true,
      value: { kind: "staged", digest, record: stagingRecord(), published },
    });
    const index = assembleIndex({ children: [published.manifest, ...published.attestations], format: "oci" });
    if (!index.ok) throw new Error(index.error.kind);
    await putDocument(to, "1.0", index.value);
    expect(await unstage(store, held, NO_TIME)).toEqual(ok({ kind: "removed" }));
    expect(await unstage(store, held, NO_TIME)).toEqual(ok({ kind: "removed" }));
    expect(await findNewest(store)).toEqual(ok({ kind: "absent" }));
    expect(await readRaw(to, STAGED_TAG)).toBeUndefined();
    for (const { manifest } of [image, attestation])
      expect(await readRaw(to, manifest.descriptor.digest)).toBe(Buffer.from(manifest.bytes).toString());
    const source = `docker://${registry.host}/staging/whole:1.0`;
    const folder = `dir:${join(registry.folder, "pulled")}`;
    const pulled = await execa("skopeo", ["copy", "--all", "--src-tls-verify=false", source, folder]);
    expect(pulled.exitCode).toBe(0);
  });

  test("Docker's documents stand in OCI's staging index", async () => {
    const { store, published } = await staged(at("staging/docker"), DOCKER);
    expect(await findNewest(store)).toMatchObject({
      value: { kind: "staged", published },
    });
  });

  test("nothing is there: neither the tag, nor the repository", async () => {
    const { store } = await staged(at("staging/other"));
    const tag = STAGED_TAG.replace(/.$/, "0");
    expect(await findNewest(store, { tag })).toEqual(ok({ kind: "absent" }));
    const client = await testClient();
    const nowhere = client.registry.store(at("staging/nowhere"));
    expect(await findNewest(nowhere)).toEqual(ok({ kind: "absent" }));
  });

  test("what was deleted meanwhile is not believed", async () => {
    const { store, image, digest } = await staged(at("staging/deleted"));
    const missing = image.manifest.descriptor.digest;
    expect(await store.delete(missing)).toMatchObject({ ok: true });
    expect(await findNewest(store)).toEqual(
      ok({ kind: "unusable", why: { kind: "staging-image-lost", digest, missing } }),
    );
  });

  test("a garbage collector that takes what has no tag: what is left of it is told rightly", async () => {
    const { store, image, digest } = await staged(at("staging/collected"));
    const released = releaseGraph("collected", 2);
    await putGraph(at("staging/collected"), released, "1.0");
    const config = join(registry.folder, "config.json");
    await execa(program, ["garbage-collect", "--delete-untagged", config]);
    const missing = image.manifest.descriptor.digest;
    const lost = { kind: "unusable", why: { kind: "staging-image-lost", digest, missing } };
    const kept = { kind: "staged", digest };
    expect(await findNewest(store)).toMatchObject({ ok: true, value: keepsChildren ? kept : lost });
    const [child] = released.images.map(({ manifest }) => manifest.descriptor.digest);
    expect((await readRaw(at("staging/collected"), child ?? "")) !== undefined).toBe(keepsChildren);
  });

  test("two pipelines have a slot each, of the same image as well; each goes by itself, the tag with the last", async () => {
    const to = at("staging/shared");
    const { published, store, held } = await staged(to);
    const record = stagingRecord({ revision: "decaf", plan: "d".repeat(64) });
    const other = await stageImage(store, { published, record });
    expect(await findNewest(store)).toMatchObject({ value: { kind: "staged", record, published } });
    expect(await unstage(store, other.held, NO_TIME)).toEqual(ok({ kind: "removed" }));
    expect(await findNewest(store)).toMatchObject({
      value: { kind: "staged", record: stagingRecord(), published },
    });
    expect(await unstage(store, held, NO_TIME)).toEqual(ok({ kind: "removed" }));
    expect(await readRaw(to, STAGED_TAG)).toBeUndefined();
  });

  test("an image of another pipeline that was deleted meanwhile keeps nobody from staging", async () => {
    const to = at("staging/dead");
    const { image, store } = await staged(to);
    await store.delete(image.manifest.descriptor.digest);
    const alive = stagedImage("alive");
    for (const each of [alive.image, alive.attestation]) await putImage(to, each);
    const record = stagingRecord({ revision: "decaf" });
    const { index } = await stageImage(store, { published: alive.published, record });
    expect(index.slots).toHaveLength(1);
    expect(await findNewest(store)).toMatchObject({ value: { kind: "staged", record } });
  });

  test("a registry without deletion says so, and goes on serving", async () => {
    const keeping = await startRealRegistry({ server, deletes: false });
    try {
      const { store, digest, held } = await staged({ registry: keeping.host, path: "staging/kept" });
      const codes = [expect.objectContaining({ code: "UNSUPPORTED" })];
      expect(await unstage(store, held, NO_TIME)).toEqual(ok({ kind: "refused", status: 405, codes }));
      expect(await findNewest(store)).toMatchObject({
        value: { kind: "staged", digest },
      });
    } finally {
      await keeping.close();
    }
  });
});

test("staging a variant costs two requests, finding it with its attestation four, and removing it two", async () => {
  const registry = await startRealRegistry();
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(async () => await Promise.all([proxy.close(), registry.close()]).then(() => undefined));
  const { store, digest, held, published, image } = await staged({
    registry: proxy.host,
    path: "staging/few",
  });
  const [attestation] = published.attestations;
  const asked = (): readonly string[] => {
    const lines = proxy.log().map((line) => line.replace("/v2/staging/few/", ""));
    proxy.clearLog();
    return lines.toSorted();
  };
  const [read, written] = [`GET manifests/${STAGED_TAG}`, `PUT manifests/${STAGED_TAG}`];
  expect(asked().filter((line) => line.includes(STAGED_TAG))).toEqual([read, written]);
  expect(await findNewest(store)).toMatchObject({ value: { kind: "staged" } });
  expect(asked()).toEqual([
    `GET blobs/${digestOf(image.config)}`,
    read,
    `GET manifests/${published.manifest.digest}`,
    `HEAD manifests/${attestation?.digest}`,
  ]);
  await unstage(store, held, NO_TIME);
  expect(asked()).toEqual([`DELETE manifests/${digest}`, read]);
});

test("a registry that does not answer is a failure", async () => {
  const registry = await startRealRegistry();
  const { store, held } = await staged({ registry: registry.host, path: "staging/gone" });
  await registry.close();
  expect(await findNewest(store)).toMatchObject({
    ok: false,
    error: { kind: "registry-unreachable" },
  });
  expect(await unstage(store, held, NO_TIME)).toMatchObject({
    ok: false,
    error: { kind: "registry-unreachable" },
  });
});
