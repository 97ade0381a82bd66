import { describe, expect, test } from "vitest";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { ConfirmedImage } from "../../../core/publish/confirm.ts";
import { node } from "../../support/make.ts";
import { stitchRelease } from "../../../core/publish/stitch.ts";
import { isStagingTag } from "../../../core/staging/tag.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import {
  confirmed,
  finish,
  HERE,
  inputsNamed,
  keepIn,
  meet,
  NODE,
  RELEASE,
  type MeetingWorld,
  variantOf,
} from "../../support/taking-over.ts";

function tagsIn(registry: MemoryRegistry): readonly string[] {
  return registry.writes.filter((name) => isStagingTag(name.split(":").at(-1) ?? ""));
}

describe("what an earlier run has finished", () => {
  test("is taken over with what is known of it, and its tag goes with the release", async () => {
    const first = meet();
    const image = await finish(first);
    const second = meet({ registry: first.registry });
    const found = await second.takeOver.find(variantOf(RELEASE), HERE);
    expect(found).toMatchObject({
      ok: true,
      value: {
        kind: "taken",
        from: "staging",
        built: { node: "arm", execution: "native" },
        checked: "checked",
      },
    });
    expect(found.ok && found.value.kind === "taken" && found.value.image.manifest.digest).toBe(
      image.manifest.digest,
    );
    const [tag = ""] = tagsIn(first.registry);
    expect(first.registry.find(tag)).toBeDefined();
    await second.takeOver.settle(["app"]);
    expect(first.registry.find(tag)).toBeUndefined();
    expect(second.events).toEqual([]);
  });

  test("stays where the release is not out", async () => {
    const first = meet();
    await finish(first);
    const second = meet({ registry: first.registry });
    await second.takeOver.find(variantOf(RELEASE), HERE);
    await second.takeOver.settle([]);
    expect(first.registry.find(tagsIn(first.registry)[0] ?? "")).toBeDefined();
  });

  test.each<readonly [string, MeetingWorld, object]>([
    ["inputs", { changes: { inputsOf: async () => inputsNamed("others") } }, { kind: "inputs-differ" }],
    [
      "inputs that cannot be told",
      { changes: { inputsOf: async () => undefined } },
      { kind: "inputs-unknown" },
    ],
    ["settings", { changes: { planPartOf: () => "others" } }, { kind: "other-settings" }],
    [
      "checks",
      { release: { ...RELEASE, verify: { content: "warn", ignore: [] } } },
      { kind: "other-checks" },
    ],
    ["tags", { release: { ...RELEASE, tags: [] } }, { kind: "other-settings" }],
  ])("is not, with other %s", async (_, { release = RELEASE, ...world }, why) => {
    const first = meet();
    await finish(first);
    const second = meet({ ...world, release, registry: first.registry });
    const found = await second.takeOver.find(variantOf(release), HERE);
    expect(found).toMatchObject({ ok: true, value: { kind: "absent", why } });
  });

  test("is looked for nowhere where the plan, the build or the command line wants none of it", async () => {
    const first = meet();
    await finish(first);
    const [variant] = RELEASE.variants;
    const fresh = {
      ...RELEASE,
      variants: RELEASE.variants.map((each) => ({ ...each, build: { ...each.build, noCache: true } })),
    };
    for (const world of [
      { release: { ...RELEASE, staging: false as const } },
      { release: fresh },
      { changes: { builds: "all" as const } },
    ]) {
      const { takeOver, release } = meet({ registry: first.registry, ...world });
      const found = await takeOver.find(variantOf(release), HERE);
      expect(found).toMatchObject({ ok: true, value: { kind: "absent" } });
    }
    expect(variant).toBeDefined();
  });

  test("unknown inputs make for a build, unless the plan takes them as unchanged", async () => {
    const unknown = {
      inputsOf: async () => inputsNamed("same", [{ kind: "remote-add", name: "https://x" }]),
    };
    for (const [release, kind] of [
      [RELEASE, "absent"],
      [{ ...RELEASE, unknownInputs: "ignore" as const }, "taken"],
    ] as const) {
      const first = meet({ release, changes: unknown });
      await finish(first);
      const second = meet({ release, registry: first.registry, changes: unknown });
      expect(await second.takeOver.find(variantOf(release), HERE)).toMatchObject({
        ok: true,
        value: { kind },
      });
    }
  });

  test("is never taken for absent where the registry cannot tell", async () => {
    const { takeOver } = meet({ changes: { signal: AbortSignal.abort() } });
    const found = await takeOver.find(variantOf(RELEASE), HERE);
    expect(found).toMatchObject({ ok: false, error: { kind: "registry-cancelled" } });
  });
});

