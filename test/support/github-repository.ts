import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { ROOT } from "./rig.ts";

/** A repository as GitHub holds it, which jobs clone. Each commit is an hour after the one before, so that their order is known. */
export interface GithubRepository {
  /** What a clone comes from. */
  readonly folder: string;
  /** Commits these files on this branch (`main`) and answers with the commit. */
  readonly commit: (files: Readonly<Record<string, string>>, branch?: string) => Promise<string>;
  readonly tag: (name: string, sha: string) => Promise<void>;
  /** What GitHub makes for a pull request: the branch merged into main, under `refs/pull/NUMBER/merge`. */
  readonly merge: (branch: string, number: number) => Promise<string>;
}

/** Time of the first commit, in seconds since 1970. */
const BEGIN = 1_790_000_000;

/** An empty repository that has the demo's busybox in it, for these architectures. Removed when the test ends. */
export async function openRepository(architectures: readonly string[]): Promise<GithubRepository> {
  const folder = await mkdtemp(join(tmpdir(), "github-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let commits = 0;
  const git = async (...argv: readonly string[]): Promise<string> => {
    const date = `${BEGIN + commits * 3600} +0000`;
    const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date, GIT_CONFIG_GLOBAL: "/dev/null" };
    const person = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
    const { stdout } = await execa("git", [...person, ...argv], { cwd: folder, env });
    return stdout;
  };
  const done = async (): Promise<string> => {
    commits += 1;
    return await git("rev-parse", "HEAD");
  };
  await git("init", "-q", "--initial-branch=main");
  for (const name of architectures)
    await cp(join(ROOT, ".demo/busybox", name), join(folder, "busybox", name), { recursive: true });
  return {
    folder,
    commit: async (files, branch = "main") => {
      if (commits > 0) await git("checkout", "-q", "-B", branch, branch === "main" ? "main" : "HEAD");
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      await git("add", "--all");
      await git("commit", "-q", "--allow-empty", "-m", "Change the app");
      return await done();
    },
    tag: async (name, sha) => void (await git("tag", name, sha)),
    merge: async (branch, number) => {
      await git("checkout", "-q", "--detach", "main");
      await git("merge", "-q", "--no-ff", "-m", `Merge ${branch}`, branch);
      const sha = await done();
      await git("update-ref", `refs/pull/${number}/merge`, sha);
      return sha;
    },
  };
}
