import { openAuditor, type Auditor } from "./fault-matrix-audit.ts";
import { matrixClient, noWaits } from "./fault-matrix-client.ts";
import { startFront, type Front } from "./fault-matrix-front.ts";
import { seedTags, seedVariants, VARIANTS, type PushedVariant } from "./fault-matrix-images.ts";
import type { Attempt, Scenario, Work } from "./fault-matrix.ts";
import { failureIn } from "./fault-matrix-words.ts";
import { build, node, variant } from "./make.ts";
import { plannedRelease } from "./release.ts";
import type { BuildKit } from "../../core/buildkit/buildkit.ts";
import type { RunEvent } from "../../core/event.ts";
import type { PlannedRelease } from "../../core/plan/plan.ts";
import { run, type RunReport } from "../../core/run.ts";
import { fail, ok } from "../../core/result.ts";
import { formatPlatform } from "../../platforms/platform.ts";

const NODE = node("builder", ["linux/amd64", "linux/arm64"], []);
const REPOSITORIES = ["release/one", "release/two"];

/**
 * A BuildKit that has pushed everything already: what is left of a build is all that is ours. A variant begins when the one before
 * is read back, so that requests come in the same order in every run.
 */
function pushedBefore(): { readonly buildkit: BuildKit; readonly onEvent: (event: RunEvent) => void } {
  const done = VARIANTS.map(() => Promise.withResolvers<void>());
  const solve: BuildKit["solve"] = async ({ platform }) => {
    const at = VARIANTS.findIndex((each) => each.platform === formatPlatform(platform));
    await done[at - 1]?.promise;
    const digest = VARIANTS[at]?.index.descriptor.digest;
    return digest === undefined ? fail({ kind: "solve-cancelled" }) : ok({ digest });
  };
  const onEvent = (event: RunEvent): void => {
    if (event.kind === "variant-done")
      done[VARIANTS.findIndex(({ platform }) => event.variant.endsWith(platform))]?.resolve();
  };
  return { buildkit: { nodes: [NODE], solve, close: async () => undefined }, onEvent };
}

/**
 * The release of two variants that BuildKit has pushed into two registries: read back, guarded, stored, four tags moved. Two of
 * the tags are there before and name less.
 */
export async function releaseScenario(registry: string): Promise<Scenario> {
  const auditor = openAuditor(registry);
  for (const repository of REPOSITORIES) await seedVariants(registry, repository);
  const [first] = VARIANTS;
  if (first === undefined) throw new Error("Internal error: no variants");
  return {
    title: "A release into two registries",
    about:
      "Two platforms with attestations are read back, the tags are guarded, the index is stored, and two tags move in each registry. " +
      "One of the two names an older index of one platform before.",
    open: (id) => openRelease(id, { registry, auditor, before: first }),
  };
}

interface Surroundings {
  readonly registry: string;
  readonly auditor: Auditor;
  readonly before: PushedVariant;
}

async function openRelease(id: string, { registry, auditor, before }: Surroundings): Promise<Work> {
  const fronts = await Promise.all(REPOSITORIES.map(() => startFront(registry, id)));
  const [fresh, older] = [id, `${id}-latest`];
  for (const repository of REPOSITORIES) await seedTags(registry, repository, [older], before.index);
  const release = releaseOf(id, fronts, [fresh, older]);
  let expected: string | undefined;
  return {
    fronts,
    attempt: async (options) => {
      const report = await releaseOnce(release, fronts, options);
      expected ??= report.released[0]?.index.descriptor.digest;
      return attemptOf(report);
    },
    audit: async ({ outcome, told }) => {
      const problems: string[] = [];
      for (const [at, repository] of REPOSITORIES.entries())
        for (const tag of [fresh, older]) {
          const names = await auditor.digestOf(repository, tag);
          if (names !== undefined && names !== before.index.descriptor.digest)
            problems.push(...(await auditor.flaws(repository, tag)));
          if (outcome.kind === "passes" && names !== expected)
            problems.push(`a success, and ${tag} of registry ${at + 1} names ${names}`);
          if (tag === older && names === undefined) problems.push(`${tag} is gone`);
          problems.push(...wrongWords({ told, tag, host: fronts[at]?.host ?? "" }, names, before));
        }
      return problems;
    },
    close: async () => void (await Promise.all(fronts.map((front) => front.close()))),
  };
}

function releaseOf(id: string, fronts: readonly Front[], tags: readonly string[]): PlannedRelease {
  const repositories = fronts.map(({ host }, at) => ({ registry: host, path: REPOSITORIES[at] ?? "" }));
  return plannedRelease({
    variants: VARIANTS.map(({ platform }) => variant(platform, { build: build({ repositories }) })),
    repositories,
    tags: repositories.flatMap((repository) => tags.map((tag) => ({ ...repository, tag }))),
    indexAnnotations: { "org.example.case": id },
  });
}

async function releaseOnce(
  release: PlannedRelease,
  fronts: readonly Front[],
  options: { readonly isHasty: boolean },
): Promise<RunReport> {
  const registry = matrixClient(fronts, options);
  const { buildkit, onEvent } = pushedBefore();
  const report = await run({
    plan: {
      file: { path: "buildx-plan.yaml", text: "" },
      directory: "/project",
      builders: [],
      registries: [],
      releases: [release],
      warnings: [],
      secretValues: [],
    },
    routes: release.variants.map((each) => ({ variant: each, node: NODE, execution: "native" })),
    buildkit,
    target: { kind: "registries", registry, byBuilder: (repositories) => repositories },
    onEvent,
    signal: new AbortController().signal,
    now: () => 0,
    timing: noWaits,
  });
  await registry.close();
  return report;
}

function attemptOf(report: RunReport): Attempt {
  const failures = report.variants.flatMap(({ outcome }) =>
    outcome.kind === "failed" ? [outcome.failure] : [],
  );
  const told = report.failure ?? failures;
  const isOut = report.failure === undefined && failures.length === 0 && report.released.length === 1;
  if (isOut) return { outcome: { kind: "passes" }, told: [] };
  const moved = report.failure?.kind === "release-failed" ? report.failure.moved.length : 0;
  return { outcome: { kind: "fails", failure: failureIn(told, moved) }, told };
}

// What a failure says of tags must be so, whatever was lost on the way.
function wrongWords(
  { told, tag, host }: { readonly told: unknown; readonly tag: string; readonly host: string },
  names: string | undefined,
  before: PushedVariant,
): readonly string[] {
  const isOld = names === undefined || names === before.index.descriptor.digest;
  const failure = told as RunReport["failure"] | undefined;
  const moved = failure?.kind === "release-failed" ? failure.moved : [];
  const failed = failure?.kind === "release-failed" ? [failure.failedTag] : [];
  const isNamed = (list: readonly { readonly registry: string; readonly tag: string }[]): boolean =>
    list.some((each) => each.tag === tag && each.registry === host);
  if (isNamed(moved) && isOld) return [`${tag} is said to have moved, and has not`];
  const isFailure = failure !== undefined && !(Array.isArray(failure) && failure.length === 0);
  if (isFailure && !isOld && !isNamed(moved) && !isNamed(failed))
    return [`${tag} has moved, and nobody says so`];
  return [];
}
