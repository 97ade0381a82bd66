import { describe, expect, test } from "vitest";
import type { RunEvent } from "../../../core/event.ts";
import type { Inputs } from "../../../core/inputs/inputs.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { PlannedRelease, Variant } from "../../../core/plan/plan.ts";
import { confirmVariant, type ConfirmedImage } from "../../../core/publish/confirm.ts";
import { stitchRelease } from "../../../core/publish/stitch.ts";
import { isStagingTag } from "../../../core/staging/tag.ts";
import { meetInRegistry } from "../../../core/taking-over/in-registry.ts";
import type { TakeOverOptions } from "../../../core/taking-over/place.ts";
import type { Circumstances } from "../../../core/taking-over/take-over.ts";
import { makeImage } from "../../support/images.ts";
import { node } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { releaseOf } from "../../support/run-world.ts";

const NODE = node("arm", ["linux/arm64", "linux/amd64"], [], { buildkitVersion: "v0.33.1" });
const HERE: Circumstances = { needs: new Map(), node: NODE };
const RELEASE = releaseOf("app", ["linux/amd64", "linux/arm64"]);

function inputsNamed(name: string, unknown: Inputs["unknown"] = []): Inputs {
  return { digest: digestOf(Buffer.from(name)), unknown };
}

interface World {
  readonly release?: PlannedRelease;
  readonly registry?: MemoryRegistry;
  readonly changes?: Partial<TakeOverOptions>;
}

/** One run of the program, as far as it takes over. */
function meet({ release = RELEASE, registry = memoryRegistry(), changes = {} }: World = {}) {
  const events: RunEvent[] = [];
  const takeOver = meetInRegistry({
    releases: [release],
    registry,
    inputsOf: async ({ id }) => inputsNamed(id),
    planPartOf: ({ id }) => id,
    revision: "c0ffee",
    joined: new Set(),
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    now: () => 0,
    timing: { sleep: async () => undefined },
    ...changes,
  });
  return { takeOver, registry, events, release };
}

async function confirmed(registry: MemoryRegistry, variant: Variant): Promise<ConfirmedImage> {
  const { os, architecture } = variant.platform;
  const image = makeImage({ os, architecture });
  const [repository] = variant.build.repositories;
  if (repository === undefined) throw new Error("no repository");
  registry.push(repository, image);
  const wanted = { variant: variant.id, platform: variant.platform, annotations: {} };
  const { digest } = image.manifest.descriptor;
  const read = await confirmVariant(registry.store(repository), { ...wanted, digest });
  if (!read.ok) throw new Error(read.error.kind);
  return read.value;
}

function variantOf({ variants }: PlannedRelease, at = 0): Variant {
  const variant = variants[at];
  if (variant === undefined) throw new Error("no such variant");
  return variant;
}

/** Keeps a variant, and ends that run without a release. */
async function finish(world: ReturnType<typeof meet>, at = 0): Promise<ConfirmedImage> {
  const variant = variantOf(world.release, at);
  const image = await confirmed(world.registry, variant);
  world.takeOver.keep({
    route: { variant, node: NODE, execution: "native" },
    image,
    durationMs: 1_000,
    circumstances: HERE,
    checked: "checked",
  });
  await world.takeOver.settle([]);
  return image;
}

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

  test.each<readonly [string, World, object]>([
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

describe("reuse: unchanged", () => {
  const reusing: PlannedRelease = { ...RELEASE, reuse: "unchanged" };

  test("takes what the tag names where inputs and checks are the same", async () => {
    const registry = await released(reusing, [0, 1]);
    const { takeOver } = meet({ release: reusing, registry });
    for (const variant of reusing.variants)
      expect(await takeOver.find(variant, HERE)).toMatchObject({ value: { kind: "taken", from: "release" } });
  });

  test.each<readonly [string, World]>([
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
