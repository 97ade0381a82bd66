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
  readonly why?: string;
}

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
