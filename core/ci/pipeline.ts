import type { Plan } from "../plan/plan.ts";
import { fanOut } from "./fan-out.ts";
import type { Each, FanOutJob } from "./fan-out.ts";
import type { Selection } from "./shell-words.ts";

/** What a pipeline is made of. */
export interface Pipeline {
  readonly jobs: readonly FanOutJob[];
  /** Labels of the runner for all that is no platform's own; empty where the plan names none. */
  readonly others: readonly string[];
  /** How the jobs find the plan. */
  readonly selection: Selection;
  /** Registries that the jobs log in to, in the plan's order. */
  readonly registries: readonly string[];
  /** Variables of the environment that hold secrets of builds, in the plan's order. */
  readonly secrets: readonly string[];
  /** How releases are signed; absent: not. */
  readonly signing?: Signing;
  /** Of this program. */
  readonly version: string;
  /** The branch whose pushes are released, where the CI does not know it by itself; `main` where nothing is said. */
  readonly branch?: string;
  /** What is known of the pipeline of GitLab that this becomes a child of. */
  readonly parent?: GitlabParent;
}

/** A pipeline of GitLab that starts another one. */
export interface GitlabParent {
  /** Of the project; jobs are logged in there by GitLab's own variables. */
  readonly registry?: string;
  /** What has started it, which its child is not told. */
  readonly source?: string;
}

/** What a job must have that signs a release. */
export interface Signing {
  /** Has the CI itself to say who signs? */
  readonly isKeyless: boolean;
  /** Variables of the environment that hold the key and its password. */
  readonly variables: readonly string[];
}

/** What a pipeline for a plan is made of, and the variables that its jobs must be given because their values are secret. */
export function pipelineOf(
  plan: Pick<Plan, "releases" | "runners" | "secretValues" | "secretVariables">,
  selection: Selection & { readonly each?: Each },
  version: string,
): { readonly pipeline: Pipeline; readonly withheld: readonly string[] } {
  const isSecret = (option: string) => plan.secretValues.includes(option.slice(option.indexOf("=") + 1));
  const shown = { ...selection, set: selection.set.filter((option) => !isSecret(option)) };
  const withheld = selection.set.filter(isSecret).map((option) => option.slice(0, option.indexOf("=")));
  const registries = registriesOf(plan);
  const others = plan.runners?.find(({ platform }) => platform === undefined)?.labels ?? [];
  const signing = signingOf(plan);
  const secrets = secretsOf(plan);
  const pipeline = {
    jobs: fanOut(plan, selection.each),
    others,
    selection: shown,
    registries,
    secrets,
    version,
  };
  return { pipeline: { ...pipeline, ...(signing && { signing }) }, withheld };
}

function secretsOf({ releases, secretVariables = [] }: Pick<Plan, "releases" | "secretVariables">) {
  const builds = releases.flatMap(({ variants }) => variants.map(({ build }) => build));
  const read = builds.flatMap(({ secrets, unsetSecrets = [] }) =>
    [...secrets, ...unsetSecrets].flatMap((secret) => ("variable" in secret ? (secret.variable ?? []) : [])),
  );
  return [...new Set([...secretVariables, ...read])];
}

function signingOf({ releases }: Pick<Plan, "releases">): Signing | undefined {
  const signed = releases.flatMap(({ sign }) => sign ?? []);
  const variables = signed.flatMap(({ key, passwordEnv }) => [
    ...(key.kind === "env" ? [key.variable] : []),
    ...(passwordEnv === undefined ? [] : [passwordEnv]),
  ]);
  const isKeyless = signed.some(({ key }) => key.kind === "keyless");
  return signed.length === 0 ? undefined : { isKeyless, variables: [...new Set(variables)] };
}

/** A registry on the machine itself has no logins. */
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;

/** Also of rules that give no tag for what is checked out here: in the pipeline they will. */
function registriesOf({ releases }: Pick<Plan, "releases">): readonly string[] {
  const all = releases.flatMap(({ repositories, origins }) => [
    ...repositories.map(({ registry }) => registry),
    ...(origins?.tags ?? []).flatMap(({ repository }) => repository.split("/")[0] ?? []),
  ]);
  return [...new Set(all)].filter((registry) => !LOOPBACK.test(registry));
}
