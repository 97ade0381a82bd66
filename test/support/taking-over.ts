import type { RunEvent } from "../../core/event.ts";
import type { Inputs } from "../../core/inputs/inputs.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { PlannedRelease, Variant } from "../../core/plan/plan.ts";
import { confirmVariant, type ConfirmedImage } from "../../core/publish/confirm.ts";
import { meetInRegistry } from "../../core/taking-over/in-registry.ts";
import type { TakeOverOptions } from "../../core/taking-over/place.ts";
import type { Circumstances } from "../../core/taking-over/take-over.ts";
import { makeImage } from "./images.ts";
import { node } from "./make.ts";
import { memoryRegistry, type MemoryRegistry } from "./memory-registry.ts";
import { releaseOf } from "./run-world.ts";

/** The node that builds everything here. */
export const NODE = node("arm", ["linux/arm64", "linux/amd64"], [], { buildkitVersion: "v0.33.1" });
/** On it, and with nothing that the variant needs. */
export const HERE: Circumstances = { needs: new Map(), node: NODE };
/** Of two platforms, in one repository. */
export const RELEASE = releaseOf("app", ["linux/amd64", "linux/arm64"]);

/** Inputs that are others under another name. */
export function inputsNamed(name: string, unknown: Inputs["unknown"] = []): Inputs {
  return { digest: digestOf(Buffer.from(name)), unknown };
}

/** A run of the program, and what it meets. */
export interface MeetingWorld {
  readonly release?: PlannedRelease;
  readonly registry?: MemoryRegistry;
  readonly changes?: Partial<TakeOverOptions>;
}

/** One run of the program, as far as it takes over. */
export function meet({ release = RELEASE, registry = memoryRegistry(), changes = {} }: MeetingWorld = {}) {
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

/** Pushes an image for a variant, and reads it back; another layer makes another image. */
export async function confirmed(
  registry: MemoryRegistry,
  variant: Variant,
  layer = "layer",
): Promise<ConfirmedImage> {
  const { os, architecture } = variant.platform;
  const image = makeImage({ os, architecture }, [layer]);
  const [repository] = variant.build.repositories;
  if (repository === undefined) throw new Error("no repository");
  registry.push(repository, image);
  const wanted = { variant: variant.id, platform: variant.platform, annotations: {} };
  const { digest } = image.manifest.descriptor;
  const read = await confirmVariant(registry.store(repository), { ...wanted, digest });
  if (!read.ok) throw new Error(read.error.kind);
  return read.value;
}

/** The variant in this place of a release. */
export function variantOf({ variants }: PlannedRelease, at = 0): Variant {
  const variant = variants[at];
  if (variant === undefined) throw new Error("no such variant");
  return variant;
}

/** A variant that was built in this run. */
export interface Built {
  readonly at?: number;
  readonly layer?: string;
}

/** Keeps a variant; the run goes on. */
export async function keepIn(
  world: ReturnType<typeof meet>,
  { at = 0, layer }: Built = {},
): Promise<ConfirmedImage> {
  const variant = variantOf(world.release, at);
  const image = await confirmed(world.registry, variant, layer);
  world.takeOver.keep({
    route: { variant, node: NODE, execution: "native" },
    image,
    durationMs: 1_000,
    circumstances: HERE,
    checked: "checked",
  });
  return image;
}

/** Keeps a variant, and ends that run without a release. */
export async function finish(world: ReturnType<typeof meet>, built: Built = {}): Promise<ConfirmedImage> {
  const image = await keepIn(world, built);
  await world.takeOver.settle([]);
  return image;
}
