import * as z from "zod/mini";

/** What is remembered of the builds of one project. */
export interface Remembered {
  /** Its repositories. */
  readonly project: string;
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
  project: z.string(),
  durations: z.array(z.tuple([z.string(), z.array(z.number().check(z.nonnegative(), z.maximum(MAX_MS)))])),
});

/** One text for a route. Its parts may hold any character. */
export function routeKey({ release, platform, node, execution }: RouteTaken): string {
  return JSON.stringify([release, platform, node, execution]);
}

/** What the next build of this route is expected to take: the median of the last ones. */
export function medianOf(remembered: Remembered | undefined, route: RouteTaken): number | undefined {
  const sorted = remembered?.durations.get(routeKey(route))?.toSorted((one, other) => one - other) ?? [];
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return lower === undefined || upper === undefined ? undefined : Math.round((lower + upper) / 2);
}

/** Adds what was measured; where there are too many routes, those that nobody took for the longest time are forgotten. */
export function withSamples(
  { project, durations }: Remembered,
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
  return { project, durations: new Map([...added].slice(Math.max(0, added.size - maxRoutes))) };
}

/** Undefined where the text is none of ours: a damaged file, one of a version to come, one of another project. */
export function parseRemembered(text: string, project: string): Remembered | undefined {
  const parsed = z.safeParse(stored, jsonOf(text));
  if (!parsed.success || parsed.data.project !== project) return undefined;
  return {
    project,
    durations: new Map(parsed.data.durations.map(([key, all]) => [key, all.slice(-KEPT)])),
  };
}

export function formatRemembered({ project, durations }: Remembered): string {
  return JSON.stringify({ version: 1, project, durations: [...durations] });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
