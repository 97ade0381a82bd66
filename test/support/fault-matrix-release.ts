import { openAuditor, type Auditor } from "./fault-matrix-audit.ts";
import { matrixClient, noWaits } from "./fault-matrix-client.ts";
import { startFront, type Front } from "./fault-matrix-front.ts";
import { seedTags, seedVariants, smallerIndex, VARIANTS } from "./fault-matrix-images.ts";
import type { Attempt, Scenario, Work } from "./fault-matrix.ts";
import { failureIn } from "./fault-matrix-words.ts";
import { build, node, variant } from "./make.ts";
import { plannedRelease } from "./release.ts";
import type { BuildKit } from "../../core/buildkit/buildkit.ts";
import { formatReference } from "../../core/oci/reference.ts";
import type { RunEvent } from "../../core/event.ts";
import { createGates } from "../../core/gates.ts";
import type { LayerMemory } from "../../core/layers/layer.ts";
import type { Plan, PlannedRelease } from "../../core/plan/plan.ts";
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
  return {
    buildkit: {
      nodes: [NODE],
      solve,
      lint: async () => ok([]),
      isAlive: async () => true,
      close: async () => undefined,
    },
    onEvent,
  };
}

/**
 * The release of two variants that BuildKit has pushed into two registries: read back, guarded, stored, four tags moved. Two of
 * the tags are there before and name less.
 */
export async function releaseScenario(registry: string): Promise<Scenario> {
  const auditor = openAuditor(registry);
  for (const repository of REPOSITORIES) await seedVariants(registry, repository);
  return {
    title: "A release into two registries",
    about:
      "Two platforms with attestations are read back and looked into, the tags are guarded, the index is stored, and two tags move in each registry. " +
      "One of the two names an older index of one platform before.",
    open: (id) => openRelease(id, registry, auditor),
  };
}

async function openRelease(id: string, registry: string, auditor: Auditor): Promise<Work> {
  const before = smallerIndex(id);
  const fronts = await Promise.all(REPOSITORIES.map(() => startFront(registry, id)));
  const [fresh, older] = [id, `${id}-latest`];
  for (const repository of REPOSITORIES) await seedTags(registry, repository, [older], before);
  const release = releaseOf(id, fronts, [fresh, older]);
  let expected: string | undefined;
  return {
    fronts,
    attempt: async (options) => {
      const report = await releaseOnce(release, fronts, options);
      expected ??= report.released[0]?.index.descriptor.digest;
      return attemptOf(report);
    },
    audit: async (attempt) => {
      const problems: string[] = [];
      for (const [at, repository] of REPOSITORIES.entries())
        for (const tag of [fresh, older]) {
          const names = await auditor.digestOf(repository, tag);
          const isNew = names !== undefined && names !== before.descriptor.digest;
          if (isNew) problems.push(...(await auditor.flaws(repository, tag)));
          if (attempt.outcome.kind === "passes" && names !== expected)
            problems.push(`a success, and ${tag} of registry ${at + 1} names ${names}`);
          if (tag === older && names === undefined) problems.push(`${tag} is gone`);
          const reference = formatReference({
            registry: fronts[at]?.host ?? "",
            path: repository,
            tag,
          });
          problems.push(...wrongWords(attempt, reference, isNew));
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
  const plan: Plan = {
    file: { path: "buildx-plan.yaml", text: "" },
    directory: "/project",
    builders: [],
    registries: [],
    check: { ignore: [] },
    releases: [release],
    warnings: [],
    secretValues: [],
  };
  const report = await run({
    plan,
    gates: createGates({
      plan,
      buildkit,
      memory: forgetful(),
      readDockerfile: async () => undefined,
      timing: noWaits,
      host: { env: {}, temporary: "/nowhere", userAgent: "test" },
    }),
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

/** Every case reads the layers, and shares nothing with those beside it. */
function forgetful(): LayerMemory {
  return { get: async () => undefined, put: async () => undefined };
}

function attemptOf(report: RunReport): Attempt {
  const failures = report.variants.flatMap(({ outcome }) =>
    outcome.kind === "failed" ? [outcome.failure] : [],
  );
  const { failure, released } = report;
  const isOut = failure === undefined && failures.length === 0 && released.length === 1;
  if (isOut) {
    const moved = released.flatMap(({ tags }) => tags.map(({ tag }) => formatReference(tag)));
    return { outcome: { kind: "passes" }, told: [], moved };
  }
  const told = failure ?? failures;
  const half = failure?.kind === "release-failed" ? failure : undefined;
  const moved = (half?.moved ?? []).map(formatReference);
  return {
    outcome: { kind: "fails", failure: failureIn(told) },
    told,
    moved,
    ...(half === undefined ? {} : { failed: formatReference(half.failedTag) }),
  };
}

// What is said of a tag must be so, whatever was lost on the way.
function wrongWords({ moved, failed }: Attempt, reference: string, isNew: boolean): readonly string[] {
  if (moved.includes(reference) && !isNew) return [`${reference} is said to have moved, and has not`];
  if (isNew && !moved.includes(reference) && reference !== failed)
    return [`${reference} has moved, and nobody says so`];
  return [];
}
