import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** It tells slow from too slow, with hundreds of requests at once: nothing else runs beside it. */
const ALONE = "test/e2e/fault-matrix.test.ts";

/** End-to-end files that take minutes, the longest first: begun last, they would have the machine for themselves. */
const LONG = ["random-kill", "own-release", "gitlab", "failover", "nodes", "executable", "workflows"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const known = files.toSorted((one, other) => placeOf(one) - placeOf(other));
    const first = known.filter((file) => placeOf(file) < LONG.length);
    // oxlint-disable-next-line unicorn/no-array-sort -- not that of an array
    return [...first, ...(await super.sort(known.slice(first.length)))];
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const found = LONG.findIndex((name) => moduleId.endsWith(`/e2e/${name}.test.ts`));
  return found < 0 ? LONG.length : found;
}

// `unit` needs nothing but Node; `e2e` and `alone` need the real BuildKit, QEMU and registries that `npm test` sets up, and fail (never
// skips) where one of them is missing; `registries` needs more kinds of registries, and `npm run test:registries` sets them up.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/registries/**"],
          testTimeout: 20_000,
          // With a single one, which is what a machine of two cores gets, they would come last.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: [ALONE],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // Most of them wait: for a registry, for an emulator, for a node that is silent. Two at a time fill the machine.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          globalSetup: "test/support/daemon.ts",
        },
      },
      {
        test: {
          name: "alone",
          include: [ALONE],
          testTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          globalSetup: "test/support/daemon.ts",
        },
      },
      {
        test: {
          name: "registries",
          include: ["test/registries/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          globalSetup: "test/support/daemon.ts",
        },
      },
    ],
  },
});
