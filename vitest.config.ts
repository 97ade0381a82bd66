import { defineConfig } from "vitest/config";

// `unit` needs nothing but Node; `e2e` needs the real BuildKit, QEMU and registries that `npm test` sets up, and fails (never
// skips) where one of them is missing; `registries` needs more kinds of registries, and `npm run test:registries` sets them up.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/registries/**"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
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