describe("keeping", () => {
  /** A world that writes down how long it waits. */
  function waiting(world: MeetingWorld = {}) {
    const waits: number[] = [];
    const timing = { sleep: async (ms: number) => void waits.push(ms) };
    return { ...meet({ ...world, changes: { ...world.changes, timing } }), waits };
  }

  test("what is released waits for nothing; what is left for others is looked at again", async () => {
    const whole = waiting();
    await keepIn(whole);
    await whole.takeOver.settle(["app"]);
    expect(whole.waits).toEqual([]);
    const part = waiting();
    await finish(part);
    expect(part.waits).toEqual([500]);
  });

  test("with `staging: commit` a tag is nobody else's: it is neither read nor looked at again", async () => {
    const release: PlannedRelease = { ...RELEASE, staging: "commit" };
    const registry = memoryRegistry();
    const requests: string[] = [];
    const watching: Registry = {
      ...registry,
      store: (repository) => {
        const store = registry.store(repository);
        return {
          ...store,
          manifest: async (reference, signal) => {
            requests.push("GET");
            return await store.manifest(reference, signal);
          },
          delete: async (reference, signal) => {
            requests.push("DELETE");
            return await store.delete(reference, signal);
          },
        };
      },
    };
    const world = waiting({ release, registry, changes: { registry: watching, builds: "all" } });
    await finish(world);
    expect(world.waits).toEqual([]);
    await world.takeOver.settle(["app"]);
    expect(requests).toEqual(["DELETE"]);
    expect(registry.find(tagsIn(registry)[0] ?? "")).toBeUndefined();
  });

  test("that was lost to others again and again is told", async () => {
    const world = meet();
    const other = meet({ registry: world.registry, changes: { revision: "decaf" } });
    await finish(other);
    const [name = ""] = tagsIn(world.registry);
    const theirs = world.registry.find(name);
    const [repository] = RELEASE.repositories;
    if (theirs === undefined || repository === undefined) throw new Error("nothing is there");
    const overwrite = async (): Promise<void> => {
      await world.registry.store(repository).putManifest(name.split(":").at(-1) ?? "", theirs);
    };
    const losing = meet({ registry: world.registry, changes: { timing: { sleep: overwrite } } });
    await finish(losing);
    expect(losing.events).toMatchObject([
      { kind: "variant-not-kept", cause: { kind: "staging-contended", attempts: 10 } },
    ]);
  });

  test("that fails is told, and stops nothing", async () => {
    const world = meet();
    const probe = meet();
    await finish(probe);
    world.registry.refuse(tagsIn(probe.registry)[0] ?? "");
    await finish(world);
    expect(world.events).toMatchObject([{ kind: "variant-not-kept", variant: "app linux/amd64" }]);
  });
});

describe("joining", () => {
  const joined = new Set(RELEASE.variants.map(({ id }) => id));

  test("asks for no inputs, but for the same commit", async () => {
    const first = meet();
    await finish(first);
    const elsewhere = { inputsOf: async () => inputsNamed("generated"), joined };
    const same = meet({ registry: first.registry, changes: elsewhere });
    expect(await same.takeOver.find(variantOf(RELEASE), HERE)).toMatchObject({ value: { kind: "taken" } });
    const other = meet({ registry: first.registry, changes: { ...elsewhere, revision: "decaf" } });
    expect(await other.takeOver.find(variantOf(RELEASE), HERE)).toMatchObject({
      value: { why: { kind: "other-revision", staged: "c0ffee", own: "decaf" } },
    });
  });

  test("says where it has looked for what is not there", async () => {
    const { takeOver } = meet({ changes: { joined } });
    const found = await takeOver.find(variantOf(RELEASE), HERE);
    expect(found).toMatchObject({
      value: { kind: "absent", lookedAt: [{ registry: "one.example", path: "app" }] },
    });
  });
});

/** A release of these variants that is out, with what its index says of their inputs. */
async function released(release: PlannedRelease, at: readonly number[]): Promise<MemoryRegistry> {
  const world = meet({ release });
  const manifests: ConfirmedImage[] = [];
  for (const each of at) {
    const variant = variantOf(release, each);
    const image = await confirmed(world.registry, variant);
    manifests.push(await world.takeOver.mark(variant, image, HERE));
  }
  const index = stitchRelease(release, manifests);
  if (!index.ok) throw new Error(index.error.kind);
  const [tag] = release.tags;
  if (tag === undefined) throw new Error("no tag");
  const put = await world.registry.store(tag).putManifest(tag.tag, index.value);
  if (!put.ok) throw new Error(put.error.kind);
  return world.registry;
}

