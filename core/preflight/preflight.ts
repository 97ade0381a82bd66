import type { BuildKit } from "../buildkit/buildkit.ts";
import { Slots } from "../concurrent.ts";
import { withoutIgnored } from "../dockerfile/ignore.ts";
import { withoutTwins } from "../dockerfile/twins.ts";
import type { Finding } from "../findings/finding.ts";
import type { Plan } from "../plan/plan.ts";
import type { Allowed } from "../publish/guard.ts";
import type { Registry } from "../registry/registry.ts";
import type { Route } from "../route/route.ts";
import { checkBases, type BaseReport } from "./bases.ts";
import { askForChecks, type ChecksReport } from "./buildkit-checks.ts";
import type { DockerfileReport } from "./dockerfiles.ts";
import { checkHost, type HostReport, type PreflightHost } from "./emulators.ts";
import { checkPush, type PushReport } from "./push.ts";
import { findForbiddenTags, judgeTags, readTagState, type TagReport } from "./tags.ts";

/** What is checked, and the world to ask. What is absent is left out. */
export interface PreflightOptions {
  readonly plan: Plan;
  /** Where variants will be built; empty where no builder could be asked. */
  readonly routes: readonly Route[];
  readonly dockerfiles: DockerfileReport;
  /** Base images and the plan's own repositories are asked here; read access is enough. */
  readonly registry?: Registry;
  /** `all`: what every tag names, and what the guard will say; `forbidden`: only tags whose being there stops the release. */
  readonly tags: "all" | "forbidden";
  readonly allowed: Allowed;
  readonly host?: PreflightHost;
  /** Asked for its own checks of the Dockerfiles. */
  readonly buildkit?: Pick<BuildKit, "lint">;
  /** Registries that have not answered by then are reported so, in milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** What was found, what was looked at, and in a sentence each what was not. */
export interface PreflightReport {
  /** Without those that the plan's `check.ignore` names. */
  readonly findings: readonly Finding[];
  readonly looked: {
    readonly dockerfiles: number;
    readonly bases: number;
    readonly repositories: number;
    readonly tags: number;
    readonly emulators: number;
  };
  readonly leftOut: readonly string[];
}

/** Requests to registries at the same time. */
const PARALLELISM = 8;
/** Questions to BuildKit at the same time: each is a process. */
const BUILDKIT_PARALLELISM = 4;

const NONE = { findings: [], looked: 0, leftOut: [] } as const;

/**
 * Looks for what would make a build fail, or its result wrong, before anything is built: base images, push permission, tags, emulators
 * and disk, all at once. An interrupted one finds nothing.
 */
export async function preflight(options: PreflightOptions): Promise<PreflightReport> {
  const { dockerfiles, signal } = options;
  const [checks, bases, { push, tags }, host] = await Promise.all([
    lookByBuildKit(options),
    lookAtBases(options),
    lookAtTargets(options),
    lookAtHost(options),
  ]);
  const found = [dockerfiles, checks, bases, push, tags, host].flatMap(({ findings }) => findings);
  return {
    findings: signal.aborted ? [] : wanted(found, options),
    looked: {
      dockerfiles: dockerfiles.looked,
      bases: bases.looked,
      repositories: push.looked,
      tags: tags.looked,
      emulators: host.looked,
    },
    leftOut: [...dockerfiles.leftOut, ...checks.leftOut, ...host.leftOut],
  };
}

/** Findings that the plan's `check.ignore` does not name. */
export function unignored(findings: readonly Finding[], { check }: Plan): readonly Finding[] {
  return findings.filter(({ rule }) => !check.ignore.includes(rule));
}

/** Without those that the plan or a comment in a Dockerfile ignores, and without those of BuildKit that say what ours say. */
function wanted(findings: readonly Finding[], { plan, dockerfiles }: PreflightOptions): readonly Finding[] {
  const sources = new Map(dockerfiles.groups.map(({ source }) => [source.path, source]));
  const heard = [...sources.values()].reduce(withoutIgnored, findings);
  return unignored(withoutTwins(heard), plan);
}

async function lookByBuildKit(options: PreflightOptions): Promise<ChecksReport> {
  const { buildkit, routes, dockerfiles } = options;
  if (buildkit === undefined) return NONE;
  const slots = new Slots(BUILDKIT_PARALLELISM);
  return await askForChecks(dockerfiles.groups, { buildkit, routes, slots, signal: deadline(options) });
}

async function lookAtBases(options: PreflightOptions): Promise<BaseReport> {
  const { plan, routes, dockerfiles, registry } = options;
  if (registry === undefined) return NONE;
  return await checkBases(dockerfiles.bases, {
    registry,
    slots: new Slots(PARALLELISM),
    signal: deadline(options),
    made: plan.releases.flatMap(({ tags }) => tags),
    kept: routes.some(({ node }) => node.keepsImages === true),
  });
}

async function lookAtTargets(
  options: PreflightOptions,
): Promise<{ readonly push: PushReport; readonly tags: TagReport }> {
  const { plan, registry, allowed } = options;
  if (registry === undefined) return { push: { ...NONE, refusing: new Set(), answers: [] }, tags: NONE };
  const world = { registry, slots: new Slots(PARALLELISM), signal: deadline(options) };
  const isAll = options.tags === "all";
  // With `--output` the plan names tags and pushes nothing: what they name is nobody's business then.
  const pushed = plan.releases.filter(({ repositories }) => repositories.length > 0);
  const [push, tags] = await Promise.all([
    checkPush(pushed, world),
    isAll ? readTagState(pushed, world) : findForbiddenTags(pushed, world),
  ]);
  return { push, tags: "readings" in tags ? judgeTags(tags, { allowed, refusing: push.refusing }) : tags };
}

async function lookAtHost({ host, routes, signal }: PreflightOptions): Promise<HostReport> {
  return host === undefined ? NONE : await checkHost(routes, host, signal);
}

function deadline({ signal, deadlineMs }: PreflightOptions): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
}
