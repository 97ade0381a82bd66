import type { RunEvent } from "../event.ts";
import type { PlannedRelease, Variant } from "../plan/plan.ts";
import type { Registry } from "../registry/registry.ts";
import { readTags, type TagsRead } from "./release.ts";

/** Watches a run, and reads what tags point at before it is asked for. */
export interface ReadAhead {
  readonly onEvent: (event: RunEvent) => void;
  /** What the tags point at; read now, where that has not begun. */
  readonly tagsRead: () => Promise<TagsRead>;
}

/** What is to be released, and what has to be pushed before that. */
export interface ReadAheadOptions {
  readonly releases: readonly PlannedRelease[];
  readonly variants: readonly Variant[];
  readonly registry: Registry;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Begins to read what the tags point at as soon as the last variant is pushed: while it is read back, so that the guard costs no
 * time. Where a variant that must be there has failed, nothing is read.
 */
export function readAhead({ releases, variants, registry, signal, now }: ReadAheadOptions): ReadAhead {
  const unpushed = new Map(variants.map((variant) => [variant.id, variant]));
  let isLost = false;
  let reading: Promise<TagsRead> | undefined;
  const read = async (): Promise<TagsRead> => {
    const atMs = now();
    return { readings: await readTags(releases, registry, signal), atMs };
  };
  const tagsRead = (): Promise<TagsRead> => (reading ??= read());
  return {
    tagsRead,
    onEvent: (event) => {
      if (event.kind !== "variant-pushed" && event.kind !== "variant-done") return;
      const isBuilt = event.kind === "variant-pushed" || event.outcome.kind === "built";
      isLost ||= !isBuilt && unpushed.get(event.variant)?.required !== false;
      const isLast = unpushed.delete(event.variant) && unpushed.size === 0;
      if (isLast && !isLost && !signal.aborted) void tagsRead();
    },
  };
}
