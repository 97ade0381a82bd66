import { Lanes } from "./lanes.ts";
import type { Placement, Task } from "./task.ts";

/** A node while builds are placed on it. */
export class Site {
  readonly #lanes: Lanes;
  /** When the emulated builds end that are under way there, or will be. */
  #emulatedUntil: readonly number[] = [];

  constructor(slots: number) {
    this.#lanes = new Lanes(slots);
  }

  /** From when on another build has room. */
  earliest(): number {
    return this.#lanes.earliest();
  }

  /** See {@link Lanes.load}. */
  load(atMs: number): number {
    return this.#lanes.load(atMs);
  }

  /** Does an emulated build go on at this moment? */
  emulates(atMs: number): boolean {
    return this.#emulatedUntil.some((endMs) => endMs > atMs);
  }

  take({ candidates }: Task, { startMs, durationMs }: Placement): void {
    this.#lanes.take(startMs, startMs + durationMs);
    if (candidates.execution === "native") return;
    const current = this.#emulatedUntil.filter((endMs) => endMs > startMs);
    this.#emulatedUntil = [...current, startMs + durationMs];
  }
}

/** The candidate where a task ends first. Emulation takes all of a CPU: it joins another one only where no candidate is free without. */
export function chooseSite(
  { candidates, ms }: Task,
  sites: readonly Site[],
  nowMs: number,
): Placement | undefined {
  const options = candidates.nodes.flatMap((node, index) => {
    const site = sites[node];
    if (site === undefined) return [];
    return [{ site, node, startMs: Math.max(nowMs, site.earliest()), durationMs: ms[index] ?? 0 }];
  });
  if (candidates.execution === "native") return firstToEnd(options);
  const alone = options.filter(({ site, startMs }) => !site.emulates(startMs));
  return firstToEnd(alone.some(({ startMs }) => startMs === nowMs) ? alone : options);
}

interface Option extends Placement {
  readonly site: Site;
}

function firstToEnd(options: readonly Option[]): Placement | undefined {
  let best: Option | undefined;
  for (const option of options) if (best === undefined || isBetter(option, best)) best = option;
  return best && { node: best.node, startMs: best.startMs, durationMs: best.durationMs };
}

function isBetter(one: Option, other: Option): boolean {
  const difference = one.startMs + one.durationMs - (other.startMs + other.durationMs);
  return difference === 0 ? one.site.load(one.startMs) < other.site.load(other.startMs) : difference < 0;
}
