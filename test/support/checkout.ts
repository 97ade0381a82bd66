import { assemblePlan } from "../../core/plan/assemble.ts";
import type { GitFacts } from "../../core/plan/git-facts.ts";
import type { Plan, PlanFailure, PlannedRelease } from "../../core/plan/plan.ts";
import { refFacts } from "../../core/plan/ref-facts.ts";
import type { EventPayload } from "../../core/plan/ref-facts.ts";
import type { Result } from "../../core/result.ts";
import { planOf } from "./plan.ts";

/** The commit of these tests. */
export const SHA = "860c1904a1ce19322e91ac35af1ab07466440c37";

/** What is checked out where a plan is read. */
export interface World {
  readonly env?: Readonly<Record<string, string>>;
  readonly event?: EventPayload;
  /** Values of `git.*` by their last name, besides the commit. */
  readonly git?: Readonly<Record<string, string>>;
  readonly facts?: Partial<Omit<GitFacts, "values">>;
  readonly now?: number;
  readonly written?: readonly string[];
}

/** A checkout of {@link SHA} where GitHub Actions runs for this ref. */
export function onGithub(ref: string, event = "push", more: World = {}): World {
  const env = { GITHUB_ACTIONS: "true", GITHUB_REF: ref, GITHUB_EVENT_NAME: event, GITHUB_SHA: SHA };
  return { event: { defaultBranch: "master" }, ...more, env: { ...env, ...more.env } };
}

/** From text to plan, in a checkout that needs no disk. */
export async function assembleIn(text: string, world: World): Promise<Result<Plan, PlanFailure>> {
  const { env = {}, event, git = {}, facts, now = 0, written = [] } = world;
  const values = new Map(
    Object.entries({ sha: SHA, "commit-epoch": "1578616200", ...git }).map(([name, value]) => [
      `git.${name}`,
      value,
    ]),
  );
  return await assemblePlan({
    file: { path: "plan.yaml", text },
    directory: "/plan",
    options: { env, set: [], images: [], only: [], run: {}, now },
    git: Promise.resolve({ values, ...facts }),
    ci: refFacts(env, event),
    labelsOf: () => new Set(written),
    checkPaths: () => {},
  });
}

/** The plan of one image with these lines below it. */
export function planWith(lines: string): string {
  return `version: 1\nimages:\n  app:\n    platforms: [linux/amd64]\n${lines}\n`;
}

/** The one release of a plan. */
export async function releaseIn(text: string, world: World): Promise<PlannedRelease> {
  const [release] = planOf(await assembleIn(text, world)).releases;
  if (release === undefined) throw new Error("the plan has no release");
  return release;
}

/** The tags that an entry with these rules gives, and what else it says (YAML in one line). */
export async function tagsOf(rules: readonly string[], world: World, more = ""): Promise<readonly string[]> {
  const from = rules.map((rule) => (rule.startsWith("{") ? rule : JSON.stringify(rule))).join(", ");
  const text = planWith(`    tags: [{ image: user/app, from: [${from}]${more === "" ? "" : `, ${more}`} }]`);
  return (await releaseIn(text, world)).tags.map(({ tag }) => tag);
}
