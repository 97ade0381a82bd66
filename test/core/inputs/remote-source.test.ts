import { describe, expect, test } from "vitest";
import { contextSource, remoteSource } from "../../../core/inputs/remote-source.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

describe("what a URL is fetched as", () => {
  test.each([
    ["https://example.com/a.tar.gz", "http", false],
    ["HTTP://example.com/a", "http", false],
    ["https://example.com/a.git", "git", false],
    ["https://example.com/a.git#main", "git", false],
    [`https://example.com/a.git#${COMMIT}`, "git", true],
    [`https://example.com/a.git#${COMMIT}:folder`, "git", true],
    [`https://example.com/a.git#${COMMIT.slice(0, 12)}`, "git", false],
    [`https://example.com/a.git?ref=main&checksum=${COMMIT}`, "git", true],
    [`https://example.com/a.git?commit=${COMMIT}`, "git", true],
    [`https://example.com/a.git?branch=${COMMIT}`, "git", false],
    [`https://example.com/a.tar?commit=${COMMIT}`, "http", false],
    [`git@example.com:a/b.git#${COMMIT}`, "git", true],
    ["ssh://git@example.com/a/b", "git", false],
    ["git://example.com/a", "git", false],
  ] as const)("%s: %s, pinned: %s", (text, kind, isPinned) => {
    expect(remoteSource(text)).toMatchObject({ kind, isPinned });
  });

  test.each(["dist", "./a@b:c", "github.com/a/b", "/a", "ftp://x/y", "", "a b@c:d"])(
    "%s is a path",
    (text) => {
      expect(remoteSource(text)).toBeUndefined();
    },
  );

  test("github.com is a repository where it is the context", () => {
    expect(contextSource("github.com/a/b")).toEqual({ kind: "git", isPinned: false, name: "github.com/a/b" });
    expect(contextSource(`github.com/a/b#${COMMIT}`)).toMatchObject({ isPinned: true });
    expect(contextSource("https://x/y.git")).toEqual(remoteSource("https://x/y.git"));
  });

  test("is shown without credentials", () => {
    expect(remoteSource("https://user:secret@example.com/a")?.name).toBe("https://example.com/a");
    expect(remoteSource("https://token@example.com/a.git#main")?.name).toBe("https://example.com/a.git#main");
  });
});
