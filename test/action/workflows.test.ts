import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

// What GitHub refuses before a run begins, and neither actionlint nor act knows of.

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LEVELS = ["none", "read", "write"];

type Permissions = Readonly<Record<string, string>>;
interface Concurrency {
  readonly group: string;
  readonly "cancel-in-progress"?: boolean;
}
interface Job {
  readonly permissions?: Permissions;
  readonly concurrency?: Concurrency;
  readonly if?: string;
  readonly steps: readonly unknown[];
}
interface Workflow {
  readonly on: { readonly workflow_call: Readonly<Record<"inputs" | "secrets" | "outputs", object>> };
  readonly permissions?: Permissions;
  readonly concurrency?: Concurrency;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** What is not merged is no release, whoever runs the workflow and why. */
const IS_TRIED = "startsWith(github.event_name, 'pull_request') || github.event_name == 'merge_group'";
const IS_RELEASED =
  "${{ !startsWith(github.event_name, 'pull_request') && github.event_name != 'merge_group' }}";

async function workflow(file: string): Promise<Workflow> {
  return parse(await readFile(join(ROOT, ".github", "workflows", file), "utf8"));
}

/**
 * Jobs that ask for more than the caller grants, whether they would run or not. What asks for nothing gets all that the caller has.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
 */
function refused(called: Pick<Workflow, "permissions" | "jobs">, granted: Permissions): readonly string[] {
  const exceeds = (asked: Permissions = {}): boolean =>
    Object.entries(asked).some(
      ([name, level]) => LEVELS.indexOf(level) > LEVELS.indexOf(granted[name] ?? "none"),
    );
  const jobs = Object.entries(called.jobs).filter(([, { permissions }]) => exceeds(permissions));
  return [...(exceeds(called.permissions) ? ["workflow"] : []), ...jobs.map(([name]) => name)];
}

describe.each(["fan-out.yml", "release.yml"])("%s", (file) => {
  test.each<Permissions>([
    { contents: "read", packages: "write" },
    { contents: "read", packages: "write", "id-token": "write" },
    { contents: "read" },
  ])("starts where its caller grants %j", async (granted) => {
    expect(refused(await workflow(file), granted)).toEqual([]);
  });

  test("leaves what releases all that the caller grants, and what does not no more than to read", async () => {
    const { permissions, jobs } = await workflow(file);
    expect(permissions).toBeUndefined();
    const limited = Object.entries(jobs).filter(([, job]) => job.permissions !== undefined);
    const open = Object.entries(jobs).filter(([, job]) => job.permissions === undefined);
    for (const [, job] of limited) expect(job.permissions).toEqual({ contents: "read" });
    const logins = open.filter(([, job]) => JSON.stringify(job.steps).includes("docker/login-action@"));
    expect(open).toEqual(logins);
    // `stitch` needs `build`.
    expect(open[0]?.[1].if).toBe(IS_RELEASED);
    expect(JSON.stringify(limited)).not.toContain("password");
  });

  test("cancels what is tried only, never a release", async () => {
    const { concurrency, jobs } = await workflow(file);
    expect(concurrency).toBeUndefined();
    const cancelled = Object.values(jobs).filter((job) => job.concurrency?.["cancel-in-progress"] === true);
    expect(cancelled.map((job) => job.if)).toEqual([IS_TRIED]);
  });
});

test("what the documentation gives the workflows, they take; and what it takes of them, they give", async () => {
  const text = await readFile(join(ROOT, "docs", "ci-recipes.md"), "utf8");
  const blocks = [...text.matchAll(/```yaml\n([^`]*)```/g)].map(([, block = ""]) => block);
  const callers = blocks.filter((block) => block.includes("/.github/workflows/fan-out.yml@v1"));
  expect(callers).toHaveLength(2);
  const { inputs, secrets, outputs } = (await workflow("fan-out.yml")).on.workflow_call;
  for (const block of callers) {
    const { release } = parse(block).jobs;
    expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(release.with ?? {})));
    expect(Object.keys(secrets)).toEqual(expect.arrayContaining(Object.keys(release.secrets ?? {})));
    const used = [...block.matchAll(/needs\.release\.outputs\.(\w+)/g)].map(([, name]) => name);
    expect(Object.keys(outputs)).toEqual(expect.arrayContaining(used));
  }
});

test("a job that asks for more is refused, even one that is skipped", async () => {
  const asking = { steps: [], if: "false", permissions: { packages: "write" } };
  expect(refused({ jobs: { asking } }, { contents: "read", packages: "read" })).toEqual(["asking"]);
});
