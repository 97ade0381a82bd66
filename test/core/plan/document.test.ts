import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_DEPTH, MAX_VALUES, readDocument } from "../../../core/plan/document.ts";
import { gatherProblems } from "../../../core/plan/problems.ts";
import { position } from "../../../core/plan/source.ts";
import { locate, toPlain } from "../../../core/plan/tree.ts";
import { renderAll } from "../../support/plan.ts";

function read(text: string) {
  const file = { path: "plan.yaml", text };
  const problems = gatherProblems(file);
  const value = readDocument(file, problems);
  return { value, text: renderAll(problems.all()), problems: problems.all() };
}

function plain(text: string): unknown {
  const { value } = read(text);
  return value && toPlain(value);
}

/** What stands in the file where a path leads. */
function written(text: string, path: readonly PropertyKey[]): string {
  const { value } = read(text);
  if (value === undefined) throw new Error("No value");
  const { found } = locate(value, path);
  return text.slice(found.value.range.start, found.value.range.end);
}

describe("what YAML says", () => {
  test("YAML 1.2: yes and off are text, and numbers keep how they are written", () => {
    expect(plain("[yes, off, true, 1.10, ~, 0o17, '1']")).toEqual(["yes", "off", true, 1.1, null, 15, "1"]);
    expect(written("a: 1.10", ["a"])).toBe("1.10");
  });

  test("aliases lead to the anchor's own value", () => {
    const text = "a: &x [one, two]\nb: *x\n";
    expect(plain(text)).toEqual({ a: ["one", "two"], b: ["one", "two"] });
    expect(written(text, ["b", 1])).toBe("two");
  });

  test("merge keys: own keys win, then the first of several", () => {
    const text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n";
    expect(plain(text)).toMatchObject({ c: { x: 3, y: 1, z: 2 } });
    expect(written(text, ["c", "z"])).toBe("2");
  });

  test("an anchor may be given anew, and an alias means the last before it", () => {
    expect(plain("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")).toEqual({ a: 1, b: 1, c: 2, d: 2 });
  });

  test("keys that look like numbers are text as written", () => {
    expect(plain("1.10: a\ntrue: b\n")).toEqual({ "1.10": "a", true: "b" });
  });
});

describe("what is refused", () => {
  test.each([
    [
      "a tab as indentation",
      "a:\n\tb: c\n",
      "2:1 YAML does not allow tabs as indentation | Indent with spaces\n",
    ],
    ["a NUL byte", "a: b\nc: \0\n", "2:4 The plan has a NUL byte: it is not a text file\n"],
    ["an anchor within itself", "a: &x [*x]\n", "1:8 `*x` has no anchor `&x` above it | "],
    ["__proto__", "__proto__: a\n", "1:1 `__proto__` cannot be a key\n"],
    ["a list as key", "[a]: b\n", "1:1 A key must be plain text\n"],
    ["nothing", "", "1:1 The plan is empty | "],
    ["a second document", "a: b\n---\nc: d\n", "2:1 A second YAML document starts here | "],
  ])("%s", (_, text, expected) => {
    expect(read(text).text.startsWith(expected) || read(text).text).toBe(true);
  });

  test.each([
    ["lists in lists", "[".repeat(50_000)],
    ["lists in lists on one line each", "- ".repeat(20_000)],
    ["maps in maps", "{a: ".repeat(20_000)],
    ["complex keys", "? ".repeat(20_000)],
    ["just above the limit", `${"[".repeat(MAX_DEPTH + 2)}${"]".repeat(MAX_DEPTH + 2)}`],
  ])("deep nesting: %s", (_, text) => {
    const { value, problems } = read(text);
    expect(value).toBeUndefined();
    expect(problems.map(({ message }) => message)).toEqual(["The plan is nested too deeply"]);
  });

  test("nesting at the limit is fine", () => {
    expect(read(`${"[".repeat(MAX_DEPTH)}${"]".repeat(MAX_DEPTH)}`).problems).toEqual([]);
  });

  test("aliases that nest lists deeper than can be written", () => {
    const lines = Array.from({ length: MAX_DEPTH + 2 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}]`);
    expect(read(`a0: &a0 []\n${lines.join("\n")}\n`).text).toContain("nested too deeply");
  });

  test("an alias bomb, at the place where it grows too large", () => {
    const lines = Array.from({ length: 12 }, (_, n) => `b${n + 1}: &b${n + 1} [${`*b${n}, `.repeat(10)}]`);
    const { value, text } = read(`b0: &b0 x\n${lines.join("\n")}\n`);
    expect(value).toBeUndefined();
    expect(text).toBe(
      "7:9 The plan becomes too large once its aliases are written out | Repeat less: each `*name` counts as all that stands behind `&name`\n",
    );
  });

  test("as many values as a plan may have are read, one more is not", () => {
    expect(read(`[${"a,".repeat(MAX_VALUES - 1)}]`).problems).toEqual([]);
    expect(read(`[${"a,".repeat(MAX_VALUES)}]`).text).toContain("becomes too large");
  });

  test("text that makes the parser run out of stack", () => {
    const { value, problems } = read(`a:\n  b: {\n${"  c: d,\n".repeat(60_000)}}}`);
    expect(value).toBeUndefined();
    expect(problems).toHaveLength(1);
  });
});

const anyYaml = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        ..."abc:-?[]{}&*!|>'\"#%@`,<\n \t\r\0~1.".split(""),
        "a: ",
        "- ",
        "&x ",
        "*x",
        "<<: ",
        "\n  ",
      ),
    )
    .map((parts) => parts.join("")),
);

test("no text throws, and every problem lies in it", () => {
  fc.assert(
    fc.property(anyYaml, (text) => {
      const { value, problems } = read(text);
      expect(value !== undefined || problems.length > 0).toBe(true);
      for (const { location } of problems) {
        expect(location.range.start).toBeLessThanOrEqual(location.range.end);
        expect(location.range.end).toBeLessThanOrEqual(text.length);
        expect(position(location.file, location.range.start).lineText).not.toContain("\n");
      }
    }),
    { numRuns: 2000 },
  );
});

test("what JSON says, YAML says too", () => {
  const text = fc.string({ unit: "grapheme-ascii" }).filter((key) => key !== "__proto__" && key !== "");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.array(tie("tree")),
      fc.dictionary(text, tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const json = JSON.stringify(value);
      expect(JSON.stringify(plain(json))).toBe(json);
    }),
  );
});
