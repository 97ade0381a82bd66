import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { openAuditor, type Auditor } from "./fault-matrix-audit.ts";
import type { Job } from "./github-jobs.ts";
import { openRepository, type GithubRepository } from "./github-repository.ts";
import type { WorkflowRun } from "./github-runner.ts";
import { OCI } from "./images.ts";
import { publicTags } from "./public-tags.ts";
import { startRealRegistry } from "./real-registry.ts";
import { ROOT, type Rig } from "./rig.ts";

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const LOGIN = Buffer.from("ada:test-password").toString("base64");

/** The job's token is the password of who has started the run, as it is for ghcr.io. */
export const SECRETS = { GITHUB_TOKEN: "test-password" };
export const PLATFORMS = ["linux/amd64", "linux/s390x"];
/** How the jobs of a release end, by the README's lines. */
export const BUILT = PLATFORMS.map((platform) => `build ${platform}: success`);
export const RELEASED = [...BUILT, "deploy: success", "plan: success", "stitch: success"];

export const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
ARG RUN_ID
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

/** A repository whose plan goes to a path of the registry. */
export interface Project {
  readonly repository: GithubRepository;
  /** That path. */
  readonly name: string;
  /** A commit with these files, besides those of the project, on main or another branch. */
  readonly commit: (files?: Readonly<Record<string, string>>, branch?: string) => Promise<string>;
  /** Tags that people see. */
  readonly tags: () => Promise<readonly string[]>;
}

/** A registry that wants a login, and what is released to it. */
export interface GithubWorld {
  /** host:port of the registry. */
  readonly host: string;
  readonly auditor: Auditor;
  readonly openProject: (name: string) => Promise<Project>;
  /** A plan for this path. Nothing that was built before is the same. */
  readonly plan: (name: string) => string;
  /** See {@link readmeWorkflow}. */
  readonly workflow: (inputs: object, secrets?: object) => Promise<string>;
  /** Annotations of the index that a tag names. */
  readonly annotationsOf: (name: string, tag: string) => Promise<unknown>;
  /** Labels of each platform of a tag, attestations aside. */
  readonly labelsOf: (name: string, tag: string) => Promise<Readonly<Record<string, unknown>>>;
  /** Logs in on a laptop. */
  readonly login: (rig: Rig) => Promise<{ readonly DOCKER_CONFIG: string }>;
  readonly close: () => Promise<void>;
}

export async function openGithubWorld(): Promise<GithubWorld> {
  const registry = await startRealRegistry({ htpasswd: HTPASSWD });
  const { host } = registry;
  const auditor = openAuditor(host, LOGIN);
  const plan = (name: string): string => planFor(host, name);
  const workflow = async (inputs: object, secrets?: object): Promise<string> =>
    await readmeWorkflow({ registry: host, ...inputs }, secrets);
  const readJson = async (path: string) => {
    const headers = { authorization: `Basic ${LOGIN}`, accept: `${OCI.index}, ${OCI.manifest}, */*` };
    const answer = await fetch(`http://${host}/v2/${path}`, { headers });
    if (!answer.ok) throw new Error(`${path} is ${answer.status}`);
    return JSON.parse(await answer.text());
  };
  return {
    host,
    auditor,
    close: () => registry.close(),
    plan,
    workflow,
    openProject: async (name) => {
      const repository = await openRepository(["amd64", "s390x"]);
      const own = {
        Dockerfile: DOCKERFILE,
        ".dockerignore": "*",
        "buildx-plan.yaml": plan(name),
        ".github/workflows/release.yml": await workflow({}),
      };
      return {
        repository,
        name,
        commit: async (files = {}, branch) => await repository.commit({ ...own, ...files }, branch),
        tags: async () => publicTags((await auditor.tags(name)).join("\n")).toSorted(),
      };
    },
    annotationsOf: async (name, tag) => (await readJson(`${name}/manifests/${tag}`)).annotations,
    labelsOf: async (name, tag) => {
      const { manifests } = await readJson(`${name}/manifests/${tag}`);
      const described: readonly Described[] = manifests;
      const images = described.filter(({ platform }) => platform.os !== "unknown");
      const entries = images.map(async ({ digest, platform: { os, architecture } }) => {
        const { config } = await readJson(`${name}/manifests/${digest}`);
        const image = await readJson(`${name}/blobs/${config.digest}`);
        return [`${os}/${architecture}`, image.config.Labels];
      });
      return Object.fromEntries(await Promise.all(entries));
    },
    login: async ({ state }) => {
      const folder = join(state, "docker");
      await mkdir(folder, { recursive: true });
      const config = { auths: { [host]: { auth: LOGIN } } };
      await writeFile(join(folder, "config.json"), JSON.stringify(config));
      return { DOCKER_CONFIG: folder };
    },
  };
}

interface Described {
  readonly digest: string;
  readonly platform: { readonly os: string; readonly architecture: string };
}

function planFor(host: string, name: string): string {
  return `version: 1
vars: { name: { default: ${name} } }
runners: { linux/amd64: ubuntu-24.04, "*": ubuntu-latest }
images:
  app:
    contexts: { busybox: ./busybox }
    args: { RUN_ID: ${randomUUID()} }
    source-date-epoch: commit
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [${PLATFORMS.join(", ")}]
    tags:
      - image: ${host}/\${name}
        from: ["semver:{{version}}", "semver:{{major}}.{{minor}}", branch, pr, sha]
`;
}

/**
 * The README's lines for GitHub, with these inputs and secrets (the registry of the tests is one, in place of ghcr.io), and a job that uses
 * what they hand over.
 */
async function readmeWorkflow(inputs: object, secrets?: object): Promise<string> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, lines = ""] = /```yaml\n(on: .*# \.github\/workflows\/release\.yml\n[^`]*)```/.exec(readme) ?? [];
  const workflow = parse(lines);
  const { release } = workflow.jobs;
  const outputs = ["digest", "tags", "json"];
  const env = outputs.map((name) => [name.toUpperCase(), `\${{ needs.release.outputs.${name} }}`]);
  const deploy = {
    needs: "release",
    "runs-on": "ubuntu-latest",
    steps: [{ run: 'echo "$DIGEST"; echo "$TAGS"; echo "$JSON"', env: Object.fromEntries(env) }],
  };
  const called = { ...release, with: inputs, ...(secrets && { secrets }) };
  return stringify({ ...workflow, jobs: { release: called, deploy } });
}

/** `build linux/arm64: success`, in the order of jobs and platforms. */
export function outcomes({ jobs }: WorkflowRun): readonly string[] {
  return jobs
    .map(({ id, platform, result }) => `${id}${platform ? ` ${platform}` : ""}: ${result}`)
    .toSorted();
}

/** A job of a run. @throws where it did not run */
export function jobOf({ jobs }: WorkflowRun, id: string, platform?: string): Job {
  const found = jobs.find((job) => job.id === id && job.platform === platform);
  if (found === undefined) throw new Error(`no job ${id} ${platform ?? ""} has run`);
  return found;
}
