import type { Node } from "../core/buildkit/buildkit.ts";
import type { Variant } from "../core/plan/plan.ts";
import type { Durations } from "../core/route/route.ts";
import { node, variant } from "../test/support/make.ts";

/** A plan to be placed, and how long each of its builds takes anywhere: what the schedule expects is what happens. */
export interface Instance {
  readonly variants: readonly Variant[];
  readonly nodes: readonly Node[];
  readonly durations: Durations;
  readonly maxParallelism?: number;
  /** Does every node build everything natively, and equally fast? Then it is the textbook's problem. */
  readonly areEqual: boolean;
}

export interface Size {
  readonly images: number;
  readonly platforms: number;
  readonly nodes: number;
}

const PLATFORMS = [
  "linux/amd64",
  "linux/arm64",
  "linux/s390x",
  "linux/ppc64le",
  "linux/riscv64",
  "linux/loong64",
];

/** Numbers from 0 to 1 that are the same in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Mostly what people have: a few images, a few machines; now and then a whole distribution. */
export function randomSize(random: () => number): Size {
  const upTo = (limit: number): number => 1 + Math.floor(limit ** random());
  return { images: upTo(random() < 0.1 ? 400 : 40), platforms: Math.min(6, upTo(6)), nodes: upTo(16) };
}

/**
 * Images of 20 s to half an hour (the logarithm is normal), 3 to 12 times that under emulation; nodes of one to six builds at a time, in one of two
 * instances of different speed; in one of three, images need others; in one of five, there is a limit in total.
 */
export function randomInstance(random: () => number, { images, platforms, nodes: count }: Size): Instance {
  const names = PLATFORMS.slice(0, platforms);
  const areEqual = random() < 0.25;
  const nodes = Array.from({ length: count }, (_, at) => randomNode(`node-${at}`, names, random));
  // One that emulates everything: no variant is ever refused.
  const mixed = [...nodes, node("last", ["linux/amd64"], names, { maxParallelism: 4 })];
  const all = areEqual
    ? mixed.map(({ name, maxParallelism }) => node(name, names, [], { maxParallelism }))
    : mixed;
  const isOneSpeed = areEqual || random() < 0.5;
  const speeds = new Map(all.map(({ name }) => [name, isOneSpeed ? 1 : 0.7 + 0.8 * random()]));
  const hasNeeds = random() < 1 / 3;
  const costs = new Map<string, { readonly ms: number; readonly emulated: number }>();
  const variants = Array.from({ length: images }, (_, image) => {
    const needed = hasNeeds && image > 0 && random() < 0.5 ? Math.floor(image * random()) : undefined;
    const ms = 1000 * Math.min(1800, Math.max(20, Math.exp(5 + 1.2 * normal(random))));
    return names.map((platform) => {
      const id = `app${image} ${platform}`;
      costs.set(id, { ms: ms * (0.8 + 0.4 * random()), emulated: 3 + 9 * random() });
      return variant(platform, {
        id,
        release: `app${image}`,
        ...(needed === undefined ? {} : { needs: [`app${needed} ${platform}`] }),
      });
    });
  }).flat();
  const slots = all.reduce((sum, each) => sum + each.maxParallelism, 0);
  return {
    areEqual,
    variants,
    nodes: all,
    durations: ({ id }, { name }, execution) => {
      const { ms, emulated } = costs.get(id) ?? { ms: 0, emulated: 1 };
      return Math.round(ms * (speeds.get(name) ?? 1) * (execution === "emulated" ? emulated : 1));
    },
    ...(random() < 0.2 ? { maxParallelism: Math.ceil(slots * random()) } : {}),
  };
}

function randomNode(name: string, platforms: readonly string[], random: () => number): Node {
  const native = platforms[Math.floor(random() * platforms.length)] ?? "linux/amd64";
  const emulated = random() < 0.5 ? platforms.filter((each) => each !== native) : [];
  return node(name, [native], emulated, { maxParallelism: 1 + Math.floor(6 * random()) });
}

/** Box and Muller's. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
