import { describe, expect, test } from "vitest";
import { cachePaths } from "../../../core/host/paths.ts";

/** A cache folder whose socket's path has this many bytes. */
const cacheOf = (bytes: number): string =>
  `/${"c".repeat(bytes - 1 - "/buildx-plan/buildkit/buildkitd.sock".length)}`;

describe("cachePaths", () => {
  test("is below XDG_CACHE_HOME", () => {
    const paths = cachePaths({ XDG_CACHE_HOME: "/x/cache" }, "/home/ann");
    expect(paths).toEqual({
      root: "/x/cache/buildx-plan",
      bin: "/x/cache/buildx-plan/bin",
      buildkit: "/x/cache/buildx-plan/buildkit",
      socket: "/x/cache/buildx-plan/buildkit/buildkitd.sock",
    });
  });

  test.each([undefined, "", "relative/cache"])(
    "is below the home folder where the variable is %j",
    (value) => {
      expect(cachePaths({ XDG_CACHE_HOME: value }, "/home/ann").root).toBe("/home/ann/.cache/buildx-plan");
    },
  );

  test("takes a socket path of 107 bytes", () => {
    const { socket } = cachePaths({ XDG_CACHE_HOME: cacheOf(107) }, "/home/ann");
    expect(socket).toHaveLength(107);
  });

  test("moves a longer one to the runtime folder, a different one for each cache", () => {
    const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
    const first = cachePaths({ ...env, XDG_CACHE_HOME: cacheOf(108) }, "/home/ann").socket;
    const second = cachePaths({ ...env, XDG_CACHE_HOME: cacheOf(109) }, "/home/ann").socket;
    expect(first).toMatch(/^\/run\/user\/1000\/buildx-plan-[0-9a-f]{12}\/buildkitd\.sock$/);
    expect(second).not.toBe(first);
  });

  test("counts bytes, not characters", () => {
    const folder = `/${"é".repeat(40)}`;
    expect(cachePaths({ XDG_CACHE_HOME: folder }, "/home/ann").socket).toBeUndefined();
  });

  test("has no socket where nothing is short enough", () => {
    const env = { XDG_CACHE_HOME: cacheOf(108), XDG_RUNTIME_DIR: `/${"r".repeat(100)}` };
    expect(cachePaths(env, "/home/ann").socket).toBeUndefined();
  });
});
