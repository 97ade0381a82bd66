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
  /** Of jobs with a matrix only those of this platform, as where failed jobs alone are run again. */
  readonly platform?: string;
}

/** One job of a run, as it ended. */
export interface Job {
  /** Its key in the workflow. */
  readonly id: string;
  readonly platform?: string;
  readonly result: "success" | "failure";
  /** Actions and commands that it ran. */
  readonly steps: readonly string[];
  readonly log: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
}

export interface Annotation {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly file?: string;
  readonly line?: string;
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

/** Runs what this commit's `.github/workflows/release.yml` says of an event. */
export async function runWorkflow(options: WorkflowOptions): Promise<WorkflowRun> {
  const machine = await mkdtemp(join(tmpdir(), "runner-"));
  onTestFinished(() => rm(machine, { recursive: true, force: true }));
  const { repository, event, sha, secrets = {}, attempt = 1, platform } = options;
  const workflows = join(machine, "workflows");
  await execa("git", ["clone", "-q", "--no-checkout", repository.folder, workflows]);
  await execa("git", ["fetch", "-q", "origin", sha], { cwd: workflows });
  await execa("git", ["checkout", "-q", sha], { cwd: workflows });
  const ran = await execa(
    await testTool("act"),
    [
      EVENT_NAMES[event],
      "--json",
      ...["--workflows", ".github/workflows/release.yml"],
      ...["--eventpath", await writeEvent(machine, event, { repository, sha })],
      ...["--actor", event === "fork" ? "stranger" : "ada"],
      ...["--action-cache-path", join(machine, "jobs")],
      ...[
        "--use-new-action-cache",
        "--action-offline-mode",
        "--no-cache-server",
        "--no-skip-checkout",
        "--rm",
      ],
      ...RUNNERS.flatMap((label) => ["--platform", `${label}=-self-hosted`]),
      ...(await repositories(machine)).flatMap((each) => ["--local-repository", each]),
      ...Object.entries(secrets).flatMap(([name, value]) => ["--secret", `${name}=${value}`]),
      ...(platform === undefined ? [] : ["--matrix", `platform:${platform}`]),
      ...["--env", "GITHUB_REPOSITORY=team/app", "--env", `SHA_REF=${sha}`],
      ...["--env", `GITHUB_RUN_ATTEMPT=${attempt}`],
    ],
    { cwd: workflows, env: await environment(machine, options), extendEnv: false, all: true, reject: false },
  );
  return { exitCode: ran.exitCode ?? -1, jobs: readJobs(ran.all), output: ran.all };
}

async function writeEvent(
  machine: string,
  event: GithubEvent,
  { repository, sha }: Pick<WorkflowOptions, "repository" | "sha">,
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

/** This checkout's action and workflows as they are released, and the stand-ins, as `owner/name@ref=folder`. */
async function repositories(machine: string): Promise<readonly string[]> {
  const own = join(machine, "buildx-plan");
  for (const path of ["action.yml", "action/index.cjs", ".github"])
    await cp(join(ROOT, path), join(own, path), { recursive: true });
  const source = join(ROOT, "test", "support", "actions");
  const files = await readdir(source);
  const others = Object.entries(STAND_INS).map(async ([ref, name]) => {
    const folder = join(machine, name);
    await mkdir(folder, { recursive: true });
    for (const file of files) await copyFile(join(source, file), join(folder, file));
    await copyFile(join(source, `${name}.yml`), join(folder, "action.yml"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    return `${ref}=${folder}`;
  });
  return [`buildx-plan/buildx-plan@v1=${own}`, ...(await Promise.all(others))];
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

/** A line of `act --json`, as far as it is read. */
interface Line {
  readonly job?: string;
  readonly jobID?: string;
  readonly matrix?: { readonly platform?: string };
  readonly msg?: string;
  readonly raw_output?: boolean;
  readonly command?: string;
  readonly content?: string;
  readonly arg?: string;
  readonly kvPairs?: { readonly file?: string; readonly line?: string } | null;
  readonly jobResult?: "success" | "failure" | "skipped";
  readonly stage?: string;
  readonly step?: string;
  readonly stepResult?: string;
}

function readJobs(output: string): readonly Job[] {
  const lines = output.split("\n").flatMap((line): readonly Line[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
  const byJob = Map.groupBy(lines, ({ job }) => job?.trim() ?? "");
  return [...byJob.values()].flatMap((own) => {
    const [first] = own;
    const result = own.find(({ jobResult }) => jobResult !== undefined)?.jobResult;
    if (first?.jobID === undefined || (result !== "success" && result !== "failure")) return [];
    return [jobOf(first.jobID, result, own)];
  });
}

function jobOf(id: string, result: Job["result"], lines: readonly Line[]): Job {
  const platform = lines.find(({ matrix }) => matrix?.platform !== undefined)?.matrix?.platform;
  return {
    id,
    ...(platform !== undefined && { platform }),
    result,
    steps: lines.flatMap(({ stage, step, stepResult }) =>
      stage === "Main" && stepResult !== undefined && stepResult !== "skipped" ? [step ?? ""] : [],
    ),
    log: lines.map(({ raw_output: isRaw, msg = "" }) => (isRaw === true ? msg : "")).join(""),
    summary: lines.map(({ command, content = "" }) => (command === "summary" ? content : "")).join("\n"),
    annotations: lines.flatMap(({ command, arg = "", kvPairs }) =>
      command === "error" || command === "warning"
        ? [
            {
              severity: command,
              message: arg,
              ...(kvPairs?.file && { file: kvPairs.file }),
              ...(kvPairs?.line && { line: kvPairs.line }),
            },
          ]
        : [],
    ),
  };
}
