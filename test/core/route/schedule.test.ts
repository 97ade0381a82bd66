import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { schedule } from "../../../core/route/schedule.ts";
import type { Placement, Task } from "../../../core/route/task.ts";
import type { Candidates } from "../../../core/route/candidates.ts";

/** Tasks that these nodes may do, all equally fast. */
function tasksOn(
  candidates: Candidates,
  durations: readonly number[],
  needs: Readonly<Record<number, readonly number[]>> = {},
): Task[] {
  return durations.map((ms, at) => ({
    candidates,
    ms: candidates.nodes.map(() => ms),
    needs: needs[at] ?? [],
  }));
}

const native = (...nodes: number[]): Candidates => ({ nodes, execution: "native" });
const emulated = (...nodes: number[]): Candidates => ({ nodes, execution: "emulated" });

/** `node@start` of each task. */
function placesOf(tasks: readonly Task[], slots: readonly number[], inTotal = Infinity): readonly string[] {
  return schedule(tasks, { slots, inTotal }).map(({ node, startMs }) => `${node}@${startMs}`);
}

describe("what is placed where", () => {
  test("the longest first, each where it ends first", () => {
    expect(placesOf(tasksOn(native(0, 1), [2, 3, 5, 4]), [1, 1])).toEqual(["0@5", "1@4", "0@0", "1@0"]);
  });

  test("equal ones in their order, on the least busy node", () => {
    expect(placesOf(tasksOn(native(0, 1), [1, 1, 1, 1]), [2, 2])).toEqual(["0@0", "1@0", "0@0", "1@0"]);
    expect(placesOf(tasksOn(native(0, 1), [1, 1, 1]), [1, 3])).toEqual(["0@0", "1@0", "1@0"]);
  });

  test("what much waits for goes before what is longer", () => {
    const tasks = tasksOn(native(0), [5, 1, 9], { 2: [1] });
    expect(placesOf(tasks, [1])).toEqual(["0@10", "0@0", "0@1"]);
  });

  test("what is needed by two, and needs two, begins when the last is done", () => {
    const tasks = tasksOn(native(0, 1), [3, 4, 1, 1], { 2: [0, 1], 3: [0, 1, 1] });
    expect(placesOf(tasks, [1, 1])).toEqual(["1@0", "0@0", "0@4", "1@4"]);
  });

  test("a fast node that is busy is waited for where that is sooner, and no longer", () => {
    const tasks = Array.from({ length: 4 }, () => ({ candidates: native(0, 1), ms: [10, 25], needs: [] }));
    expect(placesOf(tasks, [1, 1])).toEqual(["0@0", "0@10", "1@0", "0@20"]);
  });

  test("no more at a time than there may be in total", () => {
    expect(placesOf(tasksOn(native(0, 1), [1, 1, 1]), [2, 2], 1)).toEqual(["0@0", "0@1", "0@2"]);
    expect(placesOf(tasksOn(native(0, 1), [1, 1, 1]), [2, 2], 0)).toEqual(["0@0", "0@1", "0@2"]);
  });

  test("emulated ones go to a slower node before they join another one, and join it where none is free", () => {
    const tasks = Array.from({ length: 3 }, () => ({ candidates: emulated(0, 1), ms: [10, 15], needs: [] }));
    expect(placesOf(tasks, [4, 4])).toEqual(["0@0", "1@0", "0@0"]);
    const mixed = [...tasksOn(native(1), [50]), ...tasks.slice(0, 2)];
    expect(placesOf(mixed, [4, 1])).toEqual(["1@0", "0@0", "0@0"]);
  });

  test("a node that alone can do something is not taken by what can go elsewhere", () => {
    const tasks = [...tasksOn(emulated(0, 1), [40, 40]), ...tasksOn(native(0), [30, 20])];
    expect(placesOf(tasks, [1, 1])).toEqual(["1@0", "1@40", "0@0", "0@30"]);
    const longest = [...tasksOn(emulated(0, 1), [40]), ...tasksOn(native(0), [10, 10])];
    expect(placesOf(longest, [1, 1])).toEqual(["1@0", "0@0", "0@10"]);
  });

  test("needs that go in a circle are dropped, the others are kept", () => {
    const tasks = tasksOn(native(0), [1, 1, 1, 1, 1], { 0: [1], 1: [0], 2: [2], 3: [0], 4: [] });
    const placements = schedule(tasks, { slots: [1], inTotal: Infinity });
    expect(placements.map(({ startMs }) => startMs).toSorted((one, other) => one - other)).toEqual([
      0, 1, 2, 3, 4,
    ]);
    expect(placements[4]?.startMs).toBe(0);
  });

  test("nothing at all, and what takes no time", () => {
    expect(placesOf([], [1])).toEqual([]);
    expect(placesOf(tasksOn(native(0), [0, 0], { 0: [1] }), [1])).toEqual(["0@0", "0@0"]);
  });
});

interface Problem {
  readonly tasks: readonly Task[];
  readonly slots: readonly number[];
  readonly inTotal: number;
}

