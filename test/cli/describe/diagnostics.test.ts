import { describe, expect, test } from "vitest";
import { describeDiagnostics } from "../../../cli/describe/diagnostics.ts";
import { namePosition, sourceFrame } from "../../../cli/describe/source-frame.ts";
import { displayWidth } from "../../../cli/text/width.ts";
import type { Diagnostic, Location } from "../../../core/plan/source.ts";

/** A location from text in which `«` and `»` stand round the range. */
function marked(text: string, path = "buildx-plan.yaml"): Location {
  const start = text.indexOf("«");
  const end = text.indexOf("»") - 1;
  return { file: { path, text: text.replace(/[«»]/g, "") }, range: { start, end } };
}

const frame = (text: string, width = 60): readonly string[] =>
  sourceFrame(marked(text), { width, colour: false });

describe("a source frame", () => {
  test.each([
    [
      "a key in the second line",
      "a: 1\n  «platfroms»: [x]\nb: 2",
      "2:3",
      ["  2 |   platfroms: [x]", "    |   ^^^^^^^^^"],
    ],
    ["the first character", "«a»: 1", "1:1", ["  1 | a: 1", "    | ^"]],
    ["after a tab", "\t«x»: 1\t# y", "1:2", ["  1 |     x: 1    # y", "    |     ^"]],
    ["a tab itself", "ab:«\t»1", "1:4", ["  1 | ab: 1", "    |    ^"]],
    ["after wide characters", "日本: «語x»", "1:5", ["  1 | 日本: 語x", "    |       ^^^"]],
    ["an emoji of several code points", "a: «👩‍👩‍👧‍👦»b", "1:4", ["  1 | a: 👩‍👩‍👧‍👦b", "    |    ^^"]],
    ["CRLF line breaks", "a: 1\r\nb: «2»\r\nc: 3\r\n", "2:4", ["  2 | b: 2", "    |    ^"]],
    ["old Mac line breaks", "a: 1\rb: «2»\r", "2:4", ["  2 | b: 2", "    |    ^"]],
    [
      "a range over several lines, marked to the end of the first",
      "a: «[1,\n 2]»",
      "1:4",
      ["  1 | a: [1,", "    |    ^^^"],
    ],
    ["an empty range at the end of the text", "a: 1\n«»", "2:1", ["  2 | ", "    | ^"]],
    ["an empty range at the end of a line", "a:«»\nb: 1", "1:3", ["  1 | a:", "    |   ^"]],
    ["control characters, spelled out", "a: «\u001b[2J»", "1:4", ["  1 | a: \\x1b[2J", "    |    ^^^^^^^"]],
    ["a byte order mark, which has no column", "\ufeff«a»: 1", "1:1", ["  1 | \ufeffa: 1", "    | ^"]],
    ["an empty text", "«»", "1:1", ["  1 | ", "    | ^"]],
  ])("marks %s", (_, text, place, lines) => {
    expect(frame(text).map((line) => line.trimEnd())).toEqual(lines.map((line) => line.trimEnd()));
    expect(namePosition(marked(text))).toBe(`buildx-plan.yaml:${place}`);
  });

  test("shows the part of a long line round the marker", () => {
    const text = `key: ${"a".repeat(300)}«bad»${"c".repeat(300)}`;
    expect(frame(text)).toEqual([
      "  1 | …aaaaaaaaaaaaaaaaaaaabadccccccccccccccccccccccccccccc…",
      "    |                      ^^^",
    ]);
  });

  test.each([
    ["a long line", `${"a".repeat(100)}«${"b".repeat(200)}»`],
    ["a line of megabytes", `${"日".repeat(1_000_000)}«${"b".repeat(1_000_000)}»`],
    ["a marker near the end", `${"é\t".repeat(500)}«x»`],
    ["a marker near the start", `«x»${"🎉".repeat(500)}`],
  ])("is as wide as asked at most, with %s", (_, text) => {
    for (const width of [20, 40, 60, 200]) {
      const lines = frame(text, width);
      expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(Math.max(width, 26));
      expect(lines[1]).toContain("^");
    }
  });
});

function error(message: string, changes: Partial<Diagnostic> = {}): Diagnostic {
  const location = marked("version: 1\nimages:\n  app:\n    «platfroms»: [linux/amd64]");
  return { severity: "error", message, location, ...changes };
}

describe("the problems of a plan", () => {
  test("are told with place, line, marker, hint and related places, and counted", () => {
    const problems = [
      error('unknown key "platfroms"', { hint: 'write "platforms"' }),
      error("the tag a:1 is used twice", {
        location: marked("tags:\n  - a:1\n  - «a:1»"),
        related: [{ message: "it is used here first", location: marked("tags:\n  - «a:1»\n  - a:1") }],
      }),
      error("nothing is tagged", { severity: "warning" }),
    ];
    expect(describeDiagnostics(problems, { width: 80, colour: false })).toMatchInlineSnapshot(`
      "buildx-plan.yaml:4:5: error: unknown key "platfroms"
        4 |     platfroms: [linux/amd64]
          |     ^^^^^^^^^
        hint: write "platforms"

      buildx-plan.yaml:3:5: error: the tag a:1 is used twice
        3 |   - a:1
          |     ^^^
        buildx-plan.yaml:2:5: note: it is used here first
        2 |   - a:1
          |     ^^^

      buildx-plan.yaml:4:5: warning: nothing is tagged
        4 |     platfroms: [linux/amd64]
          |     ^^^^^^^^^

      2 errors, 1 warning in buildx-plan.yaml"
    `);
  });

  test("are fifty at most, and the others counted", () => {
    const text = describeDiagnostics(
      Array.from({ length: 73 }, (_, index) => error(`problem ${index}`)),
      { width: 80, colour: false },
    );
    expect(text.match(/error: problem/g)).toHaveLength(50);
    expect(text.split("\n").at(-1)).toBe("and 23 more; 73 errors in buildx-plan.yaml");
  });

  test("cannot steer the terminal", () => {
    const nasty = "\u001b[2J\u202e";
    const text = describeDiagnostics(
      [
        error(nasty, {
          hint: nasty,
          location: marked(`a${nasty}: «${nasty}»`, nasty),
          related: [{ message: nasty, location: marked(`«${nasty}»`) }],
        }),
      ],
      { width: 80, colour: false },
    );
    expect(text).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
  });
});
