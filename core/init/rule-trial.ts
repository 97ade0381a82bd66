import type { Checkout } from "../plan/checkout.ts";
import { gatherProblems } from "../plan/problems.ts";
import { readTagRules } from "../plan/read-tags.ts";
import type { RulePlace } from "../plan/tag-expressions.ts";
import { applyRule, inOrder } from "../plan/tag-rules.ts";
import type { WrittenTagRule, WrittenTagRules } from "../plan/written.ts";
import { readForeignJson } from "./foreign.ts";
import type { FoundRules, ProposedVariable } from "./proposal.ts";

/**
 * Why a plan would refuse these rules, undefined where it takes them: the plan's own reader is asked, for a checkout that leaves no rule
 * anything to say nothing about. One bad rule would otherwise cost the whole image.
 */
export function refusalOf(
  rules: FoundRules,
  variables: ReadonlyMap<string, ProposedVariable>,
): string | undefined {
  const problems = gatherProblems({ path: "", text: "" });
  const value = readForeignJson(JSON.stringify({ image: "registry.example/app", ...rules }));
  const entry = value.ok ? readTagRules(value.value, problems) : undefined;
  if (entry !== undefined)
    applyAll(entry, { problems, scope: scopeOf(variables), checkout: CHECKOUT, now: 0 });
  return problems.all().find(({ severity }) => severity === "error")?.message;
}

function applyAll(entry: WrittenTagRules, place: RulePlace): void {
  for (const rule of inOrder(entry.rules, place)) {
    applyRule(rule, entry, place);
    // A rule that is switched off here is on elsewhere.
    applyRule(withoutEnable(rule), entry, place);
  }
}

function withoutEnable(rule: WrittenTagRule): WrittenTagRule {
  return { ...rule, fields: rule.fields.filter(({ key }) => key !== "enable") };
}

/** What the proposed plan would resolve. */
function scopeOf(variables: ReadonlyMap<string, ProposedVariable>): RulePlace["scope"] {
  return {
    meaning: (name) => {
      if (name.startsWith("git.")) return { kind: "value", value: CHECKOUT.sha.value };
      const known = variables.get(name);
      return known === undefined ? { kind: "unknown" } : { kind: "value", value: known.default ?? "x" };
    },
    names: () => variables.keys(),
  };
}

/** More than one checkout can be at once, so that every rule has something to say. */
const CHECKOUT = {
  tag: { value: "v1.2.3", from: "git" },
  branch: { value: "main", from: "git" },
  pr: { value: "1", from: "git" },
  sha: { value: "0".repeat(40), from: "git" },
  event: { value: "schedule", from: "git" },
  defaultBranch: { value: "main", from: "git" },
  created: { value: "0", from: "git" },
  tags: [],
  why: "",
} satisfies Checkout;
