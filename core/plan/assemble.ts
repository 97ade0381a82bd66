import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { resolveBuilders } from "./builders.ts";
import { resolveIgnoredRules } from "./checks.ts";
import { resolveRegistries, warnUnused } from "./registries.ts";
import { resolveRunners, warnIdle } from "./runners.ts";
import { joinCheckout } from "./checkout.ts";
import { readDocument } from "./document.ts";
import { expandImage } from "./expand.ts";
import type { GitFacts } from "./git-facts.ts";
import { linkImages } from "./graph.ts";
import { checkSchema } from "./issues.ts";
import type { Paths } from "./paths.ts";
import type { PlanPlace } from "./place.ts";
import type { LoadOptions, Plan, PlanFailure, PlannedRelease } from "./plan.ts";
import { gatherProblems } from "./problems.ts";
import type { Problems } from "./problems.ts";
import { readPlan } from "./read.ts";
import type { Fact, RefFacts } from "./ref-facts.ts";
import { checkRules } from "./rules.ts";
import { refusing, runScope, within } from "./scopes.ts";
import { readOverrides, selectReleases } from "./select.ts";
import type { SourceFile } from "./source.ts";
import { locate } from "./tree.ts";
import type { Value } from "./tree.ts";
import { checkVariables, resolveVariables, unsetVariables } from "./variables.ts";
import type { WrittenPlan } from "./written.ts";

/** A plan's text with what it takes to make a plan of it; what asks the world is a parameter. */
export interface PlanSource {
  readonly file: SourceFile;
  readonly directory: string;
  readonly options: Pick<LoadOptions, "env" | "set" | "images" | "only" | "run" | "now" | "lacksSecrets">;
  /** What git says, as far as the plan uses it. */
  readonly git: Promise<GitFacts>;
  readonly ci: RefFacts | undefined;
  readonly licenses?: Fact;
  readonly labelsOf: PlanPlace["labelsOf"];
  /** Looks for the files that a plan names, and reports what is wrong with them. */
  readonly checkPaths: (paths: Paths) => void;
}

/** From text to plan: read, check the form, resolve, expand, check the rules, look at the files, select. */
export async function assemblePlan(source: PlanSource): Promise<Result<Plan, PlanFailure>> {
  const { file, options } = source;
  const problems = gatherProblems(file);
  const document = readDocument(file, problems);
  if (document === undefined) return invalid(problems);
  const written = readWritten(document, problems);
  const overrides = readOverrides(
    options.set,
    written.variables.map(({ name }) => name),
  );
  if (!overrides.ok) return overrides;
  const made = await makePlan(written, overrides.value, { ...source, problems });
  if (problems.failed()) return invalid(problems, made.unsetVariables);
  const selected = selectReleases(made.releases, options);
  return selected.ok ? ok({ ...made, releases: selected.value, warnings: problems.all() }) : selected;
}

function invalid(problems: Problems, unsetVariables?: Plan["unsetVariables"]) {
  return fail<PlanFailure>({
    kind: "plan-invalid",
    diagnostics: problems.all(),
    ...(unsetVariables && { unsetVariables }),
  });
}

function readWritten(document: Value, problems: Problems): WrittenPlan {
  checkSchema(document, problems);
  const written = readPlan(document, problems);
  const images = locate(document, ["images"]);
  const { entry, value } = images.found;
  if (images.complete && entry !== undefined && value.kind === "map" && value.entries.length === 0) {
    problems.error(entry.keyRange, "The plan has no image", {
      hint: "Add a name below `images:`, and what to build below that",
    });
  }
  return written;
}

interface Making extends PlanSource {
  readonly problems: Problems;
}

async function makePlan(
  written: WrittenPlan,
  overrides: ReadonlyMap<string, string>,
  making: Making,
): Promise<Omit<Plan, "warnings">> {
  const { file, directory, options, problems } = making;
  const { env, run, now, lacksSecrets } = options;
  const git = await making.git;
  const outer = runScope(git, run);
  const sources = {
    variables: written.variables,
    overrides,
    env,
    outer,
    placeless: PLACELESS,
    problems,
    ...(lacksSecrets && { lacksSecrets }),
  };
  const variables = resolveVariables(sources);
  const paths: Paths = { directory, uses: new Map(), problems };
  const names = written.builders.map(({ name }) => name);
  const { licenses, labelsOf } = making;
  const checkout = { ...joinCheckout(git, making.ci), ...(licenses && { licenses }) };
  const known = { checkout, labelsOf, ...(now !== undefined && { now }) };
  const place = {
    scope: variables.scope,
    problems,
    paths,
    variables,
    file,
    env,
    builders: names,
    ...known,
    ...(lacksSecrets && { lacksSecrets }),
  };
  const placeless = { ...place, scope: within(PLACELESS, variables.scope) };
  const builders = resolveBuilders(written.builders, file, placeless);
  const registries = resolveRegistries(written.registries, file, placeless);
  const check = resolveIgnoredRules(written.ignoredRules, placeless);
  const runners = resolveRunners(written.runners, file, placeless);
  const releases = makeReleases(written, place);
  warnUnused(registries, releases, problems);
  warnIdle(runners, releases, problems);
  checkVariables(sources, variables);
  making.checkPaths(paths);
  const secretValues = [...new Set([...variables.secretValues(), ...environmentSecrets(releases, env)])];
  const revision = git.values.get("git.sha");
  const unset = unsetVariables(sources, file);
  const { secretVariables } = variables;
  const how = {
    ...limits(written),
    ...(unset.length > 0 && { unsetVariables: unset }),
    ...(runners.length > 0 && { runners }),
    ...(revision && { revision }),
    ...(secretVariables.length > 0 && { secretVariables }),
  };
  return { file, directory, builders, registries, check, ...how, releases, secretValues };
}

function makeReleases({ images }: WrittenPlan, place: PlanPlace): readonly PlannedRelease[] {
  const { problems } = place;
  const expanded = images.flatMap((image) => expandImage(image, place));
  const releases = linkImages({ images, releases: expanded, problems });
  checkRules({ images, releases, problems });
  return releases.map(({ release }) => release);
}

function limits({ maxParallelism, failFast }: WrittenPlan): Pick<Plan, "maxParallelism" | "failFast"> {
  return { ...(maxParallelism !== undefined && { maxParallelism }), ...(failFast && { failFast }) };
}

/** Outside of images there is neither a matrix nor a platform. */
const PLACELESS = within(
  refusing("matrix", "it belongs to one image", "Use it within that image"),
  refusing("platform", "it belongs to what is built", "Use it within an image"),
);

function environmentSecrets(releases: readonly PlannedRelease[], env: LoadOptions["env"]): readonly string[] {
  const secrets = releases.flatMap(({ variants }) => variants.flatMap(({ build }) => build.secrets));
  const variables = secrets.flatMap((secret) => (secret.kind === "env" ? [secret.variable] : []));
  const ofKeys = releases.flatMap(({ sign }) => [
    ...(sign?.key.kind === "env" ? [sign.key.variable] : []),
    ...(sign?.passwordEnv === undefined ? [] : [sign.passwordEnv]),
  ]);
  return [...variables, ...ofKeys].flatMap((variable) => env[variable] ?? []).filter((value) => value !== "");
}
