import { isValidTag } from "../oci/reference.ts";
import type { Interpolation } from "./interpolate.ts";
import { complain, field, resolveText } from "./place.ts";
import type { Fact } from "./ref-facts.ts";
import { expand } from "./tag-expressions.ts";
import type { RulePlace } from "./tag-expressions.ts";
import { makeTag } from "./tag-makers.ts";
import type { TagRuleType, WrittenTagRule, WrittenTagRules } from "./written.ts";

/** What one rule gives for what is checked out, and why. `latest`: may its tag be followed by `latest`; or why not. */
export type RuleOutcome =
  | { readonly kind: "tag"; readonly tag: string; readonly of: Fact; readonly latest: true | string }
  | { readonly kind: "none"; readonly why: string };

/** The order of rules that say nothing of it: the first that gives a tag gives the version, too. As in docker/metadata-action. */
const PRIORITIES: Readonly<Record<TagRuleType, number>> = {
  schedule: 1000,
  semver: 900,
  match: 800,
  edge: 700,
  branch: 600,
  tag: 600,
  pr: 600,
  raw: 200,
  sha: 100,
};

/** Prefixes of rules that say nothing of it. */
const PREFIXES: ReadonlyMap<TagRuleType, string> = new Map([
  ["pr", "pr-"],
  ["sha", "sha-"],
]);

/** Rules by priority, the highest first; those of one priority stay in their order. */
export function inOrder(rules: readonly WrittenTagRule[], place: Interpolation): readonly WrittenTagRule[] {
  const ranked = rules.map((rule) => ({ rule, rank: priorityOf(rule, place) }));
  return ranked.toSorted((one, other) => other.rank - one.rank).map(({ rule }) => rule);
}

function priorityOf({ type, fields }: WrittenTagRule, place: Interpolation): number {
  const written = resolveText(field(fields, "priority")?.value, place);
  if (written === undefined) return PRIORITIES[type];
  if (/^-?\d{1,9}$/.test(written.value)) return Number(written.value);
  complain(written.text, "A priority is a whole number", "Write for instance 900", place);
  return 0;
}

/** Applies one rule; undefined where it cannot be used, which is reported. */
export function applyRule(
  rule: WrittenTagRule,
  entry: WrittenTagRules,
  place: RulePlace,
): RuleOutcome | undefined {
  const enabled = isEnabled(rule, place);
  if (enabled !== true) return enabled && none(enabled.why);
  // Resolved whether there is a tag or not: what is wrong with them should not only come out on the day of a release.
  const [prefix, suffix] = around(rule, entry, place);
  const made = makeTag(rule, place);
  if (made === undefined) return undefined;
  if ("why" in made) return none(made.why);
  const { text, of, latest = NOT_LATEST } = made;
  if (text === "") return none("it gives an empty text");
  const tag = sanitizeTag(`${prefix}${text}${suffix}`);
  if (!isValidTag(tag)) return none(`\`${text.slice(0, 60)}\` gives no tag of 1 to 128 characters`);
  return { kind: "tag", tag, of, latest };
}

const NOT_LATEST = "only a release is the latest";

function none(why: string): RuleOutcome {
  return { kind: "none", why };
}

/** Prefix and suffix: the rule's own, even an empty one, before those of all rules. */
function around(
  { type, fields }: WrittenTagRule,
  entry: WrittenTagRules,
  place: RulePlace,
): readonly [prefix: string, suffix: string] {
  const [prefix, suffix] = ["prefix", "suffix"].map((key) => expand(field(fields, key)?.value, place));
  return [
    prefix ?? PREFIXES.get(type) ?? expand(entry.prefix, place) ?? "",
    suffix ?? expand(entry.suffix, place) ?? "",
  ];
}

/** Every run of characters that a tag cannot have becomes one `-`, as metadata-action has it; it begins with none of `-` and `.`. */
export function sanitizeTag(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "");
}

function isEnabled(
  { fields }: WrittenTagRule,
  place: RulePlace,
): true | { readonly why: string } | undefined {
  const written = field(fields, "enable")?.value;
  const value = expand(written, place);
  if (written === undefined || value === "true") return true;
  if (value === "false") return { why: `\`enable\` is false` };
  return value === undefined
    ? undefined
    : complain(
        written,
        "`enable` is neither true nor false",
        "Write `{{is_default_branch}}`, or use a variable",
        place,
      );
}
