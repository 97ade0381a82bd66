import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Digest } from "../../../core/oci/digest.ts";
import { formatReference, type TaggedReference } from "../../../core/oci/reference.ts";
import type { Candidate } from "../../../core/publish/guard.ts";
import { openRecorder } from "../../../core/publish/record-file.ts";
import { readRecordText } from "../../../core/publish/record-read.ts";
import type { RecordedTag, ReleaseRecord, ReleaseRecorder } from "../../../core/publish/record.ts";
import { readTags, releaseTags } from "../../../core/publish/release.ts";
import { findIncomplete, rollBack } from "../../../core/publish/rollback.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { faultyRegistry, Killed, type RequestFault } from "../../support/faulty-registry.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { platform, variant } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { plannedRelease } from "../../support/release.ts";
import { digest } from "../../support/run-events.ts";

const signal = new AbortController().signal;

/** An index with one child, both in place. */
async function stock(registry: MemoryRegistry, path: string, layer: string) {
  const repository = { registry: "one.example", path };
  const image = makeImage({ ...platform("linux/amd64") }, [layer]);
  registry.push(repository, image);
  const manifest = { ...image.manifest.descriptor, platform: platform("linux/amd64") };
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [manifest] });
  return { repository, manifest, index };
}

/** What is there, under a tag or (in the tests' own words) nowhere. */
async function occupy(registry: MemoryRegistry, tag: TaggedReference, layer: string): Promise<Digest> {
  const { index } = await stock(registry, tag.path, layer);
  await registry.store(tag).putManifest(tag.tag, index);
  return index.descriptor.digest;
}

function current(registry: MemoryRegistry, tag: string): Digest | null {
  return registry.find(tag)?.descriptor.digest ?? null;
}

function recordOf(tags: readonly RecordedTag[]): ReleaseRecord {
  return {
    schemaVersion: 1,
    kind: "release",
    tool: "buildx-plan/0.0.0",
    startedAt: "2026-01-01T00:00:00.000Z",
    ok: false,
    plan: "buildx-plan.yaml",
    registries: [],
    releases: [],
    tags,
  };
}

async function oneTag(changes: Partial<RecordedTag> = {}) {
  const registry = memoryRegistry();
  const tag = { registry: "one.example", path: "app", tag: "latest" };
  const before = await occupy(registry, tag, "before");
  const after = await occupy(registry, tag, "after");
  const recorded: RecordedTag = {
    tag: formatReference(tag),
    release: "app",
    before,
    after,
    state: "moved",
    ...changes,
  };
  const roll = async (force = false, through: Registry = registry) =>
    (await rollBack(recordOf([recorded]), { registry: through, signal, force }))[0]?.outcome;
  return { registry, tag, before, after, roll };
}

test("a tag that names what the release gave it is put back; once more, there is nothing to do", async () => {
  const { registry, tag, before, roll } = await oneTag();
  expect(await roll()).toEqual({ kind: "restored", digest: before });
  expect(current(registry, formatReference(tag))).toBe(before);
  const written = registry.writes.length;
  expect(await roll()).toEqual({ kind: "as-before", digest: before });
  expect(registry.writes).toHaveLength(written);
});

test("a tag that was not there is removed", async () => {
  const { registry, tag, roll } = await oneTag({ before: null });
  expect(await roll()).toEqual({ kind: "removed" });
  expect(current(registry, formatReference(tag))).toBeNull();
  expect(await roll()).toEqual({ kind: "as-before", digest: null });
});

test("a tag that somebody has moved since is left alone, unless told otherwise", async () => {
  const { registry, tag, before, roll } = await oneTag();
  const moved = await occupy(registry, tag, "hotfix");
  expect(await roll()).toEqual({ kind: "moved-since", current: moved });
  expect(current(registry, formatReference(tag))).toBe(moved);
  expect(await roll(true)).toEqual({ kind: "restored", digest: before });
});

test("a tag that somebody has removed since is left alone, too", async () => {
  const { registry, tag, roll } = await oneTag();
  await registry.store(tag).delete(tag.tag);
  expect(await roll()).toEqual({ kind: "moved-since", current: null });
});

test.each(["kept", "unchanged"] as const)("a tag that was %s is not even looked at", async (state) => {
  const { after, roll } = await oneTag();
  const blind: Registry = {
    ...memoryRegistry(),
    store: () => {
      throw new Error("nobody should ask");
    },
  };
  const kept = recordOf([{ tag: "one.example/app:1", release: "app", before: after, after, state }]);
  const [done] = await rollBack(kept, { registry: blind, signal, force: true });
  expect(done?.outcome).toEqual({ kind: "untouched" });
  expect(await roll()).toMatchObject({ kind: "restored" });
});

