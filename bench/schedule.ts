import { fileURLToPath } from "node:url";
import type { Node } from "../core/buildkit/buildkit.ts";
import type { Variant } from "../core/plan/plan.ts";
import { matchesExactly } from "../platforms/compatibility.ts";
import { makespanOf, routeVariants } from "../core/route/route.ts";
import { peakMemory, run, type Command } from "./measure.ts";
import { lowerBounds, type Bounds } from "./schedule-bound.ts";
import { randomFrom, randomInstance, randomSize, type Instance, type Size } from "./schedule-instances.ts";
import type { Row } from "./table.ts";

const INSTANCES = 1000;
/** Every so many instances one is as large as it gets. */
const LARGE_EVERY = 200;
const LARGEST: Size = { images: 1667, platforms: 6, nodes: 49 };

/** What came of one instance: makespans and bounds in milliseconds. */
interface Outcome extends Bounds, Pick<Instance, "areEqual"> {
  readonly ours: number;
  readonly buildx: number;
}

/** The scheduler alone: makespans against what cannot be undercut and against buildx's rule; what planning the largest takes. */
export async function benchSchedule(): Promise<Row[]> {
  const outcomes = Array.from({ length: INSTANCES }, (_, at) => outcomeOf(at + 1));
  const equal = outcomes.filter(({ areEqual }) => areEqual);
  const above = outcomes.filter(({ ours, permitted, slots }) => ours > (2 - 1 / slots) * permitted).length;
  const faster = outcomes.filter(({ ours, buildx }) => ours <= buildx).length;
  return [
    boundRow(`makespan over the lower bound, ${equal.length} random plans on equal nodes`, equal, "anywhere"),
    boundRow(`the same, ${INSTANCES} random plans on nodes of all kinds`, outcomes, "permitted"),
    {
      what: "plans above what list scheduling guarantees",
      ours: String(above),
      against: `not slower than buildx's rule: ${faster} of ${INSTANCES}`,
      ratio: "-",
      limit: "0",
      holds: above === 0,
    },
    ...(await largest()),
  ];
}

/** The ratio is that of the two makespans, on average. */
function boundRow(what: string, outcomes: readonly Outcome[], bound: "anywhere" | "permitted"): Row {
  const over = (who: "ours" | "buildx"): readonly number[] =>
    outcomes.map((outcome) => outcome[who] / outcome[bound]);
  const shown = (ratios: readonly number[]): string =>
    `${mean(ratios).toFixed(3)}, at most ${Math.max(...ratios).toFixed(2)}`;
  return {
    what,
    ours: shown(over("ours")),
    against: `buildx's rule: ${shown(over("buildx"))}`,
    ratio: mean(outcomes.map(({ ours, buildx }) => ours / buildx)).toFixed(2),
    limit: "<= 1.10 on average",
    holds: mean(over("ours")) <= 1.1,
  };
}

function outcomeOf(seed: number): Outcome {
  const instance = instanceOf(seed);
  const buildx = { ...instance, variants: placedByBuildx(instance) };
  return {
    areEqual: instance.areEqual,
    ours: makespan(instance),
    buildx: makespan(buildx),
    ...lowerBounds(instance),
  };
}

function makespan({ variants, nodes, ...options }: Instance): number {
  const routed = routeVariants(variants, nodes, options);
  if (!routed.ok) throw new Error("a random plan was refused");
  return makespanOf(routed.value);
}

/** buildx's rule: the first node that lists the very platform, natively or not. When each variant begins there is left to us, which does it good. */
function placedByBuildx({ variants, nodes }: Instance): readonly Variant[] {
  return variants.map((variant) => {
    const lists = ({ platforms }: Node): boolean =>
      platforms.some((listed) => matchesExactly(listed, variant.platform));
    const first = nodes.find(lists);
    if (first === undefined) throw new Error(`${variant.id} has no node`);
    return { ...variant, builders: [first.builder] };
  });
}

function instanceOf(seed: number): Instance {
  const random = randomFrom(seed);
  return randomInstance(random, seed % LARGE_EVERY === 0 ? LARGEST : randomSize(random));
}

/** The worst of the largest, each in a process that does nothing else, as `plan` would be: nothing is compiled beforehand. */
async function largest(): Promise<Row[]> {
  const [seconds, megabytes] = [new Array<number>(), new Array<number>()];
  for (let seed = LARGE_EVERY; seed <= INSTANCES; seed += LARGE_EVERY) {
    const command: Command = { argv: [process.execPath, fileURLToPath(import.meta.url), String(seed)] };
    seconds.push(Number(await run(command)));
    megabytes.push(await peakMemory(command));
  }
  const { variants, nodes } = instanceOf(LARGE_EVERY);
  const what = `planning ${variants.length.toLocaleString("en")} variants on ${nodes.length} nodes`;
  const row = { against: "-", ratio: "-" };
  return [
    {
      ...row,
      what: `${what}, time`,
      ours: `${Math.max(...seconds).toFixed(2)} s`,
      limit: "<= 2 s",
      holds: Math.max(...seconds) <= 2,
    },
    {
      ...row,
      what: `${what}, memory of the whole process`,
      ours: `${Math.round(Math.max(...megabytes))} MB`,
      limit: "<= 400 MB",
      holds: Math.max(...megabytes) <= 400,
    },
  ];
}

/** Prints the seconds that it took. */
function planOne(seed: number): void {
  const { variants, nodes, ...options } = instanceOf(seed);
  const startedMs = performance.now();
  routeVariants(variants, nodes, options);
  console.log((performance.now() - startedMs) / 1000);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) planOne(Number(process.argv[2]));
