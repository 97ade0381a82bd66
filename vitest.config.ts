import { defineConfig } from "vitest/config";

// Two projects: `unit` needs nothing but Node; `e2e` needs the real BuildKit, QEMU and registries
// that `npm test` sets up, and fails (never skips) where one of them is missing.
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**"], testTimeout: 20_000 },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          globalSetup: "test/support/daemon.ts",
        },
      },
    ],
  },
});
