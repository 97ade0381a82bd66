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
  readonly queue?: string;
}
interface Job {
  readonly permissions?: Permissions;
  readonly concurrency?: Concurrency;
  readonly if?: string;
  readonly steps: readonly unknown[];
}
interface Workflow {
  readonly permissions?: Permissions;
  readonly concurrency?: Concurrency;
  readonly jobs: Readonly<Record<string, Job>>;
}

async function workflow(file: string): Promise<Workflow> {
  return parse(await readFile(join(ROOT, ".github", "workflows", file), "utf8"));
}

/**
 * Jobs that ask for more than the caller grants, whether they would run or not. What asks for nothing gets all that the caller has.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
 */
function refused(called: Workflow, granted: Permissions): readonly string[] {
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
    expect(JSON.stringify(limited)).not.toContain("password");
  });

  test("cancels no release, and lets all that wait go on", async () => {
    const { concurrency, jobs } = await workflow(file);
    const all = [concurrency, ...Object.values(jobs).map((job) => job.concurrency)];
    const groups = all.filter((each) => each !== undefined);
    expect(groups.map(({ queue }) => queue ?? "max")).toEqual(groups.map(() => "max"));
    // GitHub refuses both together.
    const queued = groups.filter(({ queue }) => queue !== undefined);
    expect(queued.map((each) => each["cancel-in-progress"])).toEqual(queued.map(() => false));
    const cancelled = Object.values(jobs).filter((job) => job.concurrency?.["cancel-in-progress"] === true);
    expect(cancelled.map((job) => job.if)).toEqual(["github.event_name == 'pull_request'"]);
  });
});

test("a job that asks for more is refused, even one that is skipped", async () => {
  const asking = { steps: [], if: "false", permissions: { packages: "write" } };
  expect(refused({ jobs: { asking } }, { contents: "read", packages: "read" })).toEqual(["asking"]);
});