test("what is gone from the registry cannot be put back", async () => {
  const gone = await oneTag({ before: digest("collected") });
  expect(await gone.roll()).toMatchObject({ kind: "failed", cause: { kind: "manifest-unknown" } });
});

test.each([
  [405, [], "stays"],
  [400, [{ code: "DIGEST_INVALID", message: "" }], "stays"],
  [500, [], "failed"],
] as const)("a registry that answers %i to a deletion (%j): the tag %s", async (status, codes, kind) => {
  const { registry, roll } = await oneTag({ before: null });
  const refusing: Registry = {
    ...registry,
    store: (repository) => ({
      ...registry.store(repository),
      delete: async (reference) => ({
        ok: false,
        error: {
          kind: "registry-rejected",
          registry: "one.example",
          reference,
          request: { method: "DELETE", url: "memory:", attempts: 1 },
          status,
          codes,
        },
      }),
    }),
  };
  expect(await roll(false, refusing)).toMatchObject({ kind });
});

test("the last tag comes first, and one that cannot be put back does not stop the others", async () => {
  const registry = memoryRegistry();
  const recorded: RecordedTag[] = [];
  for (const name of ["1", "2", "3"]) {
    const tag = { registry: "one.example", path: "app", tag: name };
    const before = await occupy(registry, tag, `before ${name}`);
    const after = await occupy(registry, tag, "after");
    recorded.push({ tag: formatReference(tag), release: "app", before, after, state: "planned" });
  }
  registry.refuse("one.example/app:2");
  const rolledBack = await rollBack(recordOf(recorded), { registry, signal, force: false });
  expect(rolledBack.map(({ tag, outcome }) => `${tag.tag} ${outcome.kind}`)).toEqual([
    "3 restored",
    "2 failed",
    "1 restored",
  ]);
  expect(findIncomplete(rolledBack)).toMatchObject({
    tags: [{ tag: { tag: "2" }, problem: { kind: "failed" } }],
  });
});

test("an answer that got lost is not taken for a failure", async () => {
  const { registry, before, roll } = await oneTag();
  const lossy = faultyRegistry(registry, { at: 0, kind: "answer-lost" });
  expect(await roll(false, lossy)).toEqual({ kind: "restored", digest: before });
});

/** A tag of a release, and what is there before: something else, nothing, or the very index. */
interface Scene {
  readonly path: string;
  readonly before: "other" | "absent" | "same";
  readonly ifExists: "skip" | undefined;
}

/** Two releases whose tags are spread over repositories as the scenes say. */
async function stage(registry: MemoryRegistry, scenes: readonly Scene[]) {
  const candidates: Candidate[] = [];
  for (const name of ["app", "tool"]) {
    const own = scenes.map((scene, at) => ({ ...scene, tag: `${name}-${at}` }));
    const stocked = new Map<string, Awaited<ReturnType<typeof stock>>>();
    for (const { path } of own) stocked.set(path, await stock(registry, path, name));
    const [first] = stocked.values();
    if (first === undefined) throw new Error("a release has tags");
    const { index, manifest } = first;
    for (const { path, tag, before } of own) {
      const reference = { registry: "one.example", path, tag };
      if (before === "other") await occupy(registry, reference, `before ${tag}`);
      if (before === "same") await registry.store(reference).putManifest(tag, index);
    }
    const where = platform("linux/amd64");
    candidates.push({
      release: plannedRelease({
        name,
        variants: [variant("linux/amd64")],
        repositories: [...stocked.values()].map(({ repository }) => repository),
        tags: own.map(({ path, tag, ifExists }) => ({
          registry: "one.example",
          path,
          tag,
          ...(ifExists === undefined ? {} : { ifExists }),
        })),
      }),
      index,
      manifests: [
        { variant: "app linux/amd64", platform: where, manifest, attestations: [], size: 1, layers: [] },
      ],
    });
  }
  return candidates;
}

async function attempt(candidates: readonly Candidate[], registry: Registry, recorder: ReleaseRecorder) {
  const releases = candidates.map(({ release }) => release);
  const readings = await readTags(releases, registry, signal);
  const publishing = { registry, signal, onEvent: () => undefined, now: () => 0, recorder };
  return await releaseTags(
    candidates,
    { tagsRead: { readings, atMs: 0 }, allowed: { shrink: false, downgrade: false } },
    publishing,
  );
}

const SCENES: fc.Arbitrary<readonly Scene[]> = fc.array(
  fc.record({
    path: fc.constantFrom("app", "mirror"),
    before: fc.constantFrom("other", "absent", "same"),
    ifExists: fc.constantFrom("skip", undefined),
  }),
  { minLength: 1, maxLength: 4 },
);
const FAULT = fc.record({
  at: fc.nat(14),
  kind: fc.constantFrom<RequestFault>("refused", "answer-lost", "killed-before", "killed-after"),
});

type Named = ReadonlyMap<string, Digest | null>;

