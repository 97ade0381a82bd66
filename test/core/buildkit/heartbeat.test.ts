import { describe, expect, test } from "vitest";
import type { BuildKit, SolveFailure } from "../../../core/buildkit/buildkit.ts";
import { withHeartbeat } from "../../../core/buildkit/heartbeat.ts";
import type { SolveStatus } from "../../../core/buildkit/status.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { node, solveRequest } from "../../support/make.ts";

const ARM = node("arm", ["linux/arm64"]);
const STATUS: SolveStatus = { vertexes: [], logs: [], warnings: [] };

/** A BuildKit whose solves go on until the test ends or cancels them, and a clock that moves when the test says so. */
function world(answers: readonly boolean[], { lingers = false } = {}) {
  const left = [...answers];
  const asked: string[] = [];
  const solves: {
    readonly say: () => void;
    readonly finish: () => void;
    readonly isCancelled: () => boolean;
  }[] = [];
  const sleepers: (() => void)[] = [];
  const buildkit: BuildKit = {
    nodes: [ARM],
    solve: (_request, onStatus, signal) =>
      new Promise<Result<object, SolveFailure>>((resolve) => {
        const cancel = (): void => resolve(fail({ kind: "solve-cancelled" }));
        if (!lingers) signal.addEventListener("abort", cancel);
        solves.push({
          say: () => onStatus(STATUS),
          finish: () => (signal.aborted ? cancel() : resolve(ok({}))),
          isCancelled: () => signal.aborted,
        });
      }),
    lint: async () => ok([]),
    isAlive: async () => true,
    close: async () => undefined,
  };
  const watched = withHeartbeat(buildkit, {
    ask: async ({ name }) => {
      asked.push(name);
      return left.shift() ?? true;
    },
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve());
        sleepers.push(resolve);
      }),
  });
  return {
    asked,
    solves,
    sleepers,
    solve: (signal = new AbortController().signal) =>
      watched.solve(solveRequest(ARM, "linux/arm64"), () => undefined, signal),
    /** One interval passes, and what is asked then is answered. */
    pass: async () => {
      sleepers.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("a node that goes silent in the middle of a solve", () => {
  test("is lost after three questions without an answer, for all solves on it", async () => {
    const { solve, pass, asked } = world([false, false, false]);
    const [one, two] = [solve(), solve()];
    for (const _ of [1, 2, 3, 4]) await pass();
    const lost = {
      ok: false,
      error: { kind: "node-lost", node: "arm", detail: "it was silent, and gave no answer to 3 questions" },
    };
    expect(await Promise.all([one, two])).toEqual([lost, lost]);
    expect(asked).toEqual(["arm", "arm", "arm"]);
  });

  test("is not lost where one question has an answer", async () => {
    const { solve, pass, solves, asked } = world([false, false, true, false, false]);
    const solving = solve();
    for (const _ of [1, 2, 3, 4, 5, 6]) await pass();
    expect(asked).toHaveLength(5);
    expect(solves[0]?.isCancelled()).toBe(false);
    solves[0]?.finish();
    expect(await solving).toEqual(ok({}));
  });

  test("is not asked as long as one solve on it has something to say", async () => {
    const { solve, pass, solves, asked } = world([false]);
    const solving = [solve(), solve()];
    for (const _ of [1, 2, 3]) {
      solves[1]?.say();
      await pass();
    }
    expect(asked).toEqual([]);
    for (const { finish } of solves) finish();
    await Promise.all(solving);
  });

  test("is watched anew by whoever tries it again", async () => {
    const { solve, pass, asked, solves } = world([false, false, false, false]);
    const first = solve();
    for (const _ of [1, 2, 3, 4]) await pass();
    expect(await first).toMatchObject({ error: { kind: "node-lost" } });
    const second = solve();
    for (const _ of [1, 2]) await pass();
    expect(asked).toHaveLength(4);
    solves[1]?.finish();
    expect(await second).toEqual(ok({}));
  });
});

test("an interruption stays one, and nobody is asked when nothing is solved any more", async () => {
  const { solve, pass, asked, sleepers } = world([false, false, false]);
  const interruption = new AbortController();
  const solving = solve(interruption.signal);
  await pass();
  interruption.abort();
  expect(await solving).toEqual(fail({ kind: "solve-cancelled" }));
  while (sleepers.length > 0) await pass();
  expect(asked).toEqual([]);
});

test("a node that goes away while an interrupted solve is being ended does not make it lost", async () => {
  const { solve, pass, solves } = world([false, false, false], { lingers: true });
  const interruption = new AbortController();
  const solving = solve(interruption.signal);
  interruption.abort();
  for (const _ of [1, 2, 3, 4]) await pass();
  solves[0]?.finish();
  expect(await solving).toEqual(fail({ kind: "solve-cancelled" }));
});
