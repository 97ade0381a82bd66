import * as fc from "fast-check";
import { expect, test } from "vitest";
import { matchGlobs } from "../../../core/verify/glob.ts";

test.each([
  ["/opt/tools/**", "/opt/tools/a/b", true],
  ["/opt/tools/**", "/opt/tools", true],
  ["/opt/tools/", "/opt/tools/a/b", true],
  ["/opt/tools", "/opt/tools/a", false],
  ["/opt/*/bin", "/opt/a/bin", true],
  ["/opt/*/bin", "/opt/a/b/bin", false],
  ["/opt/**/bin", "/opt/bin", true],
  ["/opt/**/bin", "/opt/a/b/bin", true],
  ["/**/*.so", "/a/b.so", true],
  ["/**/*.so", "/a/b.so.1", false],
  ["**/*.so*", "/a/b.so.1", true],
  ["/a/**/b/**/c", "/a/x/b/y/b/c", true],
  ["/a/**/b/**/c", "/a/x/b/y/b/c/d", false],
  ["/lib?/x", "/lib6/x", true],
  ["/lib?/x", "/lib/x", false],
  ["/{opt,srv}/{a,b{c,d}}", "/srv/bd", true],
  ["/{opt,srv}/{a,b{c,d}}", "/srv/b", false],
  ["/a[bc]", "/ab", false],
  ["/a[bc]", "/a[bc]", true],
  ["/a.b", "/axb", false],
  ["/.hidden/*", "/.hidden/.x", true],
  ["/a{b", "/a{b", true],
  ["", "/a", false],
])("%s and %s: %s", (glob, path, matches) => {
  expect(matchGlobs([glob])(path)).toBe(matches);
});

test("any of several", () => {
  const matches = matchGlobs(["/a", "/b/*"]);
  expect(["/a", "/b/c", "/c"].map(matches)).toEqual([true, true, false]);
  expect(matchGlobs([])("/a")).toBe(false);
});

test("agrees with what `*`, `?` and `**` mean, word for word", () => {
  const part = fc.stringMatching(/^[ab*?]{1,4}$/).filter((text) => text !== "**" && text !== "?*");
  const pattern = fc.array(fc.oneof(part, fc.constant("**")), { minLength: 1, maxLength: 4 });
  const path = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { maxLength: 5 });
  fc.assert(
    fc.property(pattern, path, (parts, names) => {
      const source = parts
        .map((word) =>
          word === "**" ? "(?:/[^/]+)*" : `/${word.replaceAll("*", "[^/]*").replaceAll("?", "[^/]")}`,
        )
        .join("");
      const text = `/${names.join("/")}`;
      const expected = new RegExp(`^${source}$`).test(names.length === 0 ? "" : text);
      expect(matchGlobs([`/${parts.join("/")}`])(text)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

// A backtracking matcher would be at these for longer than the test may run.
test("a hostile pattern takes no longer than it is long", () => {
  const many = matchGlobs([
    `/${"*a".repeat(200)}b`,
    `/${"**/a/".repeat(60)}b`,
    `/${"{a,b}".repeat(60)}`,
    `/${"{a,".repeat(60)}`,
  ]);
  expect(many(`/${"a".repeat(20_000)}`)).toBe(false);
  expect(many(`/${"a/".repeat(5000)}c`)).toBe(false);
});
