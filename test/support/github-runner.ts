import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { inject, onTestFinished } from "vitest";
import { readJobs, type Job } from "./github-jobs.ts";
import type { GithubRepository } from "./github-repository.ts";
import { ROOT } from "./rig.ts";
import { testTool } from "./tools.ts";

/*
 * Workflows run by act, on this machine and without GitHub. Every job has a working copy, a home and a folder for temporary files of its
 * own; with others it shares what their steps reach over a socket.
 */

/** An event of GitHub; the names of its payloads in `fixtures/github`. */
export type GithubEvent = "push" | "tag" | "pull-request" | "fork" | "workflow-dispatch";

export interface WorkflowOptions {
  readonly repository: GithubRepository;
  readonly event: GithubEvent;
  /** The commit that the event is about; of a pull request the merged one. */
  readonly sha: string;
  readonly secrets?: Readonly<Record<string, string>>;
  /** 2 and more for a run that is run again. */
  readonly attempt?: number;
  /** A job whose machine is lost in its last step: its name, and the platform of a job that has one. */
  readonly lost?: { readonly job: string; readonly only?: string };
  /** The file in `.github/workflows`; `release.yml` where nothing is said. */
  readonly workflow?: string;
}

export interface WorkflowRun {
  readonly exitCode: number;
  /** Jobs that were skipped are not among them. */
  readonly jobs: readonly Job[];
  /** All that act printed. */
  readonly output: string;
}

const STAND_INS = {
  "actions/checkout@v6": "checkout",
  "docker/setup-qemu-action@v4": "setup-qemu-action",
  "docker/setup-buildx-action@v4": "setup-buildx-action",
  "docker/login-action@v4": "login-action",
  "sigstore/cosign-installer@v4": "cosign-installer",
};
const RUNNERS = ["ubuntu-latest", "ubuntu-24.04", "ubuntu-24.04-arm"];
const EVENT_NAMES: Readonly<Record<GithubEvent, string>> = {
  push: "push",
  tag: "push",
  "pull-request": "pull_request",
  fork: "pull_request",
  "workflow-dispatch": "workflow_dispatch",
};

/** Runs what a workflow of this commit says of an event. */
export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowRun> {
  const machine = await mkdtemp(join(tmpdir(), "runner-"));
  onTestFinished(() => rm(machine, { recursive: true, force: true }));
  const { repository, sha } = options;
  const workflows = join(machine, "workflows");
  await execa("git", ["clone", "-q", "--no-checkout", repository.folder, workflows]);
  await execa("git", ["fetch", "-q", "origin", sha], { cwd: workflows });
  await execa("git", ["checkout", "-q", sha], { cwd: workflows });
  const { all, exitCode } = await execa(await testTool("act"), await actArguments(machine, options), {
    cwd: workflows,
    env: await environment(machine, options),
    extendEnv: false,
    all: true,
    reject: false,
  });
  return { exitCode: exitCode ?? -1, jobs: readJobs(all), output: all };
}

const OFFLINE = [
  "--use-new-action-cache",
  "--action-offline-mode",
  "--no-cache-server",
  "--no-skip-checkout",
  "--rm",
  "--json",
];

async function actArguments(machine: string, options: WorkflowOptions): Promise<readonly string[]> {
  const { event, sha, secrets = {}, attempt = 1, workflow = "release.yml" } = options;
  const env = { GITHUB_REPOSITORY: "team/app", SHA_REF: sha, GITHUB_RUN_ATTEMPT: String(attempt) };
  const pairs = (option: string, values: Readonly<Record<string, string>>): readonly string[] =>
    Object.entries(values).flatMap(([name, value]) => [option, `${name}=${value}`]);
  return [
    EVENT_NAMES[event],
    ...OFFLINE,
    `--workflows=.github/workflows/${workflow}`,
    `--eventpath=${await writeEvent(machine, options)}`,
    `--actor=${event === "fork" ? "stranger" : "ada"}`,
    `--action-cache-path=${join(machine, "jobs")}`,
    ...pairs("--platform", Object.fromEntries(RUNNERS.map((label) => [label, "-self-hosted"]))),
    ...pairs("--local-repository", await repositories(machine)),
    ...pairs("--secret", secrets),
    ...pairs("--env", env),
  ];
}

async function writeEvent(
  machine: string,
  { repository, sha, event }: Pick<WorkflowOptions, "repository" | "sha" | "event">,
): Promise<string> {
  const parents = await execa("git", ["log", "-1", "--format=%P", sha], { cwd: repository.folder });
  const [before = "0".repeat(40), head = sha] = parents.stdout.split(" ").filter((each) => each !== "");
  const text = await readFile(join(ROOT, "fixtures", "github", `${event}.json`), "utf8");
  const path = join(machine, "event.json");
  const values: Readonly<Record<string, string>> = { sha, before, head };
  await writeFile(
    path,
    text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? ""),
  );
  return path;
}

/** Folders of this checkout's action and workflows as they are released, and of the stand-ins, by `owner/name@ref`. */
async function repositories(machine: string): Promise<Readonly<Record<string, string>>> {
  const own = join(machine, "buildx-plan");
  for (const path of ["action.yml", "action/index.cjs", ".github"])
    await cp(join(ROOT, path), join(own, path), { recursive: true });
  const source = join(ROOT, "test", "support", "actions");
  const files = await readdir(source);
  const others = Object.entries(STAND_INS).map(async ([ref, name]): Promise<[string, string]> => {
    const folder = join(machine, name);
    await mkdir(folder, { recursive: true });
    for (const file of files) await copyFile(join(source, file), join(folder, file));
    await copyFile(join(source, `${name}.yml`), join(folder, "action.yml"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    return [ref, folder];
  });
  return { "buildx-plan/buildx-plan@v1": own, ...Object.fromEntries(await Promise.all(others)) };
}

/**
 * Runs actions with our Node. Unlike act, GitHub's runner gives no terminal. A machine that is lost ends the step of our own action, and no
 * other, because that is the last one.
 */
const NODE = `#!/bin/bash
[ "$1" = --no-warnings ] && { echo "$0"; exit; }
if [ "$GITHUB_ACTION_REPOSITORY:$GITHUB_JOB:$INPUT_ONLY" = "buildx-plan/buildx-plan:$RIG_LOST" ]; then
  echo "::error::The hosted runner lost communication with the server."
  exit 1
fi
"$RIG_NODE" "$@" < /dev/null 2>&1 | cat
exit "\${PIPESTATUS[0]}"
`;

/** What a hosted runner has: git, docker with buildx, and nothing of ours. BuildKit's programs are on its PATH, so that nothing is fetched. */
async function environment(machine: string, options: WorkflowOptions): Promise<Record<string, string>> {
  const bin = join(machine, "bin");
  await mkdir(bin);
  const { address, buildctl, buildkitd } = inject("buildkit");
  for (const program of [buildctl, buildkitd]) await symlink(program, join(bin, basename(program)));
  const programs = { node: NODE, docker: `#!/bin/sh\nshift\nexec ${await testTool("buildx")} "$@"\n` };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), text);
    await chmod(join(bin, name), 0o755);
  }
  const { lost, repository } = options;
  return {
    PATH: `${bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
    HOME: join(machine, "no-home"),
    RIG_NODE: process.execPath,
    RIG_ORIGIN: repository.folder,
    RIG_BUILDKIT: address,
    RIG_COSIGN: await testTool("cosign"),
    RIG_LOST: lost === undefined ? "" : `${lost.job}:${lost.only ?? ""}`,
  };
}
