import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRealRegistry, type RealRegistry, type RealRegistryOptions } from "../support/real-registry.ts";
import type { Ran } from "../support/rig.ts";
import {
  builtLayout,
  clientStore,
  demo,
  pushed,
  put,
  taggedIn,
  twoReleases,
  valueOf,
  type Inspected,
} from "./projects.ts";
import { attach, digestsSeenBy, pullWithAll, referrersSeenBy } from "./readers.ts";

const SIX = ["linux/386", "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"];

/**
 * Every flow of publishing against one kind of registry, by the real program and the real BuildKit where there is a command for it,
 * by the client where there is none; what was written is read back by the common clients.
 */
export function testFlows(
  name: string,
  options: RealRegistryOptions & { readonly deletesTags: boolean },
): void {
  describe.each([name])("%s", () => {
    let running: RealRegistry | undefined;
    let host = "";
    beforeAll(async () => {
      running = await startRealRegistry(options);
      host = running.host;
    });
    afterAll(async () => await running?.close());

    test("a layout is pushed once, and the second time nothing is sent", async () => {
      const { rig, layout, digest } = await builtLayout();
      const push = ["copy", `oci-layout://${layout}@${digest}`, `${host}/flows/pushed:1`, "--json"];
      const first = jsonOf(await rig.run(push));
      expect(first).toMatchObject({ ok: true, digest });
      expect(blobsOf(first)).toMatchObject({ mounted: 0, present: 0 });
      expect(blobsOf(first).uploaded).toBeGreaterThan(5);
      const second = jsonOf(await rig.run(push));
      expect(blobsOf(second)).toMatchObject({ mounted: 0, uploaded: 0 });
      await readBack(host, "flows/pushed:1", digest);
    });

    test("an image is pulled into a layout, byte for byte", async () => {
      const { rig, name, digest } = await pushed(host, "flows/pulled");
      const ran = await rig.run(["copy", `${host}/${name}`, "oci-layout://./out:latest"]);
      expect(ran).toMatchObject({ exitCode: 0 });
      expect(await taggedIn(join(rig.directory, "out"))).toBe(digest);
    });

    test("an image is copied to another repository with its blobs mounted, and its referrers", async () => {
      const { rig, name, digest } = await pushed(host, "flows/source");
      const referrer = await attach(host, name);
      const copied = jsonOf(
        await rig.run([
          "copy",
          `${host}/${name}`,
          `${host}/flows/target:1`,
          `${host}/flows/other:1`,
          "--json",
        ]),
      );
      expect(copied).toMatchObject({ ok: true });
      expect(blobsOf(copied)).toMatchObject({ uploaded: 0, present: 0 });
      for (const target of ["flows/target:1", "flows/other:1"]) {
        await readBack(host, target, digest);
        const seen = await referrersSeenBy(host, target, { refuses: options.referrers === false });
        expect(seen).toEqual({ oras: [referrer], regctl: [referrer] });
      }
    });

    test("an image goes without its referrers where that is asked for", async () => {
      const { rig, name } = await pushed(host, "flows/attached");
      await attach(host, name);
      const copy = ["copy", `${host}/${name}`, `${host}/flows/plain:1`, "--no-referrers"];
      expect(await rig.run(copy)).toMatchObject({ exitCode: 0 });
      const seen = await referrersSeenBy(host, "flows/plain:1", { refuses: options.referrers === false });
      expect(seen).toEqual({ oras: [], regctl: [] });
    });

    test("children are stitched under several tags", async () => {
      const { rig, children } = await pushed(host, "flows/stitched");
      const names = children.map(({ platform, digest }) => `${platform}=${host}/flows/stitched@${digest}`);
      const tags = ["2", "latest"].flatMap((tag) => ["--tag", `${host}/flows/stitched:${tag}`]);
      const stitched = jsonOf(await rig.run(["stitch", ...names, ...tags, "--json"]));
      expect(stitched).toMatchObject({ ok: true });
      for (const tag of ["2", "latest"])
        await readBack(host, `flows/stitched:${tag}`, String(stitched["digest"]));
    });

    test("a tag gets a second name", async () => {
      const { rig, name, digest } = await pushed(host, "flows/retag");
      const copy = ["copy", `${host}/${name}`, `${host}/flows/retag:second`];
      expect(await rig.run(copy)).toMatchObject({ exitCode: 0 });
      await readBack(host, "flows/retag:second", digest);
    });

    test("all of 1,200 tags are listed", async () => {
      const store = await clientStore(host, "flows/tags");
      const image = await put(store, "tags");
      const tags = Array.from({ length: 1200 }, (_unused, at) => `t${String(at).padStart(4, "0")}`);
      const { manifest } = image;
      for (let at = 0; at < tags.length; at += 50)
        await Promise.all(
          tags.slice(at, at + 50).map(async (tag) => valueOf(await store.putManifest(tag, manifest))),
        );
      expect(valueOf(await store.tags()).toSorted()).toEqual(tags);
    });

    test("the client finds referrers, in whatever way the registry lists them", async () => {
      const { name, digest } = await pushed(host, "flows/referrers");
      const referrer = await attach(host, name);
      const store = await clientStore(host, "flows/referrers");
      const found = valueOf(await store.referrers(digest));
      expect(found).toMatchObject([{ digest: referrer, artifactType: "application/vnd.example.note" }]);
    });

    test("a manifest is deleted by digest, and its tags with it", async () => {
      const store = await clientStore(host, "flows/deleted");
      const { manifest } = await put(store, "deleted");
      valueOf(await store.putManifest("gone", manifest));
      valueOf(await store.delete(manifest.descriptor.digest));
      expect(valueOf(await store.resolve("gone"))).toBeUndefined();
      expect(await store.delete(manifest.descriptor.digest)).toMatchObject({ ok: true });
    });

    test("a tag is deleted alone, or the registry's refusal is told and nothing is lost", async () => {
      const store = await clientStore(host, "flows/untagged");
      const { manifest } = await put(store, "untagged");
      for (const tag of ["stays", "goes"]) valueOf(await store.putManifest(tag, manifest));
      const deleted = await store.delete("goes");
      const isRefused = !options.deletesTags;
      expect(deleted.ok ? "deleted" : deleted.error.kind).toBe(isRefused ? "registry-rejected" : "deleted");
      expect(valueOf(await store.resolve("goes"))?.digest).toBe(
        isRefused ? manifest.descriptor.digest : undefined,
      );
      expect(valueOf(await store.resolve("stays"))).toMatchObject({ digest: manifest.descriptor.digest });
    });

    test("the demo is built for six platforms and released", async () => {
      const rig = await demo(host);
      expect(await rig.build("--set", "release=v1")).toMatchObject({ exitCode: 0 });
      const inspected = await rig.run(["inspect", "--json", `${host}/flows/demo:latest`]);
      const { digest, platforms }: Inspected = JSON.parse(inspected.stdout);
      expect(platforms.map(({ platform }) => platform).toSorted()).toEqual(SIX);
      await readBack(host, "flows/demo:latest", digest);
      expect(Object.values(await digestsSeenBy(host, "flows/demo:v1"))).toEqual(Array(4).fill(digest));
    });

    test("a release is put back", async () => {
      const { rig, record, digests } = await twoReleases(host, "flows/rolled");
      expect(digests[1]).not.toBe(digests[0]);
      expect(await rig.run(["rollback", record])).toMatchObject({ exitCode: 0 });
      await readBack(host, "flows/rolled:latest", digests[0] ?? "");
    });

    test("what nothing reaches is listed, and nothing else", async () => {
      const { rig, digests } = await twoReleases(host, "flows/kept");
      const store = await clientStore(host, "flows/kept");
      const before = valueOf(await store.tags());
      const gc = ["gc", `${host}/flows/kept`, ...digests, "--dry-run", "--json"];
      expect(jsonOf(await rig.run(gc))).toMatchObject({
        ok: true,
        unreachable: [{ digest: digests[0] }],
        kept: [{ digest: digests[1] }],
      });
      expect(valueOf(await store.tags())).toEqual(before);
      expect(valueOf(await store.resolve(digests[0] ?? ""))).toMatchObject({ digest: digests[0] });
      await readBack(host, "flows/kept:latest", digests[1] ?? "");
    });
  });
}

/** All four clients see this digest, and can pull everything below it. */
async function readBack(host: string, name: string, digest: string): Promise<void> {
  expect(await digestsSeenBy(host, name)).toEqual({
    crane: digest,
    regctl: digest,
    oras: digest,
    skopeo: digest,
  });
  await pullWithAll(host, name);
}

function jsonOf(ran: Ran): Readonly<Record<string, unknown>> {
  expect(ran).toMatchObject({ exitCode: 0 });
  return JSON.parse(ran.stdout);
}

interface Blobs {
  readonly present: number;
  readonly mounted: number;
  readonly uploaded: number;
}

/** What became of the blobs. */
function blobsOf({ blobs }: { readonly blobs?: Blobs }): Blobs {
  if (blobs === undefined) throw new Error("no blobs were counted");
  return blobs;
}