describe("joining once more what is out", () => {
  const joined = new Set(RELEASE.variants.map(({ id }) => id));
  const ofCommit = (revision: string, release: PlannedRelease = RELEASE): PlannedRelease => ({
    ...release,
    indexAnnotations: { "org.opencontainers.image.revision": revision },
  });
  const join = async (registry: MemoryRegistry, release: PlannedRelease = RELEASE) =>
    await meet({ release, registry, changes: { joined } }).takeOver.find(variantOf(RELEASE), HERE);

  test("the tags of this very commit have the parts", async () => {
    const registry = await released(ofCommit("c0ffee"), [0, 1]);
    expect(await join(registry)).toMatchObject({ value: { kind: "taken", from: "release" } });
  });

  test("those of another commit have not, and neither has an index that tells none", async () => {
    for (const release of [ofCommit("decaf"), RELEASE])
      expect(await join(await released(release, [0, 1]))).toMatchObject({ value: { kind: "absent" } });
  });

  test("nor where one of the tags names something else, or nothing", async () => {
    const [tag] = RELEASE.tags;
    if (tag === undefined) throw new Error("no tag");
    const registry = await released(ofCommit("c0ffee"), [0, 1]);
    const more = { ...RELEASE, tags: [tag, { ...tag, tag: "latest" }] };
    expect(await join(registry, more)).toMatchObject({ value: { kind: "absent" } });
  });
});

describe("reuse: unchanged", () => {
  const reusing: PlannedRelease = { ...RELEASE, reuse: "unchanged" };

  test("takes what the tag names where inputs and checks are the same", async () => {
    const registry = await released(reusing, [0, 1]);
    const { takeOver } = meet({ release: reusing, registry });
    for (const variant of reusing.variants)
      expect(await takeOver.find(variant, HERE)).toMatchObject({ value: { kind: "taken", from: "release" } });
  });

  test.each<readonly [string, MeetingWorld]>([
    ["other inputs", { changes: { inputsOf: async () => inputsNamed("others") } }],
    ["other checks", { release: { ...reusing, verify: { content: "off", ignore: [] } } }],
    ["no wish for it", { release: RELEASE }],
  ])("and nothing with %s", async (_, world) => {
    const registry = await released(reusing, [0, 1]);
    const { takeOver, release } = meet({ release: reusing, ...world, registry });
    expect(await takeOver.find(variantOf(release), HERE)).toMatchObject({ value: { kind: "absent" } });
  });

  test("what is unchanged is kept for who joins the parts, and only for them", async () => {
    const registry = await released(reusing, [0, 1]);
    const variant = variantOf(reusing);
    const unchanged = async (release: PlannedRelease): Promise<void> => {
      const { takeOver } = meet({ release, registry });
      const found = await takeOver.find(variant, HERE);
      if (!found.ok || found.value.kind !== "taken") throw new Error("it is not there");
      const { image } = found.value;
      const route = { variant, node: NODE, execution: "native" } as const;
      takeOver.keep({ route, image, durationMs: 0, circumstances: HERE, takenFrom: "release" });
      await takeOver.settle([]);
    };
    const elsewhere = { ...HERE, node: node("elsewhere", []) };
    const joined = { joined: new Set([variant.id]), inputsOf: async () => inputsNamed("without a BuildKit") };
    const join = async () =>
      await meet({ release: reusing, registry, changes: joined }).takeOver.find(variant, elsewhere);
    await unchanged(reusing);
    expect(await join()).toMatchObject({ value: { kind: "absent" } });
    await unchanged({ ...reusing, omitted: ["app linux/arm64"] });
    expect(await join()).toMatchObject({ value: { kind: "taken", from: "staging" } });
  });

  test("marks nothing where the plan does not ask for it", async () => {
    const world = meet();
    const image = await confirmed(world.registry, variantOf(RELEASE));
    expect(await world.takeOver.mark(variantOf(RELEASE), image, HERE)).toBe(image);
  });
});

/** An older plan, of one of the two platforms. */
function partOf(at: number): PlannedRelease {
  return { ...RELEASE, variants: [variantOf(RELEASE, at)] };
}

describe("appending", () => {
  const joined = new Set([variantOf(RELEASE).id]);

  test("takes what is not staged as the tag has it, whatever it was made of", async () => {
    const registry = await released(partOf(0), [0]);
    const changes = { joined, appends: true as const, inputsOf: async () => inputsNamed("others") };
    const { takeOver } = meet({ registry, changes });
    expect(await takeOver.find(variantOf(RELEASE), HERE)).toMatchObject({
      value: { kind: "taken", from: "release", image: { platform: { architecture: "amd64" } } },
    });
  });

  test.each<readonly [string, readonly number[], string]>([
    ["has no such platform", [0], "no-platform"],
    ["is not there", [], "no-index"],
  ])("says that the tag %s", async (_, at, kind) => {
    const registry = at.length === 0 ? memoryRegistry() : await released(partOf(1), at);
    const { takeOver } = meet({ registry, changes: { joined, appends: true } });
    expect(await takeOver.find(variantOf(RELEASE), HERE)).toMatchObject({
      value: { kind: "absent", lookedAt: [{ tag: "1" }], why: { kind } },
    });
  });
});
