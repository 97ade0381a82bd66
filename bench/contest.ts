import { race, time, type Command, type Sample } from "./measure.ts";
import type { Row } from "./table.ts";

/** Somebody who does the task: us, or a peer. */
export interface Contender {
  readonly name: string;
  /** The commands of one turn, one after the other; asked anew for each turn, so that each can have a destination of its own. */
  readonly commands: () => readonly Command[];
}

/** One task, done by us and by the peers in turn. */
export interface Contest {
  readonly what: string;
  readonly rounds: number;
  readonly ours: Contender["commands"];
  readonly peers: readonly Contender[];
  /** Requests so far, where they are counted. */
  readonly requests?: () => number;
  /** Bytes that each turn moves: the table shows the speed, too. */
  readonly bytes?: number;
  readonly limit: Limit;
}

/** What has to hold; the ratio is our time by the fastest peer's. */
export interface Limit {
  readonly requests?: number;
  readonly seconds?: number;
  readonly ratio?: number;
}

/** Lets everybody take turns and compares us with the fastest peer. */
export async function hold(contest: Contest): Promise<Row> {
  const { what, rounds, ours, peers, requests, bytes, limit } = contest;
  const turn = (commands: Contender["commands"]) => async (): Promise<Sample> => {
    const before = requests?.();
    let seconds = 0;
    for (const command of commands()) seconds += await time(command);
    return { seconds, ...(before === undefined ? {} : { requests: (requests?.() ?? 0) - before }) };
  };
  const [own, ...others] = await race(rounds, [turn(ours), ...peers.map(({ commands }) => turn(commands))]);
  if (own === undefined) throw new Error(`nobody did ${what}`);
  const results = others
    .map((sample, position) => ({ name: peers[position]?.name ?? "", sample }))
    .toSorted((a, b) => a.sample.seconds - b.sample.seconds);
  const ratio = own.seconds / (results[0]?.sample.seconds ?? Number.NaN);
  return {
    what,
    ours: show(own, bytes),
    against: results.map(({ name, sample }) => `${name}: ${show(sample, bytes)}`).join("<br>"),
    ratio: ratio.toFixed(2),
    limit: describe(limit),
    holds:
      (limit.requests === undefined || (own.requests ?? Number.POSITIVE_INFINITY) <= limit.requests) &&
      (limit.seconds === undefined || own.seconds <= limit.seconds) &&
      (limit.ratio === undefined || ratio <= limit.ratio),
  };
}

/** A sample as the table shows it. */
export function show({ seconds, requests }: Sample, bytes?: number): string {
  return [
    `${seconds.toFixed(2)} s`,
    ...(requests === undefined ? [] : [`${requests} requests`]),
    ...(bytes === undefined ? [] : [`${Math.round(bytes / 1e6 / seconds)} MB/s`]),
  ].join(", ");
}

function describe({ requests, seconds, ratio }: Limit): string {
  const parts = [
    ...(requests === undefined ? [] : [`<= ${requests} requests`]),
    ...(seconds === undefined ? [] : [`<= ${seconds.toFixed(2)} s`]),
    ...(ratio === undefined ? [] : [`<= ${ratio.toFixed(2)}`]),
  ];
  return parts.length === 0 ? "-" : parts.join(", ");
}
