import { csvIn, splitPair } from "./foreign.ts";
import { metadataFlavor } from "./metadata-flavor.ts";
import type { FoundRules, PlanValue } from "./proposal.ts";
import { refusalOf } from "./rule-trial.ts";
import { resolveText } from "./workflow-scope.ts";
import type { WorkflowScope } from "./workflow-scope.ts";

/** Rules of docker/metadata-action as rules of a plan, for whatever repository. */
export interface MetadataTags {
  readonly rules: FoundRules;
  /** What the plan does not get, with the reason. */
  readonly leftOut: readonly string[];
}

const DEFAULT_RULES = ["type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"];

/**
 * Makes rules of a plan of those of docker/metadata-action. They mean the same; what a plan's rules do not know is left out, and told.
 * @see https://github.com/docker/metadata-action#tags-input
 */
export function metadataTags(
  lines: readonly string[],
  flavor: readonly string[],
  scope: WorkflowScope,
): MetadataTags {
  const { keys, leftOut } = metadataFlavor(flavor, scope);
  const read = (lines.length === 0 ? DEFAULT_RULES : lines).map((line) => ({
    line,
    ...readRule(line, scope),
  }));
  const from = read.flatMap(({ rule }) => rule ?? []);
  const distinct = new Map(from.map((rule) => [JSON.stringify(rule), rule]));
  return {
    rules: { from: [...distinct.values()], ...keys },
    leftOut: [
      ...read.flatMap(({ line, refusal }) => (refusal === undefined ? [] : [`\`${line}\`: ${refusal}`])),
      ...leftOut,
    ],
  };
}

interface ReadRule {
  readonly rule?: PlanValue;
  readonly refusal?: string;
}

function readRule(line: string, scope: WorkflowScope): ReadRule {
  const written = attributesOf(line);
  const resolved = [...written].map(([key, text]) => ({ key, value: resolveText(text, scope) }));
  const unknown = resolved.filter(({ value }) => value === undefined).map(({ key }) => key);
  if (unknown.includes("enable")) return { refusal: "whether it counts is decided in the workflow" };
  if (unknown.length > 0) return { refusal: "known only while the workflow runs" };
  const attributes = new Map(resolved.map(({ key, value = "" }) => [key, value]));
  if (attributes.get("enable") === "false") return {};
  if (attributes.get("enable") === "true") attributes.delete("enable");
  const rule = ruleOf(attributes);
  const refusal = refuseDates(attributes) ?? refusalOf({ from: [rule] }, scope.variables);
  return refusal === undefined ? { rule } : { refusal };
}

/** As docker/metadata-action reads them: without a type a rule is raw, and what has no name is its value. */
function attributesOf(line: string): ReadonlyMap<string, string> {
  const pairs = csvIn(line).map((part) => {
    const [key, value] = splitPair(part);
    return value === undefined
      ? (["value", key] as const)
      : ([key.trim().toLowerCase(), value.trim()] as const);
  });
  const given = pairs.filter(([key, value]) => value !== "" || key === "prefix" || key === "suffix");
  return new Map([["type", "raw"], ...given]);
}

/** What stands behind the colon of a short rule. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["schedule", "pattern"],
  ["semver", "pattern"],
  ["match", "pattern"],
  ["edge", "branch"],
  ["raw", "value"],
  ["sha", "format"],
]);

/** A plan calls the rules of type ref by their event. */
const EVENTS: ReadonlySet<string> = new Set(["branch", "tag", "pr"]);

/** In the shortest form: `semver:{{version}}`, `type=sha,prefix=`, or a map where a value holds what CSV would cut. */
function ruleOf(attributes: ReadonlyMap<string, string>): PlanValue {
  const { type = "raw", ...others } = Object.fromEntries(attributes);
  const [only, ...more] = Object.entries(others);
  if (only === undefined) return type;
  const [key, value] = only;
  if (more.length === 0 && key === SHORT.get(type)) return `${type}:${value}`;
  if (more.length === 0 && type === "ref" && EVENTS.has(value)) return value;
  const parts = [...attributes].map(([key, value]) => `${key}=${value}`);
  return parts.some((part) => /[,"]/.test(part)) ? { type, ...others } : parts.join(",");
}

/** A plan would take what it does not know in a date for text. */
function refuseDates(attributes: ReadonlyMap<string, string>): string | undefined {
  const formats = [...attributes.values()].flatMap((value) =>
    [...value.matchAll(/\{\{\s*(?:commit_)?date\s+['"]([^'"{}]*)['"]/g)].map(([, format = ""]) => format),
  );
  const odd = formats.find((format) =>
    /[A-SU-Za-z[\]]/.test(format.replaceAll(/YYYY|YY|MM|DD|HH|mm|ss|X/g, "")),
  );
  return odd === undefined ? undefined : `a plan knows no dates like \`${odd}\``;
}
