/** What a URL in `ADD`, or as a context, is fetched as. `isPinned`: by what it says, it can be one thing only. */
export interface RemoteSource {
  readonly kind: "git" | "http";
  readonly isPinned: boolean;
  /** To be shown: without user and password. */
  readonly name: string;
}

const SCP = /^[\w-]+@[\w.-]+:/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Reads a source as BuildKit does; undefined where it is a path. An HTTP URL is one of git where its path ends in `.git`.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/dfgitutil/git_ref.go
 */
export function remoteSource(text: string): RemoteSource | undefined {
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  const [beforeFragment = "", fragment = ""] = splitAt(text, "#");
  const [address = "", query = ""] = splitAt(beforeFragment, "?");
  const isGit = scheme === "git" || scheme === "ssh" || (scheme === undefined && SCP.test(text));
  const isHttp = scheme === "http" || scheme === "https";
  if (!isGit && !isHttp) return undefined;
  const name = text.replace(/^([a-z]+:\/\/)[^/@]*@/i, "$1");
  if (isHttp && !address.endsWith(".git")) return { kind: "http", isPinned: false, name };
  return { kind: "git", isPinned: namesCommit(fragment, query), name };
}

/** A URL that is the context of a build: `github.com/a/b` is one too, which in `ADD` is a path. */
export function contextSource(url: string): RemoteSource | undefined {
  if (!url.startsWith("github.com/")) return remoteSource(url);
  const source = remoteSource(`git://${url}`);
  return source && { ...source, name: url };
}

/** Is this the whole hash of a commit? */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/** `#<commit>[:folder]`, `?ref=<commit>`, `?checksum=<commit>`, `?commit=<commit>`. */
function namesCommit(fragment: string, query: string): boolean {
  const fields = new URLSearchParams(query);
  const named = [fragment.split(":")[0], fields.get("ref"), fields.get("checksum"), fields.get("commit")];
  return named.some((each) => typeof each === "string" && isCommit(each));
}

function splitAt(text: string, mark: string): readonly string[] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