/** A release that met a fault, and what is left of it. */
interface Played {
  readonly registry: MemoryRegistry;
  readonly candidates: readonly Candidate[];
  readonly recorder: ReleaseRecorder;
  readonly isOut: boolean;
  readonly before: Named;
  readonly wanted: Named;
  readonly names: () => Named;
  /** What was on disk at that moment; a record of nothing where no tag had been about to move. */
  readonly record: ReleaseRecord;
}

async function play(scenes: readonly Scene[], fault: Parameters<typeof faultyRegistry>[1]): Promise<Played> {
  const registry = memoryRegistry();
  const candidates = await stage(registry, scenes);
  const tags = candidates.flatMap(({ release, index }) =>
    release.tags.map(({ ifExists, ...tag }) => ({
      name: formatReference(tag),
      index,
      keeps: ifExists === "skip",
    })),
  );
  const names = (): Named => new Map(tags.map(({ name }) => [name, current(registry, name)]));
  const before = names();
  const wanted: Named = new Map(
    tags.map(({ name, index, keeps }) => [
      name,
      (keeps ? before.get(name) : null) ?? index.descriptor.digest,
    ]),
  );
  const path = join(await temporaryFolder(), "record.json");
  const header = { tool: "t", plan: "p", registries: [] };
  const opened = await openRecorder({ path, header, now: () => 0 });
  if (!opened.ok) throw new Error(opened.error.detail);
  const recorder = opened.value;
  const out = await attempt(candidates, faultyRegistry(registry, fault), recorder).catch((error: unknown) => {
    if (error instanceof Killed) return undefined;
    throw error;
  });
  const text = await readFile(path, "utf8").catch(() => JSON.stringify(recordOf([])));
  const record = readRecordText(text);
  if (!record.ok) throw new Error(record.error.detail);
  // What is still being written ends here, so that the folder can go.
  await recorder.end(false);
  return {
    registry,
    candidates,
    recorder,
    isOut: out?.ok === true,
    before,
    wanted,
    names,
    record: record.value,
  };
}

/** Where a record says what is not so. */
function liesOf({ record, before, wanted, names, isOut }: Played): readonly string[] {
  const now = names();
  const lies = record.tags.flatMap(({ tag, before: was, after, state }) => [
    ...(was === before.get(tag) ? [] : [`${tag}: another before`]),
    ...(after === wanted.get(tag) ? [] : [`${tag}: another after`]),
    ...(state === "planned" || now.get(tag) === after ? [] : [`${tag}: not ${state}`]),
  ]);
  const unrecorded = [...now.keys()].filter(
    (name) => now.get(name) !== before.get(name) && !record.tags.some(({ tag }) => tag === name),
  );
  return [...lies, ...unrecorded, ...(record.ok === isOut ? [] : ["ok is wrong"])];
}

test("after any fault at any write, every tag is old or new, and the record tells the truth", async () => {
  await fc.assert(
    fc.asyncProperty(SCENES, FAULT, async (scenes, fault) => {
      const played = await play(scenes, fault);
      const now = played.names();
      for (const [name, digest] of now)
        expect([played.before.get(name), played.wanted.get(name)]).toContain(digest);
      expect(played.isOut ? now : played.wanted).toEqual(played.wanted);
      expect(liesOf(played)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("after any fault, a rollback puts every tag back, and can be repeated", async () => {
  await fc.assert(
    fc.asyncProperty(SCENES, FAULT, async (scenes, fault) => {
      const { registry, record, before, names } = await play(scenes, fault);
      for (let times = 0; times < 2; times += 1) {
        const rolledBack = await rollBack(record, { registry, signal, force: false });
        expect(findIncomplete(rolledBack)).toBeUndefined();
        expect(names()).toEqual(before);
      }
    }),
    { numRuns: 60 },
  );
});

test("after any fault, a rollback that meets one too is completed by the next", async () => {
  await fc.assert(
    fc.asyncProperty(SCENES, FAULT, FAULT, async (scenes, fault, another) => {
      const { registry, record, before, names } = await play(scenes, fault);
      const faulty = faultyRegistry(registry, another);
      await rollBack(record, { registry: faulty, signal, force: false }).catch(() => undefined);
      const rolledBack = await rollBack(record, { registry, signal, force: false });
      expect(findIncomplete(rolledBack)).toBeUndefined();
      expect(names()).toEqual(before);
    }),
    { numRuns: 60 },
  );
});

test("after any fault, a plain second run completes", async () => {
  await fc.assert(
    fc.asyncProperty(SCENES, FAULT, async (scenes, fault) => {
      const { registry, candidates, recorder, wanted, names } = await play(scenes, fault);
      expect(await attempt(candidates, registry, recorder)).toMatchObject({ ok: true });
      expect(names()).toEqual(wanted);
    }),
    { numRuns: 60 },
  );
});
