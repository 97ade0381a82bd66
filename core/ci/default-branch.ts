import type { GitFacts } from "../plan/git-facts.ts";

/** The branch of a repository whose pushes are released, and how that is known. */
export interface DefaultBranch {
  readonly name: string;
  readonly from: "origin" | "checkout" | "nothing";
}

/** Names that people give the branch that they release. */
const USUAL: ReadonlySet<string> = new Set(["main", "master", "trunk", "default", "mainline"]);

/**
 * The default branch of a clone: what `origin` says, else the branch that is checked out if it has a usual name, as in a repository that was
 * never cloned; else `main`.
 */
export function defaultBranchOf({ defaultBranch, values }: GitFacts): DefaultBranch {
  if (defaultBranch !== undefined) return { name: defaultBranch, from: "origin" };
  const branch = values.get("git.branch");
  return branch !== undefined && USUAL.has(branch)
    ? { name: branch, from: "checkout" }
    : { name: "main", from: "nothing" };
}
