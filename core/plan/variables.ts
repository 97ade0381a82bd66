import { interpolate } from "./interpolate.ts";
import type { Meaning, Scope } from "./interpolate.ts";
import type { UnsetVariable } from "./plan.ts";
import type { Problems } from "./problems.ts";
import { within } from "./scopes.ts";
import type { SourceFile } from "./source.ts";
import type { WrittenVariable } from "./written.ts";

/** The plan's variables with their values. */
export interface Variables {
  /** `${name}` and `${vars.name}`. Looking a name up marks it as used. */
  readonly scope: Scope;
  /** The value of a secret variable for a build secret: the one place that may have it. */
  readonly secret: (name: string) => SecretMeaning;
  /** All values of secret variables that have one. */
  readonly secretValues: () => readonly string[];
  readonly secretNames: readonly string[];
  /** Variables of the environment that they are read from. */
  readonly secretVariables: readonly string[];
  /** Variables that nothing has asked for so far. */
  readonly unused: () => readonly WrittenVariable[];
}

export type SecretMeaning =
  | { readonly kind: "value"; readonly value: string }
  /** Nothing gives it one; `env` is the variable of the environment that could. */
  | { readonly kind: "none"; readonly why: string; readonly hint: string; readonly env?: string }
  /** Its default cannot be resolved, which is reported. */
  | { readonly kind: "failed" }
  | { readonly kind: "not-secret" }
  | { readonly kind: "unknown" };

/** Where values come from: `--set` first, then the environment, then the default. */
export interface VariableSources {
  readonly variables: readonly WrittenVariable[];
  readonly overrides: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What defaults may use besides other variables. */
  readonly outer: Scope;
  /** What they may not use, with the reason. */
  readonly placeless: Scope;
  readonly problems: Problems;
  /** See `LoadOptions`. */
  readonly lacksSecrets?: true;
}

const PREFIX = "vars.";
// Variables that are defined by others are a few deep; the limit keeps a hostile plan from exhausting the stack.
const MAX_CHAIN = 50;
const TOO_LONG_CHAIN: Meaning = {
  kind: "refused",
  message: "Too many variables are defined by each other in a row",
  hint: "Use the first of them directly",
};

/** Resolves variables when they are asked for, so that one that nothing needs may lack a value. */
export function resolveVariables(sources: VariableSources): Variables {
  const byName = new Map(sources.variables.map((variable) => [variable.name, variable]));
  const known = new Map<string, Meaning>();
  const used = new Set<string>();
  const pending: string[] = [];

  const meaning = (written: string): Meaning => {
    const name = written.startsWith(PREFIX) ? written.slice(PREFIX.length) : written;
    const variable = byName.get(name);
    if (variable === undefined) return { kind: "unknown" };
    used.add(name);
    if (variable.secret) return secretRefused(name);
    if (pending.includes(name)) return circular(name, pending);
    if (pending.length >= MAX_CHAIN) return TOO_LONG_CHAIN;
    const before = known.get(name);
    if (before !== undefined) return before;
    pending.push(name);
    const found = valueOf(variable, { ...sources, scope });
    pending.pop();
    known.set(name, found);
    return found;
  };
  const scope: Scope = {
    meaning: (name) => {
      const own = meaning(name);
      return own.kind === "unknown" ? sources.outer.meaning(name) : own;
    },
    names: () => [
      ...byName.keys(),
      ...[...byName.keys()].map((name) => PREFIX + name),
      ...sources.outer.names(),
    ],
  };
  const secrets = sources.variables.filter((variable) => variable.secret);
  const secretOf = (variable: WrittenVariable): SecretMeaning => {
    const found = secretValue(variable, valueOf(variable, { ...sources, scope }));
    return found.kind === "none" && sources.lacksSecrets ? { kind: "value", value: "" } : found;
  };
  return {
    scope,
    secret: (name) => {
      used.add(name);
      const variable = byName.get(name);
      if (variable === undefined) return { kind: "unknown" };
      return variable.secret ? secretOf(variable) : { kind: "not-secret" };
    },
    secretValues: () =>
      secrets
        .map(secretOf)
        .flatMap((found) => (found.kind === "value" && found.value !== "" ? [found.value] : [])),
    secretNames: secrets.map(({ name }) => name),
    secretVariables: secrets.flatMap(({ env }) => env ?? []),
    unused: () => sources.variables.filter(({ name }) => !used.has(name)),
  };
}

