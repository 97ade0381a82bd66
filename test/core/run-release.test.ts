import { expect, test } from "vitest";
import { formatReference } from "../../core/oci/reference.ts";
import type { PlannedRelease } from "../../core/plan/plan.ts";
import type { ReleaseRecorder } from "../../core/publish/record.ts";
import type { Registry } from "../../core/registry/registry.ts";
import { ok } from "../../core/result.ts";
import { makeDocument, makeImage, OCI } from "../support/images.ts";
import { platform } from "../support/make.ts";
import type { MemoryRegistry } from "../support/memory-registry.ts";
import { releaseOf, start, until, withVariant } from "../support/run-world.ts";

/** A registry whose reads are told, and wait for what the test gives back. */
function watched(onRead: (reference: string) => Promise<void> | undefined) {
  return (inner: MemoryRegistry): Registry => ({
    ...inner,
    store: (repository) => {
      const store = inner.store(repository);
      return {
        ...store,
        manifest: async (reference, signal) => {
          await onRead(reference);
          return await store.manifest(reference, signal);
        },
      };
    },
  });
}

/** Something with these platforms behind the release's first tag. */
function occupy(release: PlannedRelease, platforms: readonly string[]) {
  const [tag] = release.tags;
  if (tag === undefined) throw new Error("the release has a tag");
  const images = platforms.map((text) => ({ text, image: makeImage({ ...platform(text) }, ["before"]) }));
  const manifests = images.map(({ text, image }) => ({
    ...image.manifest.descriptor,
    platform: { ...platform(text) },
  }));
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests });
  const prepare = (registry: MemoryRegistry): void => {
    for (const { image } of images) registry.push(tag, image);
    void registry.store(tag).putManifest(tag.tag, index);
  };
  return { prepare, digest: index.descriptor.digest, name: formatReference(tag) };
}

test("the tags are read while the last variant is read back, and not before it is pushed", async () => {
  const tagRead = Promise.withResolvers<void>();
  const reads: string[] = [];
  const world = start({
    releases: [releaseOf("app", ["linux/amd64", "linux/arm64"])],
    through: watched((reference) => {
      reads.push(reference);
      if (reference === "1") tagRead.resolve();
      // What is read back waits until a tag has been asked for: whoever waits for the other way round waits for ever.
      return world.buildkit.running().length === 0 ? tagRead.promise : undefined;
    }),
  });
  await world.finish("app linux/amd64");
  await until(() => world.events.some(({ kind }) => kind === "variant-done"));
  expect(reads).not.toContain("1");
  await world.finish("app linux/arm64");
  expect(await world.ended).toMatchObject({ released: [{ tags: [{ state: "moved" }] }] });
  expect(reads.filter((reference) => reference === "1")).toHaveLength(1);
});

test("no tag is read where a required variant has failed, and all are where it was optional", async () => {
  const reads: string[] = [];
  const through = watched((reference) => void reads.push(reference));
  const release = releaseOf("app", ["linux/amd64", "linux/arm64"]);
  const failing = start({ releases: [release], through });
  await failing.finish("app linux/amd64");
  await failing.fail("app linux/arm64");
  await failing.ended;
  expect(reads).not.toContain("1");
  const optional = start({ releases: [withVariant(release, 1, { required: false })], through });
  await optional.finish("app linux/amd64");
  await optional.fail("app linux/arm64");
  expect(await optional.ended).toMatchObject({ released: [{ release: { name: "app" } }] });
  expect(reads).toContain("1");
});

test("a release that would lose a platform is refused, and no tag of any release moves", async () => {
  const app = releaseOf("app", ["linux/amd64"]);
  const { prepare, digest, name } = occupy(app, ["linux/amd64", "linux/arm64"]);
  const releases = [releaseOf("tool", ["linux/amd64"]), app];
  const world = start({ releases, prepare });
  await world.finish("app linux/amd64", "tool linux/amd64");
  expect(await world.ended).toMatchObject({
    released: [],
    interrupted: false,
    failure: { kind: "tags-refused", refusals: [{ why: "shrinks", lost: ["linux/arm64"] }] },
  });
  expect(world.registry.find(name)?.descriptor.digest).toBe(digest);
  expect(world.registry.find("one.example/tool:1")).toBeUndefined();
  const allowed = start({ releases, prepare, options: { allowed: { shrink: true, downgrade: false } } });
  await allowed.finish("app linux/amd64", "tool linux/amd64");
  expect(await allowed.ended).toMatchObject({ released: [{}, { tags: [{ state: "moved" }] }] });
});

test("a tag that is to be kept is kept, and the report says what it names", async () => {
  const app = releaseOf("app", ["linux/amd64"]);
  const kept = { ...app, tags: app.tags.map((tag) => ({ ...tag, ifExists: "skip" as const })) };
  const { prepare, digest } = occupy(app, ["linux/s390x"]);
  const world = start({ releases: [kept], prepare });
  await world.finish("app linux/amd64");
  expect(await world.ended).toMatchObject({ released: [{ tags: [{ state: "kept", digest }] }] });
  expect(world.events.map(({ kind }) => kind)).toContain("tag-kept");
});

test("cancelled while the tags are read: interrupted, and nothing else is the matter", async () => {
  const world = start({
    releases: [releaseOf("app", ["linux/amd64"])],
    through: watched((reference) => {
      if (reference === "1") world.cancel();
      return undefined;
    }),
  });
  await world.finish("app linux/amd64");
  const report = await world.ended;
  expect(report).toMatchObject({ released: [], interrupted: true });
  expect(report.failure).toBeUndefined();
  expect(world.registry.writes).toEqual([]);
});

test("the report names the record once there is one", async () => {
  let begun = false;
  const recorder: ReleaseRecorder = {
    path: "/state/record.json",
    isWritten: () => begun,
    begin: async () => {
      begun = true;
      return ok(undefined);
    },
    moved: () => undefined,
    end: async () => ok(undefined),
  };
  const failing = start({ releases: [releaseOf("app", ["linux/amd64"])], options: { recorder } });
  await failing.fail("app linux/amd64");
  expect((await failing.ended).record).toBeUndefined();
  const world = start({ releases: [releaseOf("app", ["linux/amd64"])], options: { recorder } });
  await world.finish("app linux/amd64");
  expect((await world.ended).record).toBe("/state/record.json");
});
