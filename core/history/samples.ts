import * as z from "zod/mini";

/** What is remembered of the builds of one project. */
export interface Remembered {
  /** Milliseconds of the last builds, oldest first, by {@link routeKey}; the route that was taken last comes last. */
  readonly durations: ReadonlyMap<string, readonly number[]>;
}

/** Which of a project's builds: every route has times of its own. */
export interface RouteTaken {
  /** Name of the release: `app[node=22]`. */
  readonly release: string;
  /** In full, as it is shown. */
  readonly platform: string;
  readonly node: string;
  readonly execution: "native" | "emulated";
}

/** How long a build took. */
export interface DurationSample extends RouteTaken {
  readonly durationMs: number;
}

/** So many builds of a route tell what the next one takes: one that had to wait for a registry does not spoil it. */
const KEPT = 5;
/** A month: what takes longer is a broken clock. */
const MAX_MS = 31 * 24 * 3_600_000;

const stored = z.object({
  version: z.literal(1),
  durations: z.array(z.tuple([z.string(), z.array(z.number().check(z.nonnegative(), z.maximum(MAX_MS)))])),
});

export const NOTHING: Remembered = { durations: new Map() };

/** One text for a route. Its parts may hold any character. */
export function routeKey({ release, platform, node, execution }: RouteTaken): string {
  return JSON.stringify([release, platform, node, execution]);
}

/** What the next build of this route is expected to take: the median of the last ones. */
export function medianOf({ durations }: Remembered, route: RouteTaken): number | undefined {
  const sorted = durations.get(routeKey(route))?.toSorted((one, other) => one - other) ?? [];
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return lower === undefined || upper === undefined ? undefined : Math.round((lower + upper) / 2);
}

/** Adds what was measured; where there are too many routes, those that nobody took for the longest time are forgotten. */
export function withSamples(
  { durations }: Remembered,
  samples: readonly DurationSample[],
  maxRoutes: number,
): Remembered {
  const added = new Map(durations);
  for (const sample of samples) {
    if (!(sample.durationMs >= 0 && sample.durationMs <= MAX_MS)) continue;
    const key = routeKey(sample);
    const before = added.get(key) ?? [];
    // Taken out first, so that it comes last.
    added.delete(key);
    added.set(key, [...before, Math.round(sample.durationMs)].slice(-KEPT));
  }
  return { durations: new Map([...added].slice(Math.max(0, added.size - maxRoutes))) };
}

/** Undefined where the text is none of ours: a damaged file, or one of a version to come. */
export function parseRemembered(text: string): Remembered | undefined {
  const parsed = z.safeParse(stored, jsonOf(text));
  if (!parsed.success) return undefined;
  return {
    durations: new Map(parsed.data.durations.map(([key, all]) => [key, all.slice(-KEPT)])),
  };
}

export function formatRemembered({ durations }: Remembered): string {
  return JSON.stringify({ version: 1, durations: [...durations] });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
