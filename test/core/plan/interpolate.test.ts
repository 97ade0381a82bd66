import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { child } from "../../../core/plan/tree.ts";
import { readDocument } from "../../../core/plan/document.ts";
import { rangeWithin, textOf } from "../../../core/plan/fields.ts";
import { interpolate } from "../../../core/plan/interpolate.ts";
import type { Meaning, Scope } from "../../../core/plan/interpolate.ts";
import { gatherProblems } from "../../../core/plan/problems.ts";
import { parseTemplate } from "../../../core/plan/template.ts";

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["a", { kind: "value", value: "A" }],
  ["a-b", { kind: "value", value: "AB" }],
  ["empty", { kind: "value", value: "" }],
  ["dollar", { kind: "value", value: "${a} $$" }],
  ["none", { kind: "none", why: "it is not set", hint: "Set it" }],
  ["hidden", { kind: "refused", message: "`hidden` is secret", hint: "Do not" }],
  ["broken", { kind: "failed" }],
  ["git.sha", { kind: "value", value: "0123" }],
]);
const scope: Scope = {
  meaning: (name) => MEANINGS.get(name) ?? { kind: "unknown" },
  names: () => MEANINGS.keys(),
};

/** What a YAML scalar as written becomes, or what is wrong with it: the marked characters and the message. */
function resolve(written: string): string {
  const file = { path: "plan.yaml", text: `key: ${written}\n` };
  const problems = gatherProblems(file);
  const text = textOf(child(readDocument(file, problems), "key"));
  if (text === undefined) throw new Error("Not a text");
  const value = interpolate(text, { scope, problems });
  const found = problems.all().map(({ location: { range }, message, hint }) => {
    return `<${file.text.slice(range.start, range.end)}> ${message} | ${hint}`;
  });
  return value ?? found.join("\n");
}

describe("values", () => {
  test.each([
    ["${a}", "A"],
    ["x${a}y${a}", "xAyA"],
    ["$a $ $$ $${a} 100$", "$a $ $ ${a} 100$"],
    ["${dollar}", "${a} $$"],
    ["${none:-d}${none-d}", "dd"],
    ["${empty:-d}", "d"],
    ["${empty-d}.", "."],
    ["${a:-d}${a-d}", "AA"],
    ["${a:+x}${a+x}${empty:+x}${empty+x}${none+x}${none:+x}.", "xxx."],
    ["${a:?m}${a?m}${empty?m}", "AA"],
    ["${none:-${empty:-${a}}}", "A"],
    ["${none:-a}b}", "ab}"],
    ["${a-b}", "AB"],
    ["${a-c}", "A"],
    ["${none-b-c}", "b-c"],
    ["${git.sha}", "0123"],
    ["${none:-$${a}}", "${a}"],
  ])("%s becomes %s", (written, expected) => {
    expect(resolve(written)).toBe(expected);
  });
});

describe("problems stand at the exact characters", () => {
  test.each([
    ["x ${b} y", "<b> Unknown variable `b` | Did you mean `a`?"],
    ['"q\\tq ${b}"', "<b> Unknown variable `b` | Did you mean `a`?"],
    ["'it''s ${b}'", "<b> Unknown variable `b` | Did you mean `a`?"],
    [">-\n  folded\n  ${b}", "<b> Unknown variable `b` | Did you mean `a`?"],
    ["${git.hash}", "<git.hash> Unknown variable `git.hash` | Did you mean `git.sha`?"],
    ["${sha}", "<sha> Unknown variable `sha` | Did you mean `git.sha`?"],
    ["${zzzzzz}", "<zzzzzz> Unknown variable `zzzzzz` | Declare it: `vars: { zzzzzz: ... }`"],
    ["${none}", "<none> `none` has no value: it is not set | Set it"],
    ["${none:?tell ${a}}", "<none> tell A | Give `none` a value"],
    ["${empty:?}", "<empty> `empty` has no value | Give `empty` a value"],
    ["${hidden}", "<hidden> `hidden` is secret | Do not"],
    ["${a:-${b}}", "<b> Unknown variable `b` | Did you mean `a`?"],
    ["${a:?${hidden}}", "<hidden> `hidden` is secret | Do not"],
    ["${empty:+${b}}", "<b> Unknown variable `b` | Did you mean `a`?"],
    ["${broken}", ""],
    ["${a", "<${> `${` is not closed | Write `$$` for a dollar sign that is meant as such"],
    ["${a:-${none", "<${> `${` is not closed | Write `$$` for a dollar sign that is meant as such"],
  ])("%s", (written, expected) => {
    expect(resolve(written)).toBe(expected);
  });

  test("of many problems in one text ten are told", () => {
    expect(resolve("${b}".repeat(5000)).split("\n")).toHaveLength(10);
  });

  test("values that double each other end at a limit", () => {
    const long: Scope = { meaning: () => ({ kind: "value", value: "x".repeat(40_000) }), names: () => [] };
    const problems = gatherProblems({ path: "", text: "" });
    const scalar = {
      kind: "scalar",
      type: "text",
      data: "",
      text: "${x}${x}",
      raw: "",
      range: { start: 0, end: 0 },
    };
    const text = { value: "${x}${x}", offset: 0, scalar } as const;
    expect(
      interpolate(
        { ...text, scalar: { ...scalar, kind: "scalar", type: "text" } },
        { scope: long, problems },
      ),
    ).toBe(undefined);
    expect(problems.all().map(({ message }) => message)).toEqual(["This becomes longer than 64 KiB"]);
  });
});

test("no text throws, and problems lie in it", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("${", "}", "$", ":-", "-", "?", "+", "a", "a-b", "git.sha"),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      const template = parseTemplate(text, (name) => MEANINGS.has(name));
      const end = template.ok ? 0 : template.error.end;
      expect(end).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 1000 },
  );
});

test("text without a dollar is itself", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }).map((text) => text.replaceAll("$", "S")),
      (text) => {
        expect(parseTemplate(text, () => false)).toEqual({ ok: true, parts: [{ kind: "literal", text }] });
      },
    ),
  );
});

test("a part of a text is found in its source, however that is quoted", () => {
  const word = fc.stringMatching(/^[a-z]{1,6}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1 }),
      fc.nat(),
      fc.constantFrom("plain", "single", "double"),
      (words, pick, style) => {
        const at = pick % words.length;
        const value = words.join(" ");
        const scalar = style === "single" ? `'${value}'` : style === "double" ? JSON.stringify(value) : value;
        const file = { path: "", text: `key:   ${scalar}` };
        const text = textOf(child(readDocument(file, gatherProblems(file)), "key"));
        if (text === undefined) return; // `true`, `null`: not text
        const start = words.slice(0, at).join(" ").length + (at === 0 ? 0 : 1);
        const range = rangeWithin(text, start, start + (words[at]?.length ?? 0));
        const lead = 7 + (style === "plain" ? 0 : 1);
        const whole = words.length === 1;
        expect(range).toEqual(
          whole ? text.scalar.range : { start: lead + start, end: lead + start + (words[at]?.length ?? 0) },
        );
      },
    ),
  );
});
