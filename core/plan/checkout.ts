import type { GitFacts } from "./git-facts.ts";
import type { Fact, RefFacts } from "./ref-facts.ts";

/**
 * What is checked out: one tag, one branch or one pull request, and what else is known of its commit. `why` says why it is none of the
 * three.
 */
export interface Checkout extends RefFacts {
  /** When the commit was made, seconds since 1970. */
  readonly created?: Fact;
  /** An SPDX expression. */
  readonly licenses?: Fact;
  /** All tags of the repository that are here; a shallow clone has few of them. */
  readonly tags: readonly string[];
  readonly why: string;
}

/**
 * Joins what git and the CI say. The CI knows for which ref it runs, which git cannot tell of a detached commit; but where
 * another commit is checked out than the one it speaks of, git alone is right. Without a CI a tag on the commit counts before its branch.
 */
export function joinCheckout(git: GitFacts, ci: RefFacts | undefined): Checkout {
  const sha = fact(git, "git.sha");
  const isOurs = ci?.sha === undefined || sha === undefined || ci.sha.value === sha.value;
  const said = ci !== undefined && (isOurs || ci.pr !== undefined) ? ci : undefined;
  const created = fact(git, "git.commit-epoch");
  const defaultBranch = ci?.defaultBranch ?? named(git.defaultBranch);
  const source = (isOurs ? ci?.source : undefined) ?? named(webAddress(git.remote ?? ""));
  const commit = sha ?? said?.sha;
  const { tag, branch, pr } = said ?? gitRef(git);
  return {
    ...(pr ? { pr } : tag ? { tag } : branch && { branch }),
    ...(commit && { sha: commit }),
    ...(created && { created }),
    ...(ci?.event && { event: ci.event }),
    ...(defaultBranch && { defaultBranch }),
    ...(source && { source }),
    tags: git.tags ?? [],
    why: said === undefined ? (git.why ?? NOWHERE) : NO_REF,
  };
}

const NOWHERE = "neither a tag nor a branch is checked out";
const NO_REF = "the CI does not say for which ref it runs";

function gitRef(git: GitFacts): Pick<RefFacts, "tag" | "branch" | "pr"> {
  const [tag, branch] = [fact(git, "git.tag"), fact(git, "git.branch")];
  return tag ? { tag } : branch ? { branch } : {};
}

function fact({ values }: GitFacts, name: string): Fact | undefined {
  return named(values.get(name));
}

function named(value: string | undefined): Fact | undefined {
  return value === undefined || value === "" ? undefined : { value, from: "git" };
}

/** What is checked out, as people say it. */
export function nameCheckout({ tag, branch, pr }: Checkout): string | undefined {
  if (pr) return `pull request ${pr.value}`;
  if (tag) return `tag ${tag.value}`;
  return branch && `branch ${branch.value}`;
}

/**
 * The page of a repository, from where git fetches it: `git@git.example:team/app.git` is https://git.example/team/app. User and
 * password are left out; a folder or another kind of address has none.
 */
export function webAddress(remote: string): string | undefined {
  const [, host, path] = /^(?:[^@/:]+@)?([A-Za-z0-9.-]+):(?![/:])(.+)$/.exec(remote) ?? [];
  if (host !== undefined && path !== undefined && host.length > 1) return trimmed(`https://${host}/${path}`);
  const url = URL.canParse(remote) ? new URL(remote) : undefined;
  if (url === undefined || url.hostname === "") return undefined;
  if (url.protocol === "http:" || url.protocol === "https:")
    return trimmed(`${url.protocol}//${url.host}${url.pathname}`);
  // The port of SSH says nothing of that of the pages.
  return /^(?:git\+)?ssh:$/.test(url.protocol)
    ? trimmed(`https://${url.hostname}${url.pathname}`)
    : undefined;
}

function trimmed(address: string): string {
  return address.replace(/\/+$/, "").replace(/\.git$/, "");
}
