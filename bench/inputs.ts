import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { median, run, time, type Command } from "./measure.ts";
import type { Row } from "./table.ts";

const FILES = 10_000;
const BYTES = 500_000_000;
const ROUNDS = 5;
const ONCE = fileURLToPath(new URL("inputs-once.ts", import.meta.url));

/** Hashing a context of 10,000 files and 500 MB against `sha256sum` of the same files, then again with their hashes remembered. */
export async function benchInputs(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "bench-inputs-"));
  try {
    const project = join(folder, "project");
    await writeProject(project);
    // Younger files are not remembered.
    await setTimeout(2100);
    await time(sha256sum(project));
    const theirs: number[] = [];
    const first: number[] = [];
    const second: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const memory = join(folder, `memory-${round}`);
      theirs.push(await time(sha256sum(project)));
      first.push(await digest(project, memory));
      second.push(await digest(project, memory));
    }
    return rows({ theirs: median(theirs), first: median(first), second: median(second) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function rows({ theirs, first, second }: Readonly<Record<"theirs" | "first" | "second", number>>): Row[] {
  return [
    {
      what: "digest a context of 10,000 files, 500 MB",
      ours: `${first.toFixed(2)} s`,
      against: `\`sha256sum\`: ${theirs.toFixed(2)} s`,
      ratio: (first / theirs).toFixed(2),
      limit: "<= 2.00",
      holds: first / theirs <= 2,
    },
    {
      what: "the same again, unchanged",
      ours: `${Math.round(second * 1000)} ms`,
      against: `the first time: ${first.toFixed(2)} s`,
      ratio: `${(first / second).toFixed(1)} x the speed`,
      limit: ">= 10 x",
      holds: first / second >= 10,
    },
  ];
}

/** Sizes from nothing to twice the mean, in 700 folders; no two files are alike. */
async function writeProject(project: string): Promise<void> {
  const bytes = randomBytes((2 * BYTES) / FILES);
  await mkdir(project, { recursive: true });
  await writeFile(join(project, "Dockerfile"), "FROM scratch\nCOPY . /\n");
  for (let index = 0; index < FILES - 1; index += 1) {
    const folder = join(project, `d${index % 100}`, `e${index % 7}`);
    await mkdir(folder, { recursive: true });
    const size = Math.round((index / FILES) * bytes.length);
    await writeFile(
      join(folder, `f${index}`),
      Buffer.concat([Buffer.from(`${index}`), bytes.subarray(0, size)]),
    );
  }
}

function sha256sum(project: string): Command {
  return { argv: ["find", project, "-type", "f", "-exec", "sha256sum", "{}", "+"] };
}

async function digest(project: string, memory: string): Promise<number> {
  return Number(await run({ argv: [process.execPath, ONCE, project, memory] }));
}
