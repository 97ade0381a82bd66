import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { makeCold, planCommand, PLATFORMS, withBuildx, type BuildBench, type Project } from "./build.ts";
import { median } from "./measure.ts";
import type { Row } from "./table.ts";

const LATENCY_MS = 50;
const ROUNDS = 5;
/** Seconds of the steps of a job in which nothing is built. */
const LIMITS = { before: 1, after: 1, job: 2 };

const timed = z.object({ kind: z.string(), atMs: z.number() });

/** One job of a pipeline: the action, as a runner starts it, with what its events tell of the time. */
interface Job {
  /** From the start of the process to the first solve. */
  readonly beforeS: number;
  /** From the last image pushed to the end of the process. */
  readonly afterS: number;
  readonly wholeS: number;
}

/**
 * What a pipeline costs beside its builds, with a registry at 50 ms per request: one job that does everything, and the demo over three
 * runners and one that joins. The runners take turns here, since each would have its own machine.
 */
export async function benchPipeline(bench: BuildBench): Promise<Row[]> {
  return await withBuildx(bench, async (project) => {
    bench.proxy.setLatency(LATENCY_MS);
    return [...(await single(bench, project)), ...(await fanOut(bench, project))];
  });
}

async function single(bench: BuildBench, project: Project): Promise<Row[]> {
  const jobs: Job[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await prepare(bench, project);
    jobs.push(await runAction(bench, project, { command: "build" }));
  }
  return [
    row(
      "the action, from its start to the first solve",
      jobs.map(({ beforeS }) => beforeS),
      LIMITS.before,
    ),
    row(
      "the action, from the last image pushed to its end",
      jobs.map(({ afterS }) => afterS),
      LIMITS.after,
    ),
  ];
}

async function fanOut(bench: BuildBench, project: Project): Promise<Row[]> {
  const builds: number[] = [];
  const joins: number[] = [];
  const platforms = PLATFORMS.split(",");
  for (let round = 0; round < ROUNDS; round += 1) {
    await prepare(bench, project);
    for (const at of [0, 2, 4]) {
      const only = platforms.slice(at, at + 2).join(",");
      const { beforeS, afterS } = await runAction(bench, project, { command: "build", only });
      builds.push(beforeS + afterS);
    }
    joins.push((await runAction(bench, project, { command: "stitch" })).wholeS);
  }
  return [
    row("one of three runners, two platforms each: all but its solves", builds, LIMITS.job),
    row("the job that joins the three", joins, LIMITS.job),
  ];
}

/** A repository of its own, and nothing in BuildKit's cache. */
async function prepare(bench: BuildBench, project: Project): Promise<void> {
  await planCommand(bench, project)(`pipeline-${randomUUID()}`);
  await makeCold(bench, project);
}

function row(what: string, seconds: readonly number[], limit: number): Row {
  const middle = median(seconds);
  return {
    what: `${what}, ${LATENCY_MS} ms per request`,
    ours: `${middle.toFixed(2)} s`,
    against: "-",
    ratio: "-",
    limit: `<= ${limit.toFixed(2)} s`,
    holds: middle <= limit,
  };
}

async function runAction(
  bench: BuildBench,
  { directory, env }: Project,
  inputs: Readonly<Record<string, string>>,
): Promise<Job> {
  const home = join(directory, "homes", randomUUID());
  await mkdir(home, { recursive: true });
  for (const name of ["output", "summary"]) await writeFile(join(home, name), "");
  const given = { ...inputs, push: "true", args: "--progress=json" };
  const startedMs = Date.now();
  const told = await finish(
    spawn(process.execPath, [join(bench.root, "action", "index.cjs")], {
      cwd: directory,
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env,
        ...env,
        // BuildKit's client is on a runner already, as with docker/setup-buildx-action: it is not installed here.
        PATH: `${dirname(bench.buildctl)}:${process.env["PATH"] ?? ""}`,
        HOME: home,
        BUILDKIT_HOST: bench.daemon,
        GITHUB_ACTIONS: "true",
        GITHUB_EVENT_NAME: "push",
        GITHUB_OUTPUT: join(home, "output"),
        GITHUB_STEP_SUMMARY: join(home, "summary"),
        RUNNER_TEMP: home,
        ...Object.fromEntries(
          Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
        ),
      },
    }),
  );
  const endedMs = Date.now();
  const at = (kind: string): readonly number[] =>
    told.filter((event) => event.kind === kind).map(({ atMs }) => atMs);
  const pushed = at("variant-pushed");
  return {
    beforeS: (Math.min(...at("variant-started")) - startedMs) / 1000,
    afterS: (endedMs - Math.max(...pushed)) / 1000,
    wholeS: (endedMs - startedMs) / 1000,
  };
}

/** The events that a job has told; one that fails ends the bench. */
async function finish(child: ReturnType<typeof spawn>): Promise<readonly z.infer<typeof timed>[]> {
  const chunks: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const text = Buffer.concat(chunks).toString();
  if (code !== 0) throw new Error(`the action ended with ${String(code)}:\n${text}`);
  return text.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    const read = timed.safeParse(JSON.parse(line));
    return read.success ? [read.data] : [];
  });
}
