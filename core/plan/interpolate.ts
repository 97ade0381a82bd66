import { rangeWithin } from "./fields.ts";
import { editDistance, nearest } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import { parseTemplate } from "./template.ts";
import type { Expression, Operation, Part } from "./template.ts";
import type { Text } from "./written.ts";

/**
 * What a name stands for at some place. `none`: it exists, but has no value now, so that defaults apply; `refused`: it
 * exists, but not for this place; `unknown`: nothing is called so; `failed`: its own definition was already reported.
 */
export type Meaning =
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "none"; readonly why: string; readonly hint: string }
  | { readonly kind: "refused"; readonly message: string; readonly hint: string }
  | { readonly kind: "unknown" }
  | { readonly kind: "failed" };

/** The names of a place: what each means, and all that may be written there, for suggestions. */
export interface Scope {
  readonly meaning: (name: string) => Meaning;
  readonly names: () => Iterable<string>;
}

/** Where a text is resolved: its names, and where problems go. */
export interface Interpolation {
  readonly scope: Scope;
  readonly problems: Problems;
}

/**
 * Resolves every `${...}` of a text; undefined where that is not possible, which is then reported at the exact
 * characters. Values are put in as they are: they are never read as templates themselves.
 */
export function interpolate(text: Text, { scope, problems }: Interpolation): string | undefined {
  if (!text.value.includes("$")) return text.value;
  if (problems.full()) return undefined;
  const template = parseTemplate(text.value, (name) => scope.meaning(name).kind !== "unknown");
  if (!template.ok) {
    const { start, end, message, hint } = template.error;
    problems.error(rangeWithin(text, start, end), message, { hint });
    return undefined;
  }
  return resolve(template.parts, { text, scope, problems, reported: 0 });
}

interface Resolving extends Interpolation {
  readonly text: Text;
  reported: number;
}

// More from one text helps nobody, and finding the place of each takes its time.
const MAX_REPORTS = 10;

function resolve(parts: readonly Part[], state: Resolving): string | undefined {
  let resolved = "";
  let failed = false;
  for (const part of parts) {
    const value = part.kind === "literal" ? part.text : resolveExpression(part, state);
    if (value === undefined) failed = true;
    else resolved += value;
    if (state.reported >= MAX_REPORTS) return undefined;
    if (resolved.length > MAX_LENGTH) return tooLong(state);
  }
  return failed ? undefined : resolved;
}

// Far beyond any sensible argument or label, and the measure against variables that double each other.
const MAX_LENGTH = 64 * 1024;

function tooLong({ text, problems }: Resolving): undefined {
  problems.error(rangeWithin(text, 0, text.value.length), "This becomes longer than 64 KiB");
  return undefined;
}

function resolveExpression(expression: Expression, state: Resolving): string | undefined {
  const meaning = state.scope.meaning(expression.name);
  if (meaning.kind === "failed") return undefined;
  if (meaning.kind === "refused") return report(expression, meaning.message, meaning.hint, state);
  if (meaning.kind === "unknown") {
    const hint = unknownHint(expression.name, state);
    return report(expression, `Unknown variable \`${expression.name.slice(0, 60)}\``, hint, state);
  }
  return expression.operation === undefined
    ? plainValue(expression, meaning, state)
    : operate(expression, expression.operation, meaning, state);
}

type Known = Extract<Meaning, { readonly kind: "value" | "none" }>;

function plainValue(expression: Expression, meaning: Known, state: Resolving): string | undefined {
  if (meaning.kind === "value") return meaning.value;
  return report(expression, `\`${expression.name}\` has no value: ${meaning.why}`, meaning.hint, state);
}

function operate(
  expression: Expression,
  operation: Operation,
  meaning: Known,
  state: Resolving,
): string | undefined {
  const value = meaning.kind === "value" ? meaning.value : undefined;
  const given = value !== undefined && !(operation.emptyIsNone && value === "");
  // The branch that is not taken is looked at too, for its names only, so that its typos are found.
  if (operation.kind === "alternative") {
    return given ? resolve(operation.operand, state) : unlessWrong(operation, "", state);
  }
  if (given) return unlessWrong(operation, value, state);
  return operation.kind === "default"
    ? resolve(operation.operand, state)
    : refuse(expression, operation, state);
}

function refuse(expression: Expression, operation: Operation, state: Resolving): undefined {
  const message = resolve(operation.operand, state);
  if (message === undefined) return undefined;
  const shown = message === "" ? `\`${expression.name}\` has no value` : message;
  return report(expression, shown, `Give \`${expression.name}\` a value`, state);
}

function unlessWrong(operation: Operation, value: string, state: Resolving): string | undefined {
  return checkNames(operation.operand, state) ? value : undefined;
}

function checkNames(parts: readonly Part[], state: Resolving): boolean {
  const wrong = parts.filter((part) => {
    if (part.kind === "literal") return false;
    const meaning = state.scope.meaning(part.name);
    const bad = meaning.kind === "unknown" || meaning.kind === "refused";
    if (bad) resolveExpression(part, state);
    return bad || !checkNames(part.operation?.operand ?? [], state);
  });
  return wrong.length === 0;
}

function report(expression: Expression, message: string, hint: string, state: Resolving): undefined {
  const range = rangeWithin(state.text, expression.start, expression.end);
  state.problems.error(range, message, { hint });
  state.reported++;
  return undefined;
}

function unknownHint(name: string, { scope }: Resolving): string {
  const names = [...scope.names()];
  const sameEnd = names.find((candidate) => candidate.endsWith(`.${name}`));
  const longer = name.includes(".") ? names.find((candidate) => candidate.startsWith(name)) : undefined;
  const meant = sameEnd ?? longer ?? nearest(name, names) ?? nearestOfNamespace(name, names);
  return meant === undefined
    ? `Declare it: \`vars: { ${name.replace(/^vars\./, "").replaceAll(".", "_")}: ... }\``
    : `Did you mean \`${meant}\`?`;
}

/** `git.hash` is nothing near `git.sha` in letters, but can only mean something of git. */
function nearestOfNamespace(name: string, names: readonly string[]): string | undefined {
  const dot = name.indexOf(".");
  if (dot === -1) return undefined;
  const inside = names.filter((candidate) => candidate.startsWith(name.slice(0, dot + 1)));
  const distance = (candidate: string) =>
    editDistance(candidate.slice(dot + 1), name.slice(dot + 1, dot + 40));
  return inside.toSorted((a, b) => distance(a) - distance(b))[0];
}
