import { cp, chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { inject } from "vitest";
import { stringify } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { BIN, openRig, ROOT, type Ran, type Rig } from "./rig.ts";
import { testFiles } from "./tools.ts";

/*
 * Pipelines of GitLab, run by gitlab-ci-local: it reads them as GitLab does, with includes, components, rules, needs, artifacts and child pipelines, holds
 * them against the schema that GitLab publishes, and runs the jobs in working copies of their own. What cannot be had on one machine is
 * replaced, and nothing else: the image by this machine's shell, the service by the tests' own BuildKit, and npm's registry by an `npx` that
 * starts this checkout and nothing else.
 */

/** What starts a pipeline: the variables that GitLab sets then, and those that it does not. */
export interface GitlabEvent {
  readonly variables: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

const NO_BRANCH = ["CI_COMMIT_BRANCH"];

/** @see https://docs.gitlab.com/ci/variables/predefined_variables/ */
export const GITLAB_EVENTS = {
  push: { variables: {}, unset: [] },
  schedule: { variables: { CI_PIPELINE_SOURCE: "schedule" }, unset: [] },
  tag: { variables: { CI_COMMIT_TAG: "v1.2.3", CI_COMMIT_REF_NAME: "v1.2.3" }, unset: NO_BRANCH },
  fork: {
    variables: {
      CI_PIPELINE_SOURCE: "merge_request_event",
      CI_MERGE_REQUEST_IID: "7",
      CI_MERGE_REQUEST_PROJECT_ID: "1",
      CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "2",
      CI_MERGE_REQUEST_REF_PATH: "refs/merge-requests/7/head",
      CI_COMMIT_REF_NAME: "topic",
    },
    unset: NO_BRANCH,
  },
} as const satisfies Readonly<Record<string, GitlabEvent>>;

/** A project of GitLab. */
export interface GitlabProject {
  readonly rig: Rig;
  readonly run: (
    event: GitlabEvent,
    options?: {
      /** Of the project, or of a schedule; a fork has none. */
      readonly variables?: Readonly<Record<string, string>>;
      readonly argv?: readonly string[];
    },
  ) => Promise<Ran>;
  /** What jobs have asked npm for since the last time this was asked, sorted: `job: program@version arguments`. */
  readonly calls: () => Promise<readonly string[]>;
}

/** Where the file of the child pipeline is that was run last. */
export const CHILD_PIPELINE = ".gitlab-ci-local/includes/triggers/buildx-plan:release.yml";

/** Makes a repository of these files and what `prepare` adds, on `main` with a tag, and a runner for it. */
export async function openGitlabProject(
  files: Readonly<Record<string, string>>,
  prepare: (rig: Rig) => Promise<void> = async () => undefined,
): Promise<GitlabProject> {
  const rig = await openRig(files);
  await cp(join(ROOT, ".demo/busybox"), join(rig.directory, "busybox"), { recursive: true });
  await cp(join(ROOT, "templates"), join(rig.directory, "templates"), { recursive: true });
  await prepare(rig);
  await commit(rig.directory);
  const [bin, log] = [join(rig.state, "bin"), join(rig.state, "calls")];
  await mkdir(bin, { recursive: true });
  await mkdir(join(rig.state, "home"));
  await writeFile(join(bin, "npx"), npx(log, rig.state));
  await chmod(join(bin, "npx"), 0o755);
  await withoutServices(rig);
  const run: GitlabProject["run"] = async (event, { variables = {}, argv = [] } = {}) => {
    const all = {
      GITLAB_CI: "true",
      BUILDKIT_HOST: inject("buildkit").address,
      ...variables,
      ...event.variables,
    };
    await rig.write({ ".gitlab-ci-local-variables.yml": stringify(all) });
    const unset = event.unset.flatMap((name) => ["--unset-variable", name]);
    const ignored = `--ignore-predefined-vars=${Object.keys(all).join()},CI_PIPELINE_SOURCE`;
    return await gitlabCiLocal(rig, [
      "--force-shell-executor",
      "--shell-isolation",
      ignored,
      ...unset,
      ...argv,
    ]);
  };
  const calls = async (): Promise<readonly string[]> => {
    const text = await readFile(log, "utf8").catch(() => "");
    await writeFile(log, "");
    return text
      .split("\n")
      .filter((line) => line !== "")
      .toSorted();
  };
  return { rig, run, calls };
}

async function commit(cwd: string): Promise<void> {
  const date = "2026-01-02T03:04:05Z";
  const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date, GIT_CONFIG_GLOBAL: "/dev/null" };
  const git = async (...argv: string[]) => await execa("git", argv, { cwd, env });
  await git("init", "--quiet", "--initial-branch=main");
  await git("config", "user.name", "Ada");
  await git("config", "user.email", "ada@example.com");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=first");
  await git("tag", "v1.2.3");
  await git("remote", "add", "origin", "https://gitlab.example/buildx-plan/buildx-plan.git");
  await git("update-ref", "refs/remotes/origin/main", "HEAD");
  await git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
}

/**
 * npm has this very program as its newest. As on machines that have nothing in common, each job has folders of its own for what the program
 * keeps.
 */
function npx(log: string, state: string): string {
  return `#!/bin/sh
case "$1 $2" in
"--yes buildx-plan@latest" | "--yes buildx-plan@${manifest.version}") ;;
*) echo "npx: not expected: $*" >&2; exit 64 ;;
esac
shift
echo "$CI_JOB_NAME: $*" >> "${log}"
shift
export XDG_CACHE_HOME="${state}/$CI_JOB_ID/cache" XDG_STATE_HOME="${state}/$CI_JOB_ID/state"
exec "${process.execPath}" "${BIN}" "$@"
`;
}

/** What stands in for the service is in BUILDKIT_HOST; gitlab-ci-local would start a container for it. */
async function withoutServices(rig: Rig): Promise<void> {
  const none = { services: [] };
  await rig.write({
    ".gitlab-ci-local.yml": stringify({ ".buildx-plan": none, ".buildx-plan:buildkit": none }),
  });
  // It looks for artifacts of a job under its name, and keeps them under another one where the name has a colon.
  const artifacts = join(rig.directory, ".gitlab-ci-local/artifacts");
  await mkdir(artifacts, { recursive: true });
  await symlink("buildx-planOgmatrix", join(artifacts, "buildx-plan:matrix"));
}

/** Runs gitlab-ci-local in the folder of a project; with its own home, and no Docker to be found. */
async function gitlabCiLocal(rig: Rig, argv: readonly string[]): Promise<Ran> {
  const program = join(
    await testFiles("BUILDX_PLAN_CI_LINTERS"),
    "node_modules/gitlab-ci-local/dist/index.js",
  );
  const { PATH = "" } = process.env;
  const env = {
    HOME: join(rig.state, "home"),
    NO_COLOR: "1",
    PATH: [join(rig.state, "bin"), PATH].join(delimiter),
  };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...argv], {
    cwd: rig.directory,
    env,
    reject: false,
  });
  // It takes a pipeline for a success whose child has failed, whatever `strategy` says.
  const hasFailed = /^ FAIL /m.test(stdout);
  return { exitCode: exitCode === 0 && hasFailed ? 1 : (exitCode ?? -1), stdout, stderr };
}
