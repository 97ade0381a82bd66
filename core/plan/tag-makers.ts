import type { Checkout } from "./checkout.ts";
import { complain, field, resolveText } from "./place.ts";
import type { Fact } from "./ref-facts.ts";
import { expand, noExpression, shortSha } from "./tag-expressions.ts";
import type { RulePlace } from "./tag-expressions.ts";
import { mayBeLatest, renderVersion, versionText, whole } from "./tag-versions.ts";
import type { Take } from "./tag-versions.ts";
import type { TagRuleType, WrittenTagRule } from "./written.ts";

/**
 * What a rule makes of the checkout, before prefix and suffix; or why it has nothing to say. `latest`: may the tag `latest` go
 * with it; or why not.
 */
export type Made =
  | { readonly text: string; readonly of: Fact; readonly latest?: true | string }
  | { readonly why: string };

type Maker = (rule: WrittenTagRule, place: RulePlace) => Made | undefined;

/** Makes the text of a rule; undefined where it cannot be used, which is reported. */
export function makeTag(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  return MAKERS[rule.type](rule, place);
}

const MAKERS: Readonly<Record<TagRuleType, Maker>> = {
  schedule: makeSchedule,
  semver: makeSemver,
  match: makeMatch,
  edge: makeEdge,
  branch: (_, { checkout }) => ofRef(checkout, "branch"),
  tag: (_, { checkout }) => {
    const made = ofRef(checkout, "tag");
    return "why" in made ? made : { ...made, latest: mayBeLatest(made.text, whole, checkout) };
  },
  pr: (_, { checkout }) => ofRef(checkout, "pr"),
  raw: makeRaw,
  sha: makeSha,
};

const KINDS = { branch: "a branch", tag: "a tag", pr: "a pull request" } as const;

function ofRef(checkout: Checkout, kind: keyof typeof KINDS): Made {
  const of = checkout[kind];
  return of ? { text: of.value, of } : { why: notA(kind, checkout) };
}

function notA(kind: keyof typeof KINDS, { branch, tag, pr, why }: Checkout): string {
  const here = branch ? KINDS.branch : tag ? KINDS.tag : pr && KINDS.pr;
  return here === undefined ? why : `this is ${here}, not ${KINDS[kind]}`;
}

function makeSchedule(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const { event } = place.checkout;
  const pattern = field(rule.fields, "pattern")?.value;
  const text = pattern === undefined ? "nightly" : expand(pattern, place);
  if (text === undefined) return undefined;
  return event?.value === "schedule" ? { text, of: event } : { why: "no schedule has started this" };
}

function makeEdge(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const { branch, defaultBranch } = place.checkout;
  const written = field(rule.fields, "branch")?.value;
  const wanted = written === undefined ? defaultBranch?.value : expand(written, place);
  if (branch === undefined) return ofRef(place.checkout, "branch");
  if (wanted === undefined) return written ? undefined : { why: "the default branch is not known" };
  return branch.value === wanted
    ? { text: "edge", of: branch }
    : { why: `this is the branch ${branch.value}, not ${wanted}` };
}

function makeRaw(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const text = expand(field(rule.fields, "value")?.value, place);
  return text === undefined ? undefined : { text, of: { value: text, from: "plan" } };
}

function makeSha(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const { sha, why } = place.checkout;
  const written = field(rule.fields, "format")?.value;
  const format = written === undefined ? "short" : expand(written, place);
  if (written !== undefined && format !== "short" && format !== "long")
    return complain(written, "A sha is `short` or `long`", "Write `sha` or `sha:long`", place);
  if (sha === undefined) return { why };
  return { text: format === "long" ? sha.value : shortSha(sha), of: sha };
}

/** The tag that `semver` and `match` look at: what is checked out, or what `value` says. */
function tagOf(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const written = field(rule.fields, "value")?.value;
  if (written === undefined) return ofRef(place.checkout, "tag");
  const text = expand(written, place);
  return text === undefined ? undefined : { text, of: { value: text, from: "plan" } };
}

function makeSemver(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const source = tagOf(rule, place);
  const pattern = resolveText(field(rule.fields, "pattern")?.value, place);
  const take = takerOf(rule, "match", place);
  if (source === undefined || pattern === undefined || take === undefined) return undefined;
  // Before the tag is looked at: what is wrong with a rule should not only come out on the day of a release.
  const trial = renderVersion("1.2.3", pattern.value);
  if (!trial.ok) return complain(pattern.text, noExpression(trial.error.expression), VERSION_HINT, place);
  if ("why" in source) return source;
  const tags = releasesBeside(rule, place);
  const made = versionText(source.text, { take, pattern: pattern.value, tags });
  return "why" in made ? made : { ...made, of: source.of, latest: mayBeLatest(source.text, take, { tags }) };
}

/** Tags that may be higher: none where the plan says another version than that of the tag. */
function releasesBeside({ fields }: WrittenTagRule, { checkout }: RulePlace): readonly string[] {
  return field(fields, "value") === undefined ? checkout.tags : [];
}

const VERSION_HINT = "Known: raw, version, major, minor, patch";

function makeMatch(rule: WrittenTagRule, place: RulePlace): Made | undefined {
  const source = tagOf(rule, place);
  const take = takerOf(rule, "pattern", place);
  if (source === undefined || take === undefined || "why" in source) return take && source;
  const text = take(source.text);
  if (text === undefined) return { why: `the tag ${source.text} does not match` };
  const tags = releasesBeside(rule, place);
  return { text, of: source.of, latest: mayBeLatest(source.text, whole, { tags }) };
}

/** Reads the expression that a tag must match, `/.../flags` or without slashes. */
function takerOf({ type, fields }: WrittenTagRule, key: string, place: RulePlace): Take | undefined {
  const written = resolveText(field(fields, key)?.value, place);
  if (written === undefined) return field(fields, key) === undefined ? whole : undefined;
  const [, slashed, flags = ""] = /^\/(.+)\/([a-z]*)$/s.exec(written.value) ?? [];
  const group = type === "semver" ? 1 : groupOf(fields, place);
  try {
    const expression = new RegExp(slashed ?? written.value, flags.replaceAll("g", ""));
    return (tag) => expression.exec(tag)?.[group];
  } catch {
    return complain(written.text, "This is no regular expression of JavaScript", undefined, place);
  }
}

function groupOf(fields: WrittenTagRule["fields"], place: RulePlace): number {
  const written = resolveText(field(fields, "group")?.value, place);
  if (written === undefined) return 0;
  if (/^\d{1,2}$/.test(written.value)) return Number(written.value);
  complain(written.text, "A group is a number", "0 is all that matches", place);
  return 0;
}