interface Resolving extends VariableSources {
  readonly scope: Scope;
}

function valueOf(
  variable: WrittenVariable,
  { overrides, env, scope, placeless, problems }: Resolving,
): Meaning {
  const given = overrides.get(variable.name) ?? (variable.env === undefined ? undefined : env[variable.env]);
  if (given !== undefined) return { kind: "value", value: given };
  if (variable.default === undefined) return noValue(variable);
  const value = interpolate(variable.default, { scope: within(placeless, scope), problems });
  return value === undefined ? { kind: "failed" } : { kind: "value", value };
}

function noValue({ name, env }: WrittenVariable): Meaning {
  return env === undefined
    ? { kind: "none", why: "it has neither `default` nor `env`", hint: `Set it with --set ${name}=...` }
    : {
        kind: "none",
        why: `the environment variable ${env} is not set`,
        hint: `Set ${env}, or give \`${name}\` a default`,
      };
}

function secretValue({ env }: WrittenVariable, meaning: Meaning): SecretMeaning {
  if (meaning.kind === "value") return { kind: "value", value: meaning.value };
  if (meaning.kind !== "none") return { kind: "failed" };
  const { why, hint } = meaning;
  return { kind: "none", why, hint, ...(env !== undefined && { env }) };
}

function secretRefused(name: string): Meaning {
  return {
    kind: "refused",
    message: `\`${name}\` is secret: only \`secrets\` may use it, because any other place would show it`,
    hint: `Pass it as a build secret: \`secrets: [{ id: ${name}, var: ${name} }]\``,
  };
}

function circular(name: string, pending: readonly string[]): Meaning {
  const circle = [...pending.slice(pending.indexOf(name)), name].join(" -> ");
  return {
    kind: "refused",
    message: `\`${name}\` is defined by itself: ${circle}`,
    hint: "Break the circle",
  };
}

/** Variables that the environment was to give a value, and that have none. */
export function unsetVariables(
  { variables, overrides, env }: VariableSources,
  file: SourceFile,
): readonly UnsetVariable[] {
  return variables.flatMap(({ name, env: variable, secret, range, default: fallback }) =>
    variable === undefined || env[variable] !== undefined || overrides.has(name) || fallback !== undefined
      ? []
      : [{ name, variable, secret, location: { file, range } }],
  );
}

/** Notes variables that must have a value and have none, and those that nothing uses. Call once everything was resolved. */
export function checkVariables(sources: VariableSources, variables: Variables): void {
  const unused = variables.unused();
  for (const variable of unused) {
    sources.problems.warning(variable.range, `Nothing uses the variable \`${variable.name}\``, {
      hint: "Remove it, or check the spelling where it was meant",
    });
  }
  const isAsked = ({ required, secret }: WrittenVariable): boolean =>
    required && !(secret && sources.lacksSecrets === true);
  for (const variable of sources.variables.filter(isAsked)) {
    const meaning = valueOf(variable, { ...sources, scope: variables.scope });
    if (meaning.kind === "none") {
      const message = `\`${variable.name}\` must have a value, and ${meaning.why}`;
      sources.problems.error(variable.range, message, { hint: meaning.hint });
    } else if (meaning.kind === "value" && meaning.value === "") {
      sources.problems.error(variable.range, `\`${variable.name}\` must have a value, and it is empty`);
    }
  }
}
