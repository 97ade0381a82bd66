import { randomUUID } from "node:crypto";
import {
  buildxCommand,
  makeCold,
  planCommand,
  PLATFORMS,
  withBuildx,
  type BuildBench,
  type Project,
} from "./build.ts";
import { show } from "./contest.ts";
import { duel, run, time, type Sample } from "./measure.ts";
import type { Row } from "./table.ts";

/** What is not built: a release in which nothing has changed, and what an earlier run has finished. */
export async function benchHandOver(bench: BuildBench): Promise<Row[]> {
  return await withBuildx(bench, async (project) => [
    await unchanged(bench, project, { latency: 0, rounds: 7 }),
    await unchanged(bench, project, { latency: 50, rounds: 7 }),
    await resumed(bench, project),
  ]);
}

/** `reuse: unchanged` against a build in which everything comes from the cache: buildx pushes seven new manifests all the same. */
async function unchanged(
  bench: BuildBench,
  project: Project,
  { latency, rounds }: { readonly latency: number; readonly rounds: number },
): Promise<Row> {
  bench.proxy.setLatency(latency);
  const names = { ours: `same-${randomUUID()}`, theirs: `same-${randomUUID()}` };
  const ours = await planCommand(bench, project, "    reuse: unchanged\n")(names.ours);
  const theirs = await buildxCommand(bench, project)(names.theirs);
  const sample = async (argv: readonly [string, ...string[]]): Promise<Sample> => {
    const before = bench.proxy.requests();
    const seconds = await time({ argv, env: project.env, cwd: project.directory });
    return { seconds, requests: bench.proxy.requests() - before };
  };
  await sample(ours);
  await sample(theirs);
  const result = await duel(
    rounds,
    () => sample(ours),
    () => sample(theirs),
  );
  const faster = 1 / result.ratio;
  return {
    what: `release with nothing changed, ${latency} ms per request`,
    ours: show(result.ours),
    against: `\`docker buildx build --push\`, all cached: ${show(result.theirs)}`,
    ratio: `${faster.toFixed(1)} x faster`,
    limit: ">= 5 x",
    holds: faster >= 5,
  };
}

/** The last of six variants has failed, and BuildKit's cache is gone: only that one is built, where buildx builds all six. */
async function resumed(bench: BuildBench, project: Project): Promise<Row> {
  bench.proxy.setLatency(0);
  const ours = async (): Promise<Sample> => {
    const name = `resume-${randomUUID()}`;
    await makeCold(bench, project);
    const [last = "", ...others] = PLATFORMS.split(",").toReversed();
    const command = await planCommand(bench, project)(name);
    await run({ argv: [...command, ...others.flatMap((each) => ["--only", each])], env: project.env });
    await prune(bench);
    const seconds = await time({ argv: command, env: project.env, cwd: project.directory });
    if (last === "") throw new Error("there is no last platform");
    return { seconds };
  };
  const theirs = async (): Promise<Sample> => {
    await makeCold(bench, project);
    await prune(bench);
    const argv = await buildxCommand(bench, project)(`resume-${randomUUID()}`);
    return { seconds: await time({ argv, env: project.env, cwd: project.directory }) };
  };
  const { ours: own, theirs: peer, ratio } = await duel(3, ours, theirs);
  return {
    what: "resume when the last of six had failed, empty cache, 0 ms per request",
    ours: show(own),
    against: `\`docker buildx build --push\` again: ${show(peer)}`,
    ratio: ratio.toFixed(2),
    limit: "-",
    holds: true,
  };
}

async function prune({ buildctl, daemon }: BuildBench): Promise<void> {
  await run({ argv: [buildctl, "--addr", daemon, "prune", "--all"] });
}
