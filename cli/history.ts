import { join } from "node:path";
import { openHistory, type History, type Measured, type Project } from "../core/history/history.ts";
import type { RouteTaken } from "../core/history/samples.ts";
import { cacheFolders } from "../core/host/folders.ts";
import type { Plan, Variant } from "../core/plan/plan.ts";
import type { Durations, Route } from "../core/route/route.ts";
import type { VariantReport } from "../core/run.ts";
import { formatPlatformFull } from "../platforms/platform.ts";
import type { Shell } from "./shell.ts";

/** What past runs of this user tell of a plan's builds. */
export async function readDurations(plan: Plan, shell: Pick<Shell, "env" | "home">): Promise<Durations> {
  const projects = projectsOf(plan);
  const lookup = await historyOf(shell).durations([...projects.values()]);
  return (variant, { name: node }, execution) =>
    lookup(projects.get(variant.release) ?? [], routeTaken({ variant, node, execution }));
}

/** Keeps what this run's builds took, for the routes of the next ones. */
export async function keepDurations(
  plan: Plan,
  reports: readonly VariantReport[],
  shell: Pick<Shell, "env" | "home">,
): Promise<void> {
  const projects = projectsOf(plan);
  const samples = reports.flatMap((report) => {
    const project = projects.get(report.route.variant.release) ?? [];
    return measured(report).map((sample): Measured => ({ ...sample, project }));
  });
  if (samples.length > 0) await historyOf(shell).add(samples);
}

/** Nothing where nothing was built: a build with all of its steps from the cache does not tell what the next change will take. */
function measured({ route, outcome }: VariantReport): readonly Omit<Measured, "project">[] {
  if (outcome.kind !== "built" || outcome.takenFrom !== undefined) return [];
  const { cache, durationMs } = outcome;
  const isCached = cache.steps > 0 && cache.cached === cache.steps;
  const { variant, node, execution } = route;
  return isCached ? [] : [{ ...routeTaken({ variant, node: node.name, execution }), durationMs }];
}

function routeTaken({
  variant,
  node,
  execution,
}: {
  readonly variant: Variant;
  readonly node: string;
  readonly execution: Route["execution"];
}): RouteTaken {
  return { release: variant.release, platform: formatPlatformFull(variant.platform), node, execution };
}

/** By release. The tags tell it: with `--load` or `--output` nothing is pushed anywhere, and yet it is the same project. */
function projectsOf(plan: Plan): ReadonlyMap<string, Project> {
  return new Map(plan.releases.map(({ name, tags }) => [name, tags]));
}

function historyOf({ env, home }: Pick<Shell, "env" | "home">): History {
  return openHistory(join(cacheFolders(env, home).root, "history"));
}
