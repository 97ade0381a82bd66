import type { Checkout } from "./checkout.ts";
import { rangeOf } from "./fields.ts";
import type { Interpolation } from "./interpolate.ts";
import { complain, resolveText } from "./place.ts";
import type { Fact } from "./ref-facts.ts";
import { formatTime, renderTemplate } from "./tag-template.ts";
import type { Expressions } from "./tag-template.ts";
import type { Text } from "./written.ts";

/** Where rules are applied. */
export interface RulePlace extends Interpolation {
  readonly checkout: Checkout;
  /** Milliseconds since 1970. */
  readonly now?: number;
}

/** As short as GitHub shows it: how short git writes it depends on how much was cloned. */
export function shortSha({ value }: Fact): string {
  return value.slice(0, 7);
}

/** Resolves `${...}`, then `{{...}}`; undefined where there is no text, or it cannot be resolved, which is reported. */
export function expand(text: Text | undefined, place: RulePlace): string | undefined {
  const resolved = resolveText(text, place);
  if (resolved === undefined) return undefined;
  const expressions = expressionsOf(place);
  const rendered = renderTemplate(resolved.value, expressions);
  if (rendered.ok) return rendered.value;
  if (place.problems.hasErrorAt(rangeOf(resolved.text))) return undefined;
  const hint = `Known: ${[...expressions.keys()].join(", ")}`;
  return complain(resolved.text, noExpression(rendered.error.expression), hint, place);
}

function expressionsOf({ checkout, now }: RulePlace): Expressions {
  const { branch, tag, sha, created, defaultBranch } = checkout;
  const isDefault = branch !== undefined && branch.value === defaultBranch?.value;
  return new Map<string, string | ((format: string) => string)>([
    ["branch", branch?.value ?? ""],
    ["tag", tag?.value ?? ""],
    ["sha", sha ? shortSha(sha) : ""],
    ["is_default_branch", String(isDefault)],
    ["is_not_default_branch", String(!isDefault)],
    ...(created === undefined ? [] : [["commit_date", timeFrom(Number(created.value))] as const]),
    ...(now === undefined ? [] : [["date", timeFrom(Math.floor(now / 1000))] as const]),
  ]);
}

function timeFrom(seconds: number): (format: string) => string {
  return (format) => formatTime(seconds, format);
}

/** Words for an expression that means nothing where it stands. */
export function noExpression(expression: string): string {
  return `\`${expression.slice(0, 60)}\` stands for nothing here`;
}
