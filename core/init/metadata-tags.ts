import { splitPair } from "./foreign.ts";

/** Rules of docker/metadata-action as tags of a plan. */
export interface MetadataTags {
  /** Tags without their repository, in the plan's notation. */
  readonly tags: readonly string[];
  /** Rules that a plan has no tag for, with the reason. */
  readonly leftOut: readonly string[];
}

/** The plan's variable for what is released: the git tag, or `dev`. */
export const RELEASE = "${release}";

const DEFAULT_RULES = ["type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"];

/**
 * Makes tags of the rules of docker/metadata-action. The plan's notation has the git tag, the commit, and fixed texts; what depends on the event of
 * the pipeline is left out, and told.
 * @see https://github.com/docker/metadata-action#tags-input
 */
export function metadataTags(rules: readonly string[], flavor: readonly string[]): MetadataTags {
  const read = (rules.length === 0 ? DEFAULT_RULES : rules).map((rule) => readRule(rule));
  const latest = flavor.map((each) => splitPair(each)).find(([key]) => key === "latest")?.[1] ?? "auto";
  const isVersioned = read.some(({ tag }) => tag === RELEASE);
  const addsLatest = latest === "true" || (latest === "auto" && isVersioned);
  const tags = [...read.flatMap(({ tag }) => tag ?? []), ...(addsLatest ? ["latest"] : [])];
  const changed = flavor.filter((each) => !each.startsWith("latest="));
  return {
    tags: [...new Set(tags)],
    leftOut: [
      ...read.flatMap(({ leftOut }) => leftOut ?? []),
      ...changed.map((each) => `flavor \`${each}\`: write it into the tags`),
    ],
  };
}

interface Rule {
  readonly tag?: string;
  readonly leftOut?: string;
}

function readRule(rule: string): Rule {
  const fields = new Map(rule.split(",").map((part) => splitPair(part.trim())));
  const type = fields.get("type") ?? "raw";
  const enabled = fields.get("enable") ?? "true";
  if (enabled === "false") return {};
  if (enabled !== "true") return { leftOut: `\`${rule}\`: whether it counts is decided in the workflow` };
  const name = nameOf(type, fields, rule);
  if (name === undefined) return { leftOut: `\`${rule}\`: a plan has no tag like it` };
  const prefix = fields.get("prefix") ?? (type === "sha" ? "sha-" : "");
  const tag = `${prefix}${name}${fields.get("suffix") ?? ""}`;
  const isRough = type === "semver" && fields.get("pattern") !== "{{raw}}";
  return { tag, ...(isRough && { leftOut: `\`${rule}\`: \`${RELEASE}\` is the git tag as it is` }) };
}

function nameOf(
  type: string,
  fields: ReadonlyMap<string, string | undefined>,
  rule: string,
): string | undefined {
  switch (type) {
    case "raw": {
      const value = fields.get("value") ?? (rule.includes("=") ? undefined : rule);
      return value?.includes("{{") === true ? undefined : value;
    }
    case "sha":
      return fields.get("format") === "long" ? "${git.sha:-dev}" : "${git.short-sha:-dev}";
    case "semver":
      return ["{{version}}", "{{raw}}"].includes(fields.get("pattern") ?? "") ? RELEASE : undefined;
    case "ref":
      return fields.get("event") === "tag" ? RELEASE : undefined;
    default:
      return undefined;
  }
}
