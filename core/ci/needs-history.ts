import type { Finding } from "../host/finding.ts";
import type { Plan } from "../plan/plan.ts";
import { ACTIONS } from "./names.ts";
import type { PipelineFacts } from "./pipeline-facts.ts";
import type { CiKind } from "./run.ts";

type HistoryFacts = Pick<PipelineFacts, "run" | "plan" | "history">;

/**
 * Whether the clone has what the plan asks git for. A commit is enough for labels and most tags; which release is the highest, and so
 * which one `latest`, `1` and `1.9` name, only the tags of all others tell.
 */
export function historyFindings({ run, plan, history }: HistoryFacts): readonly Finding[] {
  const check = "history";
  const uses = usesOf(plan);
  if (history.kind === "none") {
    if (!uses.any) return [];
    const detail = `the plan asks git for its tags, and git tells nothing: ${history.why}`;
    return [{ check, state: "warning", detail, ...mendOfGit(history.why) }];
  }
  const { isShallow, tags } = history;
  const clone = `${isShallow ? "a shallow clone" : "a clone"} with ${count(tags)}`;
  const lack = isShallow || tags === 0 ? lackOf(uses, tags) : undefined;
  if (lack === undefined) return uses.any ? [{ check, state: "ok", detail: clone }] : [];
  // A repository may have no tags yet, which no clone can tell.
  const detail = isShallow ? `${clone}: ${lack}` : `${clone}: if the repository has some, ${lack}`;
  return [{ check, state: "warning", detail, mend: MENDS[run?.kind ?? "none"](isShallow) }];
}

function lackOf({ versions, tag }: Uses, tags: number): string | undefined {
  if (versions)
    return "`latest`, `1` and the like are given to a release without a look at those whose tags are not here";
  return tag && tags === 0 ? "`${git.tag}` does not see them" : undefined;
}

function count(tags: number): string {
  return tags === 0 ? "no tags" : tags === 1 ? "1 tag" : `${tags} tags`;
}

interface Uses {
  readonly any: boolean;
  /** Rules that hold versions against each other. */
  readonly versions: boolean;
  readonly tag: boolean;
}

const VERSION_RULE = /^(?:type=)?(?:semver|match|tag)(?:[:,]|$)/;

function usesOf({ file, releases }: Plan): Uses {
  const rules = releases.flatMap(({ origins }) => origins?.tags.map(({ rule }) => rule) ?? []);
  const versions = rules.some((rule) => VERSION_RULE.test(rule));
  return {
    any: versions || file.text.includes("${git.") || file.text.includes("from:"),
    versions,
    tag: file.text.includes("${git.tag"),
  };
}

function mendOfGit(why: string): Pick<Finding, "mend"> {
  if (why.includes("safe.directory")) return { mend: 'git config --global --add safe.directory "$PWD"' };
  return why.includes("not installed") ? { mend: "apt-get install -y git" } : {};
}

const FETCH = (isShallow: boolean): string => `git fetch ${isShallow ? "--unshallow " : ""}--tags`;
const CHECKOUT = (): string => `- uses: ${ACTIONS.checkout}\n  with: { fetch-depth: 0 }`;

const MENDS: Readonly<Record<CiKind | "none", (isShallow: boolean) => string>> = {
  none: FETCH,
  github: CHECKOUT,
  forgejo: CHECKOUT,
  gitlab: () => 'variables: { GIT_DEPTH: "0" }',
  buildkite: () => 'env: { BUILDKITE_GIT_CLONE_FLAGS: "-v", BUILDKITE_GIT_FETCH_FLAGS: "-v --prune --tags" }',
  azure: () => "- checkout: self\n  fetchDepth: 0\n  fetchTags: true",
  circleci: (isShallow) => `- checkout\n- run: ${FETCH(isShallow)}`,
  jenkins: () =>
    "checkout scmGit(branches: scm.branches, userRemoteConfigs: scm.userRemoteConfigs,\n  extensions: [cloneOption(shallow: false, noTags: false)])",
};
