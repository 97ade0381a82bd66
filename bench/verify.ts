import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuildBench } from "./build.ts";
import { writeFilledLayout, type Packer } from "./filled-layout.ts";
import { median, peakMemory, run, time, type Command } from "./measure.ts";
import { crane } from "./peers.ts";
import type { Row } from "./table.ts";

const SIX = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x"];
const ROUNDS = 3;

/** Looking into six platforms of 200 MB each, against decompressing the very same layers on all cores; then again, with the layers known. */
export async function benchVerify(bench: BuildBench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const packer of ["gzip", "zstd"] as const) rows.push(...(await benchPacked(bench, packer)));
  return rows;
}

async function benchPacked(bench: BuildBench, packer: Packer): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "bench-verify-"));
  try {
    const layers = await writeFilledLayout(join(folder, "layout"), SIX, packer);
    const reference = `${bench.proxy.host}/verify/${packer}:latest`;
    await run(crane("push", join(folder, "layout"), reference));
    let turn = 0;
    const verify = (cache: string): Command => ({
      argv: [bench.bin, "verify", reference, "--json"],
      env: { XDG_CACHE_HOME: join(folder, cache) },
    });
    const first = (): Command => verify(`cache-${(turn += 1)}`);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await time(unpack(packer, layers)));
      ours.push(await time(first()));
    }
    const ratio = median(theirs) / median(ours);
    const memory = await peakMemory(first());
    return [
      {
        what: `look into 6 x 200 MB, ${packer}`,
        ours: `${median(ours).toFixed(2)} s`,
        against: `\`${packer} -dc\` of the layers, two at once: ${median(theirs).toFixed(2)} s`,
        ratio: `${ratio.toFixed(2)} x the speed`,
        limit: ">= 0.80 x",
        holds: ratio >= 0.8,
      },
      {
        what: `memory of that, ${packer}`,
        ours: `${Math.round(memory)} MB`,
        against: "-",
        ratio: "-",
        limit: "<= 150 MB",
        holds: memory <= 150,
      },
      await again(bench, verify(`cache-${turn}`), packer),
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function again(bench: BuildBench, command: Command, packer: Packer): Promise<Row> {
  const before = bench.proxy.requests();
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) seconds.push(await time(command));
  const requests = (bench.proxy.requests() - before) / ROUNDS;
  return {
    what: `the same again, ${packer}`,
    ours: `${median(seconds).toFixed(2)} s, ${requests} requests`,
    against: "-",
    ratio: "-",
    limit: "< 1 s, < 10 requests",
    holds: median(seconds) < 1 && requests < 10,
  };
}

function unpack(packer: Packer, layers: readonly string[]): Command {
  return {
    argv: [
      "xargs",
      "--max-procs=2",
      "--max-args=1",
      "--null",
      "sh",
      "-c",
      `exec ${packer} -dc < "$0" > /dev/null`,
    ],
    stdin: layers.map((layer) => `${layer}\0`).join(""),
  };
}

/** The preflight of this project's own plan, with a registry that is warm. */
export async function benchCheck(bench: BuildBench): Promise<Row[]> {
  const command: Command = {
    argv: [bench.bin, "check", "--builder", bench.daemon, "--set", `registry=${bench.proxy.host}/check`],
    cwd: bench.root,
  };
  await run(command);
  const seconds: number[] = [];
  for (let round = 0; round < 5; round += 1) seconds.push(await time(command));
  return [
    {
      what: "`check` of the root plan",
      ours: `${median(seconds).toFixed(2)} s`,
      against: "-",
      ratio: "-",
      limit: "<= 2 s",
      holds: median(seconds) <= 2,
    },
  ];
}
