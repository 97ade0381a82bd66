import { randomUUID } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { show } from "./contest.ts";
import { duel, run, time, type Sample } from "./measure.ts";
import type { Row } from "./table.ts";

/** What the two contenders share. */
export interface BuildBench {
  readonly bin: string;
  readonly root: string;
  readonly buildctl: string;
  readonly buildx: string;
  /** How people call it, `docker buildx`; the program alone where there is no docker CLI. */
  readonly buildxCommand: readonly [string, ...string[]];
  /** A folder with a `cli-plugins` that holds this buildx. */
  readonly dockerConfig: string;
  /** A folder for what else the peers keep. */
  readonly scratch: string;
  readonly daemon: string;
  /** The counting proxy in front of the registry: its host and port, latency in ms per request, requests so far. */
  readonly proxy: { readonly host: string; setLatency(ms: number): void; readonly requests: () => number };
}

/** The demo's six. */
export const PLATFORMS = "linux/amd64,linux/arm64,linux/arm/v7,linux/386,linux/ppc64le,linux/s390x";

/** The limits: at 0 ms and at 50 ms per request, cold and fully cached. */
const CASES = [
  { latency: 0, cold: true, limit: 1, rounds: 5 },
  { latency: 0, cold: false, limit: 1.1, rounds: 7 },
  { latency: 50, cold: true, limit: 0.65, rounds: 5 },
  { latency: 50, cold: false, limit: 0.45, rounds: 7 },
] as const;

/** The demo's context in a folder of its own, and the environment in which buildx knows this BuildKit as `bench`. */
export interface Project {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The demo's six platforms, start of the process to tags moved, against one `docker buildx build --push` on the same BuildKit. */
export async function benchBuild(bench: BuildBench): Promise<Row[]> {
  return await withBuildx(bench, async (project) => {
    const rows: Row[] = [];
    for (const each of CASES) rows.push(await oneCase(bench, project, each));
    return rows;
  });
}

/** Makes the project, and removes it in the end. */
export async function withBuildx(
  bench: BuildBench,
  use: (project: Project) => Promise<Row[]>,
): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "bench-build-"));
  const env = { BUILDX_CONFIG: join(directory, "buildx"), DOCKER_CONFIG: bench.dockerConfig };
  try {
    await cp(join(bench.root, "fixtures/demo"), join(directory, "context"), { recursive: true });
    await cp(join(bench.root, ".demo/busybox"), join(directory, "busybox"), { recursive: true });
    await run({ argv: [bench.buildx, "create", "--name", "bench", "--driver", "remote", bench.daemon], env });
    return await use({ directory, env });
  } finally {
    bench.proxy.setLatency(0);
    await rm(directory, { recursive: true, force: true });
  }
}

async function oneCase(
  bench: BuildBench,
  project: Project,
  { latency, cold, limit, rounds }: (typeof CASES)[number],
): Promise<Row> {
  bench.proxy.setLatency(latency);
  const contenders = { ours: planCommand(bench, project), theirs: buildxCommand(bench, project) };
  const names = { ours: `ours-${randomUUID()}`, theirs: `theirs-${randomUUID()}` };
  const sample = async (who: "ours" | "theirs"): Promise<Sample> => {
    const repository = cold ? `${who}-${randomUUID()}` : names[who];
    if (cold) await makeCold(bench, project);
    const before = bench.proxy.requests();
    const seconds = await time({
      argv: await contenders[who](repository),
      env: project.env,
      cwd: project.directory,
    });
    return { seconds, requests: bench.proxy.requests() - before };
  };
  if (!cold) for (const who of ["ours", "theirs"] as const) await sample(who);
  const { ours, theirs, ratio } = await duel(
    rounds,
    () => sample("ours"),
    () => sample("theirs"),
  );
  return {
    what: `six platforms, ${cold ? "cold" : "cached"}, ${latency} ms per request`,
    ours: show(ours),
    against: `\`${bench.buildxCommand.length === 1 ? "buildx" : "docker buildx"} build --push\`: ${show(theirs)}`,
    ratio: ratio.toFixed(2),
    limit: `<= ${limit.toFixed(2)}`,
    holds: ratio <= limit,
  };
}

/** Nothing in BuildKit's cache, and a context with a file that it has never seen. */
export async function makeCold(bench: BuildBench, { directory }: Project): Promise<void> {
  await run({ argv: [bench.buildctl, "--addr", bench.daemon, "prune", "--all"] });
  await writeFile(join(directory, "context", "unseen"), randomUUID());
}

/** Answers the command for a repository. */
export type CommandFor = (repository: string) => Promise<readonly [string, ...string[]]>;

/** Our command; `more` stands in the image of its plan. */
export function planCommand(bench: BuildBench, { directory }: Project, more = ""): CommandFor {
  return async (repository) => {
    const plan = join(directory, "buildx-plan.yaml");
    const platforms = `[${PLATFORMS}]`;
    await writeFile(
      plan,
      `version: 1\nimages:\n  app:\n    context: ./context\n    contexts: { busybox: ./busybox }\n    platforms: ${platforms}\n    tags: ["${bench.proxy.host}/${repository}:latest"]\n${more}`,
    );
    return [
      process.execPath,
      bench.bin,
      "build",
      "-f",
      plan,
      "--builder",
      bench.daemon,
      "--progress",
      "quiet",
    ];
  };
}

/** Theirs. */
export function buildxCommand(bench: BuildBench, { directory }: Project): CommandFor {
  return (repository) =>
    Promise.resolve([
      ...bench.buildxCommand,
      "build",
      "--builder=bench",
      `--platform=${PLATFORMS}`,
      `--build-context=busybox=${join(directory, "busybox")}`,
      `--tag=${bench.proxy.host}/${repository}:latest`,
      "--push",
      "--progress=quiet",
      join(directory, "context"),
    ]);
}
