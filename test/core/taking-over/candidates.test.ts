import { expect, test } from "vitest";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { ConfirmedImage } from "../../../core/publish/confirm.ts";
import { isStagingTag } from "../../../core/staging/tag.ts";
import { makeDocument } from "../../support/images.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { finish, HERE, meet, RELEASE, variantOf, type MeetingWorld } from "../../support/taking-over.ts";

// Which of several pipelines' slots is taken over.

const tagged = (tag: string): PlannedRelease => ({
  ...RELEASE,
  tags: RELEASE.tags.map((each) => ({ ...each, tag })),
});
const joined = new Set(RELEASE.variants.map(({ id }) => id));

function tagsIn(registry: MemoryRegistry): readonly string[] {
  return registry.writes.filter((name) => isStagingTag(name.split(":").at(-1) ?? ""));
}

/** Kept one after the other, by the tag that they release and their commit. */
async function kept(...pipelines: readonly (readonly [tag: string, revision: string])[]) {
  const registry = memoryRegistry();
  const images: ConfirmedImage[] = [];
  for (const [tag, revision] of pipelines) {
    const world = meet({ release: tagged(tag), registry, changes: { revision } });
    images.push(await finish(world, { layer: `${tag} ${revision}` }));
  }
  return { registry, images };
}

/** What a run of one finds for the first variant; a stitch where nothing else is said. */
async function findIn(
  registry: MemoryRegistry,
  [tag, revision]: readonly [tag: string, revision: string],
  changes: MeetingWorld["changes"] = { joined },
) {
  const { takeOver } = meet({ release: tagged(tag), registry, changes: { revision, ...changes } });
  const found = await takeOver.find(variantOf(RELEASE), HERE);
  if (!found.ok) throw new Error(found.error.kind);
  return { takeOver, found: found.value };
}

test("branch and tag of one commit: each finds its own part, and takes its own slot along", async () => {
  const { registry, images } = await kept(["main", "c0ffee"], ["v1", "c0ffee"]);
  for (const [at, tag] of ["main", "v1"].entries()) {
    const { found, takeOver } = await findIn(registry, [tag, "c0ffee"]);
    expect(found).toMatchObject({
      kind: "taken",
      image: { manifest: { digest: images[at]?.manifest.digest } },
    });
    await takeOver.settle(["app"]);
  }
  const [name = ""] = tagsIn(registry);
  expect(registry.find(name)).toBeUndefined();
});

test("commits that overlap: each finds its own, whichever came last", async () => {
  const { registry, images } = await kept(["main", "one"], ["main", "two"], ["main", "three"]);
  for (const [at, revision] of ["one", "two", "three"].entries())
    expect(await findIn(registry, ["main", revision])).toMatchObject({
      found: { image: { manifest: { digest: images[at]?.manifest.digest } } },
    });
});

test("one that has no part is told what comes nearest: that of its commit, or else the newest", async () => {
  const { registry } = await kept(["main", "one"], ["main", "two"], ["main", "three"]);
  expect(await findIn(registry, ["v1", "two"])).toMatchObject({
    found: { kind: "absent", why: { kind: "other-settings" } },
  });
  expect(await findIn(registry, ["main", "four"])).toMatchObject({
    found: { kind: "absent", why: { kind: "other-revision", staged: "three", own: "four" } },
  });
});

test("a build takes what has the same inputs, of another commit, too; but its own before others'", async () => {
  const { registry, images } = await kept(["main", "one"], ["main", "two"], ["v1", "three"]);
  const digestFor = async (revision: string) => {
    const { found } = await findIn(registry, ["main", revision], {});
    return found.kind === "taken" ? found.image.manifest.digest : undefined;
  };
  expect(await digestFor("one")).toBe(images[0]?.manifest.digest);
  expect(await digestFor("four")).toBe(images[1]?.manifest.digest);
});

test("only what fits is read back; where it is gone, the next that fits is taken", async () => {
  const { registry, images } = await kept(["main", "one"], ["main", "two"], ["v1", "two"]);
  const [repository] = RELEASE.repositories;
  if (repository === undefined) throw new Error("no repository");
  const store = registry.store(repository);
  const reads: string[] = [];
  const watching = {
    ...registry,
    store: () => ({
      ...store,
      manifest: async (reference: string, signal?: AbortSignal) => {
        reads.push(reference);
        return await store.manifest(reference, signal);
      },
    }),
  };
  const looked = await findIn(registry, ["main", "two"], { registry: watching });
  expect(looked.found).toMatchObject({ image: { manifest: { digest: images[1]?.manifest.digest } } });
  expect(reads.filter((reference) => reference.includes(":"))).toEqual([images[1]?.manifest.digest]);
  await store.delete(images[1]?.manifest.digest ?? "");
  expect(await findIn(registry, ["main", "two"], {})).toMatchObject({
    found: { image: { manifest: { digest: images[0]?.manifest.digest } } },
  });
  expect(await findIn(registry, ["main", "two"])).toMatchObject({
    found: { why: { kind: "staging-image-lost", missing: images[1]?.manifest.digest } },
  });
});

test("a slot of another variant, or one that cannot be read, hides no other", async () => {
  const { registry } = await kept(["main", "one"]);
  const [name = ""] = tagsIn(registry);
  const [place, tag = ""] = name.split(":");
  const [repository] = RELEASE.repositories;
  if (repository === undefined) throw new Error(`no repository ${place}`);
  /** Puts a slot before the others that is like the last one, but for these texts. */
  const putLike = async (...changes: readonly (readonly [string, string])[]): Promise<void> => {
    const index = JSON.parse(Buffer.from(registry.find(name)?.bytes ?? []).toString());
    const image = JSON.stringify(index.manifests.at(-1));
    const changed = JSON.parse(changes.reduce((text, [from, to]) => text.replace(from, to), image));
    const document = makeDocument({ ...index, manifests: [changed, ...index.manifests] });
    expect(await registry.store(repository).putManifest(tag, document)).toMatchObject({ ok: true });
  };
  await putLike(["app linux/amd64", "app linux/s390x"], ['"arm"', '"elsewhere"']);
  await putLike(['"native"', '"by hand"'], ['"arm"', '"elsewhere"']);
  expect(await findIn(registry, ["main", "one"])).toMatchObject({
    found: { kind: "taken", built: { node: "arm" } },
  });
});
