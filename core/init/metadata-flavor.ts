import { csvIn, splitPair } from "./foreign.ts";
import type { FoundRules } from "./proposal.ts";
import { refusalOf } from "./rule-trial.ts";
import { resolveText } from "./workflow-scope.ts";
import type { WorkflowScope } from "./workflow-scope.ts";

/** What holds for all rules of docker/metadata-action, in the keys of the plan. */
export interface MetadataFlavor {
  readonly keys: Omit<FoundRules, "image" | "from">;
  readonly leftOut: readonly string[];
}

/** Reads the flavor. A plan has one `on-latest` for prefix and suffix. @see https://github.com/docker/metadata-action#flavor-input */
export function metadataFlavor(lines: readonly string[], scope: WorkflowScope): MetadataFlavor {
  const read = lines.map((line) => ({ line, ...readLine(line, scope) }));
  const attributes = new Map(read.flatMap(({ pairs }) => pairs));
  const refused = read.flatMap(({ line, refusal }) =>
    refusal === undefined ? [] : [`flavor \`${line}\`: ${refusal}`],
  );
  const [prefix, suffix] = [attributes.get("prefix"), attributes.get("suffix")];
  const around = { ...(prefix && { prefix }), ...(suffix && { suffix }) };
  const onLatest = Object.keys(around).map((key) => attributes.get(`${key} onlatest`) === "true");
  const latest = attributes.get("latest");
  const keys = {
    ...((latest === "true" || latest === "false") && { latest: latest === "true" }),
    ...around,
    ...(onLatest.length > 0 && !onLatest.includes(false) && { "on-latest": true as const }),
  };
  const isMixed = new Set(onLatest).size > 1;
  return { keys, leftOut: [...refused, ...(isMixed ? [MIXED] : [])] };
}

const MIXED = "flavor `onlatest=true`: it holds for one of prefix and suffix, and in a plan for both or none";

type Pair = readonly [key: string, value: string];

/** The attributes of a line; `onlatest` belongs to the prefix or suffix before it. */
function readLine(
  line: string,
  scope: WorkflowScope,
): { readonly pairs: readonly Pair[]; readonly refusal?: string } {
  const pairs: Pair[] = [];
  let around = "";
  for (const [name, text = ""] of csvIn(line).map((part) => splitPair(part))) {
    const key = name.trim().toLowerCase();
    const value = resolveText(text.trim(), scope);
    const refusal = value === undefined ? "known only while the workflow runs" : refuse(key, value, scope);
    if (value === undefined || refusal !== undefined) return { pairs, ...(refusal && { refusal }) };
    if (key === "prefix" || key === "suffix") around = key;
    pairs.push([key === "onlatest" ? `${around} onlatest` : key, value]);
  }
  return { pairs };
}

function refuse(key: string, value: string, { variables }: WorkflowScope): string | undefined {
  switch (key) {
    case "prefix":
    case "suffix":
      return refusalOf({ from: ["raw:x"], [key]: value }, variables);
    case "latest":
      return ["auto", "true", "false"].includes(value) ? undefined : "`latest` is auto, true or false";
    case "onlatest":
      return undefined;
    default:
      return "a plan has nothing like it";
  }
}
