import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** What one run of a command took. */
export interface Sample {
  readonly seconds: number;
  /** Requests that passed the proxy meanwhile, where one counts. */
  readonly requests?: number;
}

/** A command to be timed. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a command to its end and answers the wall time; a command that fails ends the bench. */
export async function time(command: Command): Promise<number> {
  const startedMs = performance.now();
  await run(command);
  return (performance.now() - startedMs) / 1000;
}

/** Runs a command and answers its standard output. */
export function run({ argv: [tool, ...argv], env, cwd, stdin }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, argv, {
      env: { ...process.env, ...env },
      cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.end(stdin);
    const chunks: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(Buffer.concat(chunks).toString());
      reject(new Error(`${tool} ${argv.join(" ")} ended with ${code}:\n${Buffer.concat(errors).toString()}`));
    });
  });
}

/** The middle value; of an even number of them the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** Medians of two contenders that take turns, so that whatever else the machine does hits both. */
export async function duel(
  rounds: number,
  ours: () => Promise<Sample>,
  theirs: () => Promise<Sample>,
): Promise<{ readonly ours: Sample; readonly theirs: Sample; readonly ratio: number }> {
  const [first, second] = await race(rounds, [ours, theirs]);
  if (first === undefined || second === undefined) throw new Error("a duel has two sides");
  return { ours: first, theirs: second, ratio: first.seconds / second.seconds };
}

/** Medians of contenders that take turns, in their order. Who comes first changes from round to round. */
export async function race(
  rounds: number,
  contenders: readonly (() => Promise<Sample>)[],
): Promise<readonly Sample[]> {
  const samples = contenders.map(() => new Array<Sample>());
  for (let round = 0; round < rounds; round += 1)
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const who = (round + turn) % contenders.length;
      const sample = await contenders[who]?.();
      if (sample !== undefined) samples[who]?.push(sample);
    }
  return samples.map(middleOf);
}

function middleOf(samples: readonly Sample[]): Sample {
  const requests = samples.flatMap((sample) => (sample.requests === undefined ? [] : [sample.requests]));
  return {
    seconds: median(samples.map(({ seconds }) => seconds)),
    ...(requests.length === 0 ? {} : { requests: Math.round(median(requests)) }),
  };
}

/**
 * The most memory that a command had at once, in MB, as the kernel counts it for that process alone. It is looked at until the
 * command ends, so the last few milliseconds are missing.
 */
export async function peakMemory({ argv: [tool, ...argv], env, cwd }: Command): Promise<number> {
  const child = spawn(tool, argv, { env: { ...process.env, ...env }, cwd, stdio: "ignore" });
  let kilobytes = 0;
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      kilobytes = Math.max(kilobytes, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 10);
  const [code] = await once(child, "close");
  clearInterval(timer);
  if (code !== 0) throw new Error(`${tool} ${argv.join(" ")} ended with ${String(code)}`);
  return kilobytes / 1000;
}
