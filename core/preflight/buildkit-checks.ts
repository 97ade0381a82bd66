import type { BuildKit, SolveFailure } from "../buildkit/buildkit.ts";
import { lintFindings } from "../buildkit/lint-findings.ts";
import type { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import type { Build, BuildContext } from "../plan/build.ts";
import type { Route } from "../route/route.ts";
import { distinctFindings, type DockerfileGroup } from "./dockerfiles.ts";

/** A builder to ask, and how. */
export interface CheckWorld {
  readonly buildkit: Pick<BuildKit, "lint">;
  readonly routes: readonly Route[];
  readonly slots: Slots;
  readonly signal: AbortSignal;
}

/** What BuildKit's checks found, and why some were not made. */
export interface ChecksReport {
  readonly findings: readonly Finding[];
  readonly leftOut: readonly string[];
}

/**
 * Asks BuildKit for its own checks of these Dockerfiles: once for each way in which one is built, platforms aside, on the node that would
 * build it.
 */
export async function askForChecks(
  groups: readonly DockerfileGroup[],
  world: CheckWorld,
): Promise<ChecksReport> {
  const asked = groups.flatMap((group) => waysOf(group, world.routes).map((route) => ({ group, route })));
  const reports = await Promise.all(
    asked.map(({ group, route }) => world.slots.hold(() => askOne(group, route, world))),
  );
  return {
    findings: distinctFindings(reports.flatMap(({ findings }) => findings)),
    leftOut: [...new Set(reports.flatMap(({ leftOut }) => leftOut))],
  };
}

/** One route for each set of arguments and contexts, a native one where there is one. */
function waysOf({ variants }: DockerfileGroup, routes: readonly Route[]): readonly Route[] {
  const ids = new Set(variants.map(({ id }) => id));
  const own = routes.filter(({ variant }) => ids.has(variant.id));
  const ways = Map.groupBy(own, ({ variant }) => {
    const { args, contexts } = withoutVariants(variant.build);
    return JSON.stringify([args, contexts]);
  });
  return [...ways.values()].flatMap(
    (same) => same.find(({ execution }) => execution === "native") ?? same.slice(0, 1),
  );
}

async function askOne(
  { source }: DockerfileGroup,
  { node, variant }: Route,
  { buildkit, signal }: CheckWorld,
): Promise<ChecksReport> {
  const { platform, build } = variant;
  const answer = await buildkit.lint({ node, platform, build: withoutVariants(build) }, signal);
  if (answer.ok) return { findings: lintFindings(answer.value, source), leftOut: [] };
  return { findings: [], leftOut: [`BuildKit's own checks of ${source.path}: ${reasonOf(answer.error)}`] };
}

/** What another variant becomes is not there before it is built, and no check looks into it: nothing is as good. */
function withoutVariants(build: Build): Build {
  const contexts = Object.entries(build.contexts).map(
    ([name, context]) => [name, context.kind === "variant" ? NOTHING : context] as const,
  );
  return { ...build, contexts: Object.fromEntries(contexts) };
}

const NOTHING: BuildContext = { kind: "remote", url: "docker-image://scratch" };

function reasonOf(failure: SolveFailure): string {
  if (failure.kind === "emulator-crashed") return `an emulator crashed in ${failure.step}`;
  if (
    failure.kind === "solve-cancelled" ||
    failure.kind === "solve-timed-out" ||
    failure.kind === "solve-stalled"
  )
    return "there was no answer in time";
  if (failure.kind === "node-lost") return `${failure.node} does not answer (${failure.detail})`;
  return "message" in failure ? failure.message : failure.detail;
}
