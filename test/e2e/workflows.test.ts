import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { parse, stringify } from "yaml";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { openRepository, type GithubRepository } from "../support/github-repository.ts";
import { runWorkflow, type Job, type WorkflowRun } from "../support/github-runner.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, ROOT } from "../support/rig.ts";

// The README's lines for GitHub, and the workflows that `init` writes, run by act: what GitHub would do of each event. The registry wants a
// login, which the job's token is here.

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const TOKEN = { GITHUB_TOKEN: "test-password" };

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ htpasswd: HTPASSWD });
  return () => registry.close();
});

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;
const ARCHITECTURES = ["amd64", "arm64", "s390x"];

function plan(name: string): string {
  return `version: 1
runners: { linux/amd64: ubuntu-24.04, linux/arm64: ubuntu-24.04-arm, "*": ubuntu-latest }
images:
  app:
    contexts: { busybox: ./busybox }
    source-date-epoch: commit
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [linux/amd64, linux/arm64, linux/s390x]
    tags:
      - image: ${registry.host}/${name}
        from: ["semver:{{version}}", "semver:{{major}}.{{minor}}", branch, pr, sha]
`;
}

/** The README's lines, with the registry of the tests in place of ghcr.io, and a job that uses what they hand over. */
async function callerOf(file = "fan-out.yml"): Promise<string> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, lines = ""] = /```yaml\n(on: .*# \.github\/workflows\/release\.yml\n[^`]*)```/.exec(readme) ?? [];
  const workflow = parse(lines);
  const { uses, ...release } = workflow.jobs.release;
  return stringify({
    ...workflow,
    jobs: {
      release: { uses: uses.replace("fan-out.yml", file), ...release, with: { registry: registry.host } },
      deploy: {
        needs: "release",
        "runs-on": "ubuntu-latest",
        steps: [
          {
            run: 'echo "DIGEST=$DIGEST"; echo "TAGS=$TAGS"; echo "JSON=$JSON"',
            env: Object.fromEntries(
              ["digest", "tags", "json"].map((name) => [
                name.toUpperCase(),
                `\${{ needs.release.outputs.${name} }}`,
              ]),
            ),
          },
        ],
      },
    },
  });
}

interface Project {
  readonly repository: GithubRepository;
  /** Path in the registry. */
  readonly name: string;
  /** Tags that are there, without those of staging. */
  readonly tags: () => Promise<readonly string[]>;
  readonly digest: (tag: string) => Promise<string | undefined>;
}

async function openProject(name: string): Promise<Project> {
  const repository = await openRepository(ARCHITECTURES);
  const auditor = openAuditor(registry.host);
  return { repository, name, tags: async () => [], digest: (tag) => auditor.digestOf(name, tag) };
}

async function files(name: string): Promise<Readonly<Record<string, string>>> {
  return {
    Dockerfile: DOCKERFILE,
    ".dockerignore": "*",
    "buildx-plan.yaml": plan(name),
    ".github/workflows/release.yml": await callerOf(),
  };
}

test("a push to main", async () => {
  const { repository } = await openProject("github/push");
  const sha = await repository.commit(await files("github/push"));
  const ran = await runWorkflow({ repository, event: "push", sha, secrets: TOKEN });
  for (const job of ran.jobs)
    console.log(job.id, job.platform, job.result, job.steps, job.log, job.summary, job.annotations);
  if (ran.exitCode !== 0) console.log(ran.output.slice(-6000));
  expect(ran.exitCode).toBe(0);
});
