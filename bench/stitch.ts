import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { show, type BuildBench } from "./build.ts";
import { duel, run, time, type Sample } from "./measure.ts";
import type { Row } from "./table.ts";

const ROUNDS = 9;

/** Six pushed manifests and one tag, against `docker buildx imagetools create`: requests and seconds. */
export async function benchStitch(bench: BuildBench): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "bench-stitch-"));
  try {
    const program = join(directory, "stitch.mjs");
    const bundle = await rolldown({ input: join(bench.root, "bench/stitch-program.ts"), platform: "node" });
    await bundle.write({ file: program, format: "esm", codeSplitting: false });
    const repository = `${bench.proxy.host}/stitch-${randomUUID()}`;
    const children = await pushSix(bench, repository);
    const rows: Row[] = [];
    for (const latency of [0, 50])
      rows.push(await oneCase({ bench, program, repository, children }, latency));
    return rows;
  } finally {
    bench.proxy.setLatency(0);
    await rm(directory, { recursive: true, force: true });
  }
}

interface Child {
  readonly platform: string;
  readonly digest: string;
}

/** Without provenance, so that each child is a plain manifest, as in the published figures of the peers. */
async function pushSix(bench: BuildBench, repository: string): Promise<Child[]> {
  const plan = `version: 1
images:
  app:
    context: ./fixtures/demo
    contexts: { busybox: ./.demo/busybox }
    attest: { provenance: false }
    platforms: [linux/amd64, linux/arm64, linux/arm/v7, linux/386, linux/ppc64le, linux/s390x]
    tags: ["${repository}:pushed"]
`;
  const argv = [bench.bin, "build", "-f", "-", "--builder", bench.daemon, "--progress", "quiet", "--json"];
  const report = await run({ argv: [process.execPath, ...argv], cwd: bench.root, stdin: plan });
  const { variants }: { variants: Child[] } = JSON.parse(report);
  return variants;
}

async function oneCase(
  prepared: {
    readonly bench: BuildBench;
    readonly program: string;
    readonly repository: string;
    readonly children: readonly Child[];
  },
  latency: number,
): Promise<Row> {
  const { bench, program, repository, children } = prepared;
  bench.proxy.setLatency(latency);
  const sample = async (argv: readonly [string, ...string[]]): Promise<Sample> => {
    const before = bench.proxy.requests();
    const seconds = await time({ argv, env: { DOCKER_CONFIG: bench.dockerConfig } });
    return { seconds, requests: bench.proxy.requests() - before };
  };
  const ours = children.map(({ platform, digest }) => `${platform}=${digest}`);
  const theirs = children.map(({ digest }) => `${repository}@${digest}`);
  const tag = (): string => `${repository}:t-${randomUUID()}`;
  const result = await duel(
    ROUNDS,
    () => sample([process.execPath, program, tag(), ...ours]),
    () => sample([...bench.buildxCommand, "imagetools", "create", "--tag", tag(), ...theirs]),
  );
  return {
    what: `stitch six, one tag, ${latency} ms per request`,
    ours: show(result.ours),
    against: `\`docker buildx imagetools create\`: ${show(result.theirs)}`,
    ratio: result.ratio.toFixed(2),
    limit: "-",
    holds: (result.ours.requests ?? 0) < (result.theirs.requests ?? 0),
  };
}
