/** The keys of `${git.*}`. */
export const GIT_NAMES = [
  "git.sha",
  "git.short-sha",
  "git.tag",
  "git.branch",
  "git.dirty",
  "git.commit-date",
  "git.commit-epoch",
] as const;

/** What git says of the checked-out commit; a name without value is missing. `why` tells why all are. */
export interface GitFacts {
  readonly values: ReadonlyMap<string, string>;
  /** Where `origin` is fetched from, as it is configured. */
  readonly remote?: string;
  /** All tags of the repository, where they were asked for. */
  readonly tags?: readonly string[];
  /** The branch that `origin` has as its own, where a clone has noted it. */
  readonly defaultBranch?: string;
  readonly why?: string;
}

const ORIGIN = "refs/remotes/origin/";
const ORIGIN_HEAD = `${ORIGIN}HEAD`;

/** The format of `git log` that {@link parseGitLog} reads. */
export const GIT_LOG_FORMAT = ["%H", "%h", "%cI", "%ct", "%D"].join("%x00");

/** Reads the answer of `git log` in our format. */
export function parseGitLog(stdout: string): ReadonlyMap<string, string> {
  const [sha = "", short = "", date = "", epoch = "", decorations = ""] = stdout.trim().split("\0");
  // A name of a ref holds no space, so ", " can only be what git puts between them.
  const refs = decorations.split(", ").filter((ref) => ref !== "");
  const head = refs.find((ref) => ref.startsWith(HEAD));
  const tags = refs.filter((ref) => ref.startsWith(TAG)).map((ref) => ref.slice(TAG.length));
  const tag = tags.toSorted(byVersion).at(-1);
  return new Map([
    ["git.sha", sha],
    ["git.short-sha", short],
    ["git.commit-date", date],
    ["git.commit-epoch", epoch],
    ...(head === undefined ? [] : [["git.branch", head.slice(HEAD.length)] as const]),
    ...(tag === undefined ? [] : [["git.tag", tag] as const]),
  ]);
}

/** The format of `git for-each-ref` that {@link parseGitRefs} reads, and the refs that it is asked for. */
export const GIT_REFS_FORMAT = "%(refname)%00%(symref)";
export const GIT_REFS = ["refs/tags", ORIGIN_HEAD];

/** Reads the answer of `git for-each-ref` in our format. */
export function parseGitRefs(stdout: string): Pick<GitFacts, "tags" | "defaultBranch"> {
  const refs = stdout.split("\n").map((line) => line.split("\0"));
  const tags = refs.flatMap(([name = ""]) =>
    name.startsWith("refs/tags/") ? [name.slice("refs/tags/".length)] : [],
  );
  const [, head = ""] = refs.find(([name]) => name === ORIGIN_HEAD) ?? [];
  return { tags, ...(head.startsWith(ORIGIN) && { defaultBranch: head.slice(ORIGIN.length) }) };
}

const HEAD = "HEAD -> refs/heads/";
const TAG = "tag: refs/tags/";

// Made when there is something to compare: the first use of Intl loads its tables, which takes 7 ms.
let numeric: Intl.Collator | undefined;

/** Of several tags on one commit the highest version counts, and a release more than its candidates. */
function byVersion(one: string, other: string): number {
  const [a, b] = [splitCandidate(one), splitCandidate(other)];
  numeric ??= new Intl.Collator("en", { numeric: true });
  const versions = numeric.compare(a.version, b.version);
  if (versions !== 0) return versions;
  if (a.candidate === undefined || b.candidate === undefined) {
    return Number(a.candidate === undefined) - Number(b.candidate === undefined);
  }
  return numeric.compare(a.candidate, b.candidate);
}

function splitCandidate(tag: string): { readonly version: string; readonly candidate?: string } {
  const dash = tag.indexOf("-");
  return dash === -1 ? { version: tag } : { version: tag.slice(0, dash), candidate: tag.slice(dash + 1) };
}
