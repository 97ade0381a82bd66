import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executablesFolder } from "../test/support/executables.ts";
import { duel, run, time, type Command } from "./measure.ts";
import type { Row } from "./table.ts";

const ROUNDS = 15;

/** Start-up against a Node that does nothing, a single executable against the npm package, and a plan of a thousand variants against fixed limits. */
export async function benchStartup(bin: string, builder: string): Promise<Row[]> {
  const node = process.execPath;
  const bare: Command = { argv: [node, "-e", "0"] };
  const file = join(
    await executablesFolder(),
    `buildx-plan-linux-${process.arch === "arm64" ? "arm64" : "amd64"}`,
  );
  const plan: Command = { argv: [node, bin, "plan", "--builder", builder] };
  const executable: Command = { argv: [file, "plan", "--builder", builder] };
  return [
    await against("`--version`", { argv: [node, bin, "--version"] }, { does: "`node -e 0`", ...bare }, 1.6),
    await against("`plan` of the root file", plan, { does: "`node -e 0`", ...bare }, 3),
    await against("the same by a single executable", executable, { does: "the npm package", ...plan }, 1.2),
    ...(await thousandVariants(node, bin, builder)),
  ];
}

interface Yardstick extends Command {
  readonly does: string;
}

async function against(what: string, ours: Command, yardstick: Yardstick, limit: number): Promise<Row> {
  const result = await duel(
    ROUNDS,
    async () => ({ seconds: await time(ours) }),
    async () => ({ seconds: await time(yardstick) }),
  );
  return {
    what,
    ours: `${milliseconds(result.ours.seconds)} ms`,
    against: `${yardstick.does}: ${milliseconds(result.theirs.seconds)} ms`,
    ratio: result.ratio.toFixed(2),
    limit: `<= ${limit}`,
    holds: result.ratio <= limit,
  };
}

async function thousandVariants(node: string, bin: string, builder: string): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "bench-plan-"));
  try {
    await writeFile(join(directory, "Dockerfile"), "FROM scratch\n");
    await writeFile(join(directory, "buildx-plan.yaml"), largePlan());
    const memory = join(directory, "memory");
    // Not maxRSS of getrusage: a process begins with that of whoever has started it, and the bench itself is larger.
    const hook = `data:text/javascript,import{readFileSync,writeFileSync}from"node:fs";process.on("exit",()=>writeFileSync(${JSON.stringify(memory)},readFileSync("/proc/self/status")))`;
    const command: Command = { argv: [node, bin, "plan", "--builder", builder], cwd: directory };
    const seconds =
      [await time(command), await time(command), await time(command)].toSorted((a, b) => a - b)[1] ?? 0;
    await run({ ...command, argv: [node, "--import", hook, ...command.argv.slice(1)] });
    const [, kibibytes = Number.NaN] = /^VmHWM:\s*(\d+) kB$/m.exec(await readFile(memory, "utf8")) ?? [];
    const megabytes = (Number(kibibytes) * 1024) / 1e6;
    return [
      limitRow("`plan` of 1,000 variants, time", `${seconds.toFixed(2)} s`, seconds, 1, "s"),
      limitRow("`plan` of 1,000 variants, memory", `${Math.round(megabytes)} MB`, megabytes, 200, "MB"),
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function limitRow(what: string, ours: string, value: number, limit: number, unit: string): Row {
  return { what, ours, against: "-", ratio: "-", limit: `<= ${limit} ${unit}`, holds: value <= limit };
}

/** 50 images x 5 matrix cells x 4 platforms. */
function largePlan(): string {
  const images = Array.from(
    { length: 50 },
    (_, number) => `  app${number}:
    matrix: { node: ["18", "20", "22", "24", "26"] }
    args: { NODE_VERSION: "\${matrix.node}" }
    platforms: [linux/amd64, linux/arm64, linux/arm/v7, linux/s390x]
    tags: ["registry.example/team/app${number}:1-node\${matrix.node}"]
`,
  );
  return `version: 1\nimages:\n${images.join("")}`;
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}