/** Tasks need earlier ones only. `areEqual`: every node may do all, equally fast. */
function problem({ areEqual }: { readonly areEqual: boolean }): fc.Arbitrary<Problem> {
  const slots = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 });
  return slots.chain((slots) => {
    const nodes = [...slots.keys()];
    const choice = areEqual ? fc.constant(nodes) : fc.subarray(nodes, { minLength: 1 });
    const candidates = fc
      .array(
        fc.record({
          nodes: choice,
          execution: fc.constantFrom<Candidates["execution"]>("native", "emulated"),
        }),
        { minLength: 1, maxLength: 4 },
      )
      .filter((all) => !areEqual || all.every(({ execution }) => execution === all[0]?.execution));
    const task = fc.record({
      choice: fc.nat(),
      ms: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: slots.length, maxLength: slots.length }),
      needs: fc.array(fc.nat(), { maxLength: 2 }),
    });
    const inTotal = fc.constantFrom(Infinity, 1, 2, 3);
    return fc
      .tuple(candidates, fc.array(task, { maxLength: 25 }), inTotal)
      .map(([candidates, parts, inTotal]) => ({
        slots,
        inTotal,
        tasks: parts.map(({ choice, ms, needs }, at) => {
          const chosen = candidates[areEqual ? 0 : choice % candidates.length] ?? native(0);
          return {
            candidates: chosen,
            ms: chosen.nodes.map((node) => ms[areEqual ? 0 : node] ?? 0),
            needs: at === 0 ? [] : needs.map((need) => need % at),
          };
        }),
      }));
  });
}

describe("whatever the tasks and nodes", () => {
  test("each has its place on a candidate, after its needs, and nowhere are more at a time than may be", () => {
    fc.assert(
      fc.property(problem({ areEqual: false }), ({ tasks, slots, inTotal }) => {
        const placements = schedule(tasks, { slots, inTotal });
        expect(placements).toHaveLength(tasks.length);
        for (const [at, { candidates, ms, needs }] of tasks.entries()) {
          const { node, startMs, durationMs } = placementAt(placements, at);
          expect(durationMs).toBe(ms[candidates.nodes.indexOf(node)]);
          for (const need of needs)
            expect(startMs).toBeGreaterThanOrEqual(endOf(placementAt(placements, need)));
        }
        expect(mostAtOnce(placements)).toBeLessThanOrEqual(inTotal);
        for (const [node, count] of slots.entries())
          expect(mostAtOnce(placements.filter((each) => each.node === node))).toBeLessThanOrEqual(count);
      }),
      { numRuns: 500 },
    );
  });

  test("on equal nodes it takes no longer than any list scheduling may: Graham's bound", () => {
    fc.assert(
      fc.property(problem({ areEqual: true }), ({ tasks, slots, inTotal }) => {
        const placements = schedule(tasks, { slots, inTotal });
        const machines = Math.min(
          inTotal,
          slots.reduce((sum, count) => sum + count, 0),
        );
        const work = placements.reduce((sum, { durationMs }) => sum + durationMs, 0);
        const bound = work / machines + (1 - 1 / machines) * longestWay(tasks);
        expect(Math.max(0, ...placements.map(endOf))).toBeLessThanOrEqual(bound + 1e-9);
      }),
      { numRuns: 500 },
    );
  });

  test("on equal nodes no emulated task joins another one while a node is free without", () => {
    fc.assert(
      fc.property(problem({ areEqual: true }), ({ tasks, slots }) => {
        fc.pre(tasks[0]?.candidates.execution === "emulated");
        const placements = schedule(tasks, { slots, inTotal: Infinity });
        for (const [at, { node, startMs }] of placements.entries()) {
          const others = placements.filter((other, index) => index !== at && isDuring(other, startMs));
          const joins = others.some((other) => other.node === node && other.startMs < startMs);
          const isOneFree = [...slots.keys()].some((each) => others.every((other) => other.node !== each));
          expect(joins && isOneFree).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("the same again and again, whatever was scheduled meanwhile", () => {
    fc.assert(
      fc.property(
        problem({ areEqual: false }),
        problem({ areEqual: false }),
        ({ tasks, ...room }, another) => {
          const once = schedule(tasks, room);
          schedule(another.tasks, another);
          expect(schedule(structuredClone(tasks), room)).toHaveLength(once.length);
          expect(schedule(tasks, room)).toEqual(once);
        },
      ),
    );
  });
});

function placementAt(placements: readonly Placement[], at: number): Placement {
  const placement = placements[at];
  if (placement === undefined) throw new Error(`task ${at} has no place`);
  return placement;
}

function endOf({ startMs, durationMs }: Placement): number {
  return startMs + durationMs;
}

/** Begun, and not yet done. */
function isDuring(placement: Placement, atMs: number): boolean {
  return placement.startMs <= atMs && endOf(placement) > atMs;
}

function mostAtOnce(placements: readonly Placement[]): number {
  return Math.max(
    0,
    ...placements.map(({ startMs }) => placements.filter((other) => isDuring(other, startMs)).length),
  );
}

function longestWay(tasks: readonly Task[]): number {
  const ways: number[] = [];
  for (const { ms, needs } of tasks)
    ways.push((ms[0] ?? 0) + Math.max(0, ...needs.map((at) => ways[at] ?? 0)));
  return Math.max(0, ...ways);
}
