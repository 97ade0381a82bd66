import { execFile } from "node:child_process";
import { GIT_LOG_FORMAT, GIT_REFS, GIT_REFS_FORMAT, parseGitLog, parseGitRefs } from "./git-facts.ts";
import type { GitFacts } from "./git-facts.ts";

/** Where git looks, with what environment, and whether the state of the work tree and the tags are wanted (which takes longer). */
export interface GitQuestion {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dirty: boolean;
  readonly tags: boolean;
}

/** Asks git for the facts of the repository that holds a folder. Never fails: no git or no repository are facts too. */
export async function readGit(question: GitQuestion): Promise<GitFacts> {
  const [log, origin, status, refs] = await Promise.all([
    git([...LOG, `--format=${GIT_LOG_FORMAT}`], question),
    git(REMOTE, question),
    question.dirty ? git(STATUS, question) : undefined,
    question.tags ? git(TAGS, question) : undefined,
  ]);
  if (!log.ok) return { values: new Map(), why: log.why };
  const values = new Map(parseGitLog(log.stdout));
  if (status?.ok === true) values.set("git.dirty", status.stdout.trim() === "" ? "" : "true");
  const remote = origin.ok ? origin.stdout.trim() : "";
  return {
    values,
    ...(remote !== "" && { remote }),
    ...(refs?.ok === true && parseGitRefs(refs.stdout)),
  };
}

/** How much of a repository's past a clone has. */
export type History =
  | { readonly kind: "repository"; readonly isShallow: boolean; readonly tags: number }
  | { readonly kind: "none"; readonly why: string };

/** Asks git how much of its past the repository that holds a folder has here. */
export async function readHistory(question: Pick<GitQuestion, "directory" | "env">): Promise<History> {
  const [shallow, refs] = await Promise.all([git(SHALLOW, question), git(TAGS, question)]);
  if (!shallow.ok) return { kind: "none", why: shallow.why };
  const tags = refs.ok ? (parseGitRefs(refs.stdout).tags ?? []) : [];
  return { kind: "repository", isShallow: shallow.stdout.trim() === "true", tags: tags.length };
}

const SHALLOW = ["rev-parse", "--is-shallow-repository"];
const REMOTE = ["config", "--get", "remote.origin.url"];
const TAGS = ["for-each-ref", `--format=${GIT_REFS_FORMAT}`, ...GIT_REFS];
// Named refs, because configuration may hide those that are not asked for.
const REFS = ["HEAD", "refs/heads/*", "refs/tags/*"].map((ref) => `--decorate-refs=${ref}`);
const LOG = ["log", "-1", "--no-show-signature", "--decorate=full", ...REFS];
// As `git describe --dirty` has it, files that git does not track are no change.
const STATUS = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"];

type Answer = { readonly ok: true; readonly stdout: string } | { readonly ok: false; readonly why: string };

/*
 * The repository is not trusted: none of its configuration that names a program is to take effect. Objects that a
 * partial clone lacks are not fetched, nothing is asked, nothing is written.
 */
const CONFIG = [
  "core.fsmonitor=false",
  "core.hooksPath=/dev/null",
  "log.showSignature=false",
  "protocol.allow=never",
];
const PASSED_ON = ["PATH", "HOME", "XDG_CONFIG_HOME", "SystemRoot", "USERPROFILE", "TMPDIR"] as const;
const TIMEOUT_MS = 20_000;

function git(
  args: readonly string[],
  { directory, env }: Pick<GitQuestion, "directory" | "env">,
): Promise<Answer> {
  const passed = Object.fromEntries(
    PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
  const options = {
    cwd: directory,
    env: {
      ...passed,
      LC_ALL: "C",
      GIT_OPTIONAL_LOCKS: "0",
      GIT_NO_LAZY_FETCH: "1",
      GIT_TERMINAL_PROMPT: "0",
    },
    timeout: TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
    windowsHide: true,
  };
  const all = ["--no-pager", ...CONFIG.flatMap((setting) => ["-c", setting]), ...args];
  return new Promise((resolve) => {
    execFile("git", all, options, (error, stdout, stderr) => {
      resolve(error === null ? { ok: true, stdout } : { ok: false, why: reason(error, stderr) });
    });
  });
}

function reason(error: { readonly code?: unknown; readonly killed?: boolean }, stderr: string): string {
  if (error.code === "ENOENT") return "git is not installed";
  if (error.killed === true) return "git did not answer in time";
  if (stderr.includes("not a git repository")) return "the plan is in no git repository";
  if (stderr.includes("does not have any commits")) return "the repository has no commit yet";
  if (stderr.includes("dubious ownership")) {
    return "the repository belongs to another user, and git refuses it (git config safe.directory)";
  }
  const [line = ""] = stderr.trim().split("\n");
  return `git said: ${line.slice(0, 200) || "nothing"}`;
}
