import type { Finding } from "../host/finding.ts";
import type { Plan, UnsetVariable } from "../plan/plan.ts";
import { position, type Location } from "../plan/source.ts";
import type { PipelineFacts } from "./pipeline-facts.ts";
import type { CiKind, Environment } from "./run.ts";

/** A variable of the environment that the plan names and that is not set. */
interface Missing {
  readonly variable: string;
  readonly isSecret: boolean;
  /** Nothing can be released without it. */
  readonly isNeeded: boolean;
  /** What of the plan wants it, for people. */
  readonly use: string;
  readonly location: Location;
}

type NamingPlan = Pick<Plan, "unsetVariables" | "releases">;
type VariableFacts = Pick<PipelineFacts, "run" | "env"> & { readonly plan: NamingPlan };

/**
 * What a plan that could not be read for want of variables lacks: those that are no secrets, as problems. None where that is not why.
 */
export function missingForPlan(
  unsetVariables: readonly UnsetVariable[],
  place: Pick<PipelineFacts, "run" | "env">,
): readonly Finding[] {
  const needed = unsetVariables.filter(({ secret }) => !secret);
  const found = variableFindings({ ...place, plan: { unsetVariables: needed, releases: [] } });
  return found.map((finding) => ({ ...finding, state: "problem" }));
}

/** Variables of the environment that the plan names and that are not set, each once, with the place of the plan and where this CI sets them. */
export function variableFindings({ run, env, plan }: VariableFacts): readonly Finding[] {
  const missing = Map.groupBy(missingIn(plan, env), ({ variable }) => variable);
  return [...missing.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const isNeeded = [first, ...others].some((each) => each.isNeeded);
    return [
      {
        check: `variable ${first.variable}`,
        state: isNeeded ? "problem" : "warning",
        detail: `it is not set, and ${first.use} (${placeOf(first.location)}) takes its value from it`,
        location: first.location,
        ...MENDS[run?.kind ?? "none"](first),
      } as const,
    ];
  });
}

function missingIn({ unsetVariables = [], releases }: NamingPlan, env: Environment): readonly Missing[] {
  const variables = unsetVariables.map(({ name, variable, secret, location }) => ({
    variable,
    isSecret: secret,
    isNeeded: false,
    use: `the ${secret ? "secret " : ""}variable \`${name}\``,
    location,
  }));
  const builds = releases.flatMap(({ variants }) => variants.map(({ build }) => build));
  const secrets = builds.flatMap(({ unsetSecrets = [] }) =>
    unsetSecrets.flatMap(({ id, variable, location }) =>
      variable === undefined
        ? []
        : [{ variable, isSecret: true, isNeeded: false, use: `the secret \`${id}\``, location }],
    ),
  );
  return [...variables, ...secrets, ...releases.flatMap((release) => missingKeys(release, env))];
}

function missingKeys({ sign }: Plan["releases"][number], env: Environment): readonly Missing[] {
  if (sign === undefined) return [];
  const { key, passwordEnv, location } = sign;
  const wanted = [
    ...(key.kind === "env" ? [{ variable: key.variable, use: "the key of `sign`" }] : []),
    ...(passwordEnv === undefined ? [] : [{ variable: passwordEnv, use: "the password of `sign`" }]),
  ];
  return wanted
    .filter(({ variable }) => env[variable] === undefined)
    .map((each) => ({ ...each, isSecret: true, isNeeded: true, location }));
}

/** `buildx-plan.yaml:3:5` */
function placeOf({ file, range }: Location): string {
  const { line, column } = position(file, range.start);
  return `${file.path}:${line}:${column}`;
}

type Mend = Pick<Finding, "mend" | "notes">;
type MendOf = (missing: Missing) => Mend;

/** Secrets and other variables have contexts of their own there. */
const WORKFLOW: MendOf = ({ variable, isSecret }) => ({
  mend: `env: { ${variable}: "\${{ ${isSecret ? "secrets" : "vars"}.${variable} }}" }   # of the step`,
});

const MENDS: Readonly<Record<CiKind | "none", MendOf>> = {
  none: ({ variable }) => ({ mend: `export ${variable}=...` }),
  github: WORKFLOW,
  forgejo: WORKFLOW,
  gitlab: ({ variable, isSecret }) => ({
    mend: `Settings > CI/CD > Variables: ${variable}${isSecret ? ", masked" : ""}`,
    notes: ["A protected variable is there for protected branches and tags only."],
  }),
  buildkite: ({ variable, isSecret }) => ({
    mend: isSecret ? `secrets: [${variable}]   # of the step` : `env: { ${variable}: "..." }   # of the step`,
  }),
  azure: ({ variable, isSecret }) => ({
    mend: `env: { ${variable}: $(${variable}) }   # of the step`,
    notes: isSecret ? ["Secret variables of a pipeline reach no step by themselves."] : [],
  }),
  circleci: ({ variable }) => ({
    mend: `Project Settings > Environment Variables: ${variable}`,
    notes: ["Or in a context, which the job names in its workflow: context: [NAME]"],
  }),
  jenkins: ({ variable, isSecret }) => ({
    mend: isSecret
      ? `environment { ${variable} = credentials('${variable}') }`
      : `environment { ${variable} = '...' }`,
  }),
};
