import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dockerfile, Instruction } from "../../../core/dockerfile/dockerfile.ts";
import { assignmentsOf, jsonForm, wordsOf } from "../../../core/dockerfile/instruction.ts";
import { MAX_DOCKERFILE_BYTES, parseDockerfile } from "../../../core/dockerfile/parse.ts";
import type { Range } from "../../../core/plan/source.ts";
import { dockerfile, placed, textAt } from "../../support/dockerfile.ts";

/** The instructions of all stages, as they are when they are on one line. */
function instructions(text: string): readonly string[] {
  return dockerfile(text).stages.flatMap(({ instructions: own }) => own.map((each) => each.text));
}

function only(text: string): Instruction {
  const [first, ...more] = dockerfile(text).stages[0]?.instructions ?? [];
  if (first === undefined || more.length > 0) throw new Error("not one instruction");
  return first;
}

describe("lines become instructions as BuildKit joins them", () => {
  test.each([
    ["continuations", "RUN a \\\n  b \\\n  c\n", ["RUN a   b   c"]],
    [
      "comments and blank lines in between",
      "RUN a \\\n# no\n\n  # no\n  && b\nUSER x",
      ["RUN a   && b", "USER x"],
    ],
    ["blanks after the escape character", "RUN a \\ \t\n b", ["RUN a  b"]],
    ["an escaped escape character at the end", "RUN a \\\\\nUSER b", ["RUN a \\\\", "USER b"]],
    ["CRLF", "RUN a \\\r\n  b\r\nUSER x\r\n", ["RUN a   b", "USER x"]],
    ["indented instructions, lowercase", "  run a\n\tuser x", ["run a", "user x"]],
    ["a continuation that the file ends in", "RUN a \\", ["RUN a"]],
    ["an escape character alone on its line", "RUN a \\\n\\\nb", ["RUN a b"]],
    ["a # that begins no line", "RUN echo a # b\nUSER x", ["RUN echo a # b", "USER x"]],
    ["a heredoc", "RUN <<EOF\n# no comment\nFROM x \\\nEOF\nUSER x", ["RUN <<EOF", "USER x"]],
    ["two heredocs", "COPY <<a <<b /\n1\na\n2\nb\nUSER x", ["COPY <<a <<b /", "USER x"]],
    ["a heredoc after ONBUILD", "ONBUILD RUN <<E\nUSER y\nE\nUSER x", ["ONBUILD RUN <<E", "USER x"]],
    ["tabs before the end of <<-", "RUN <<-E\n\ta\n\t\tE\nUSER x", ["RUN <<-E", "USER x"]],
    ["a quoted end", "RUN <<'E' cat\na\nE\nUSER x", ["RUN <<'E' cat", "USER x"]],
    ["a heredoc below an escape character alone", "\\\n RUN <<E\na\nE\nUSER x", ["RUN <<E", "USER x"]],
    ["a variable in the end, which is no variable", "RUN <<E$A\na\nE$A\nUSER x", ["RUN <<E$A", "USER x"]],
    ["blanks before the end", "RUN cat << E\na\nE\nUSER x", ["RUN cat << E", "USER x"]],
    ["a heredoc over a continuation", "RUN cat \\\n <<E\na\nE\nUSER x", ["RUN cat  <<E", "USER x"]],
    ["<< in quotes, which is none", "RUN echo 'a <<E'\nUSER x", ["RUN echo 'a <<E'", "USER x"]],
    ["<<< of bash, which is none", "RUN cat <<<word\nUSER x", ["RUN cat <<<word", "USER x"]],
    ["<< in the JSON form, which is none", 'RUN ["cat", "<<E"]\nUSER x', ['RUN ["cat", "<<E"]', "USER x"]],
    ["<< elsewhere, which is none", "LABEL a=<<E\nUSER x", ["LABEL a=<<E", "USER x"]],
  ])("%s", (_, text, expected) => {
    expect(instructions(`FROM a\n${text}`)).toEqual(expected);
  });

  test("with another escape character", () => {
    const text = "# escape=`\nFROM a\nRUN dir c:\\ `\n  c:\\b\\\nUSER x";
    expect(instructions(text)).toEqual(["RUN dir c:\\   c:\\b\\", "USER x"]);
  });

  test("after a byte order mark", () => {
    const parsed = dockerfile("\uFEFF# syntax=docker/dockerfile:1\nFROM a");
    expect(parsed.directives.map(({ value }) => value)).toEqual(["docker/dockerfile:1"]);
  });
});

describe("what stands at the top", () => {
  test.each([
    ["# syntax = docker/dockerfile:1 \n#ESCAPE=`\nFROM a", ["syntax docker/dockerfile:1", "escape `"]],
    ["# a comment ends them\n# escape=`\nFROM a", []],
    ["\n# escape=`\nFROM a", []],
    ["# check=skip=all;error=true\nFROM a", ["check skip=all;error=true"]],
    ["# unknown=1\n# escape=`\nFROM a", []],
  ])("%j", (text, expected) => {
    expect(dockerfile(text).directives.map(({ name, value }) => `${name} ${value}`)).toEqual(expected);
  });

  test("comments, not directives and not lines of heredocs", () => {
    const text = "# syntax=docker/dockerfile:1\n# one\nFROM a\nRUN a \\\n # two\n b <<E\n# no\nE\n#three";
    expect(dockerfile(text).comments.map((each) => each.text)).toEqual(["one", "two", "three"]);
  });
});

describe("parts of an instruction", () => {
  test("a FROM with everything", () => {
    const text = "FROM --platform=$BUILDPLATFORM \\\n golang:1.26 As Build";
    const [stage] = dockerfile(text).stages;
    expect(stage).toMatchObject({ name: "build", index: 0 });
    expect(textAt(text, stage?.from.image.range ?? { start: 0, end: 0 })).toBe("golang:1.26");
    expect(textAt(text, stage?.from.platform?.range ?? { start: 0, end: 0 })).toBe("$BUILDPLATFORM");
  });

  test("flags end where none follows, and have their quotes removed", () => {
    const text = 'FROM a\nRUN --mount=type=bind,"from=b c" --network=none --- -- a --no';
    const { flags, body } = only(text);
    expect(flags.map(({ name, value }) => [name, value])).toEqual([
      ["mount", "type=bind,from=b c"],
      ["network", "none"],
      ["-", undefined],
    ]);
    expect(body.text).toBe("a --no");
    expect(textAt(text, body.range)).toBe("a --no");
    expect(flags.map(({ range }) => textAt(text, range))).toEqual([
      '--mount=type=bind,"from=b c"',
      "--network=none",
      "---",
    ]);
  });

  test("assignments with quotes, several in one line, and the old form of ENV", () => {
    const of = (text: string) =>
      assignmentsOf(only(`FROM a\n${text}`), "\\").map(({ name, value }) => [name, value]);
    expect(of('ARG A B= C="d e" D=\\ x')).toEqual([
      ["A", undefined],
      ["B", ""],
      ["C", '"d e"'],
      ["D", "\\ x"],
    ]);
    expect(of("ENV A b c=d")).toEqual([["A", "b c=d"]]);
    expect(of("ENV A=1 B='2 3'")).toEqual([
      ["A", "1"],
      ["B", "'2 3'"],
    ]);
  });

  test("an assignment on a continued line stands where it is written", () => {
    const text = "FROM a\nARG A \\\n    TARGETARCH=amd64";
    const file = { path: "Dockerfile", text };
    const places = assignmentsOf(only(text), "\\").map(({ range }) => placed({ file, range }));
    expect(places).toEqual(["2:5 A", "3:5 TARGETARCH=amd64"]);
  });

  test("a word that ends where its line does ends there", () => {
    const text = "FROM a\nARG A=1\\\n B=2";
    const ranges = assignmentsOf(only(text), "\\").map(({ range }) => textAt(text, range));
    expect(ranges).toEqual(["A=1", "B=2"]);
  });

  test.each([
    ['CMD ["a", "b\\n"]', ["a", "b\n"]],
    ['CMD [ "a" ]  ', ["a"]],
    ['CMD ["a", 1]', undefined],
    ["CMD [ -f a ]", undefined],
    ["CMD a", undefined],
  ])("the JSON form of %s", (text, expected) => {
    expect(jsonForm(only(`FROM a\n${text}`))).toEqual(expected);
  });

  test("what ONBUILD keeps is an instruction with its own places", () => {
    const text = "FROM a\nONBUILD COPY --from=b \\\n x /";
    const { trigger } = only(text);
    expect(trigger).toMatchObject({ keyword: "COPY", text: "COPY --from=b  x /" });
    expect(trigger?.flags.map(({ valueRange }) => textAt(text, valueRange))).toEqual(["b"]);
    expect(trigger && wordsOf(trigger).map(({ range }) => textAt(text, range))).toEqual(["x", "/"]);
  });

  test("ONBUILD ONBUILD, however often, ends", () => {
    expect(only(`FROM a\n${"ONBUILD ".repeat(5000)}RUN a`).trigger?.trigger).toBeUndefined();
  });
});

describe("what BuildKit refuses is a problem with a place", () => {
  test.each([
    ["", "The Dockerfile has no FROM, so there is nothing to build", "1:1 "],
    ["# nothing\n", "The Dockerfile has no FROM, so there is nothing to build", "1:1 #"],
    ["ARG A\n", "The Dockerfile has no FROM, so there is nothing to build", "1:1 A"],
    ["RUN a\nFROM b", "RUN stands before the first FROM, where only ARG may", "1:1 RUN"],
    ["FROM a\nCOPPY b c", "`COPPY` is no instruction of a Dockerfile", "2:1 COPPY"],
    ["FROM a\nENV b", "ENV takes pairs of a name and a value, joined by `=`", "2:5 b"],
    ["FROM a\nLABEL b=c d", "LABEL takes pairs of a name and a value, joined by `=`", "2:7 b=c d"],
    ["FROM a\nLABEL", "LABEL takes pairs of a name and a value, joined by `=`", "2:1 LABEL"],
    ["FROM", "FROM takes an image, and after it nothing, or `AS` and a name", "1:1 FROM"],
    ["FROM a b", "FROM takes an image, and after it nothing, or `AS` and a name", "1:6 a b"],
    ["FROM a AS 1b", "`1b` cannot be the name of a stage", "1:11 1b"],
    ["FROM a\nRUN <<EOF\nx\n", "The heredoc `<<EOF` has no line `EOF` that ends it", "2:1 RUN <<EOF"],
    ["# escape=x\nFROM a", "`x` cannot be an escape character: it is ` or \\", "1:1 # escape=x"],
    ["# escape=`\n# escape=`\nFROM a", "The directive `escape` is there twice", "2:1 # escape=`"],
  ])("%j", (text, message, place) => {
    const parsed = parseDockerfile({ path: "Dockerfile", text });
    if (parsed.ok) throw new Error("it was read");
    expect(parsed.error.message).toBe(message);
    expect(placed({ file: { path: "Dockerfile", text }, range: parsed.error.range })).toBe(place);
  });

  test("a line, or a file, that is too long", () => {
    const problem = (text: string) => {
      const parsed = parseDockerfile({ path: "Dockerfile", text });
      return parsed.ok ? undefined : parsed.error.message;
    };
    expect(problem(`FROM a\nRUN ${"x".repeat(65_531)}`)).toBeUndefined();
    expect(problem(`FROM a\nRUN ${"x".repeat(65_532)}`)).toBe(
      "A line is longer than 65535 bytes, which BuildKit does not read",
    );
    expect(problem(`FROM a\n#${"\n".repeat(MAX_DOCKERFILE_BYTES)}`)).toBe(
      "The Dockerfile is larger than 1 MiB",
    );
  });

  test("an unknown instruction is suggested what it probably means", () => {
    const parsed = parseDockerfile({ path: "Dockerfile", text: "FROM a\nENTRYPIONT b" });
    expect(parsed.ok ? undefined : parsed.error.fix).toBe("Did you mean ENTRYPOINT?");
  });

  test("nothing is unknown to a frontend of somebody else", () => {
    const text = "# syntax=example.org/more/dockerfile-x:1\nFROM a\nINCLUDE b";
    expect(instructions(text)).toEqual(["INCLUDE b"]);
  });
});

describe("any text", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "FROM a",
      "RUN ",
      "\\\n",
      "\\ \n",
      "\n",
      "\r\n",
      "# x",
      "<<E",
      "<<-'E'",
      "E",
      "ARG A=",
      "$",
      "${",
    ),
    fc.constantFrom(
      "}",
      ":-",
      "'",
      '"',
      "`",
      "# escape=`\n",
      "ONBUILD ",
      "COPY --from=",
      "--mount=from=",
      "[",
      "]",
      "\t",
    ),
    fc.string({ unit: "grapheme", maxLength: 8 }),
  );
  const texts = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));

  test("is read or refused, with every place inside of it and in order", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseDockerfile({ path: "Dockerfile", text });
        const ranges = parsed.ok ? rangesOf(parsed.value) : [parsed.error.range];
        for (const { start, end } of ranges) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(text.length);
        }
        if (!parsed.ok) return;
        const starts = parsed.value.stages.flatMap(({ from, instructions: own }) =>
          [from.instruction, ...own].map(({ range }) => range),
        );
        for (const [at, range] of starts.entries())
          expect(range.start).toBeGreaterThanOrEqual(starts[at - 1]?.end ?? 0);
      }),
      { numRuns: 2000 },
    );
  });

  test("of a Dockerfile: each instruction begins with its keyword", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseDockerfile({ path: "Dockerfile", text: `FROM a\n${text}` });
        if (!parsed.ok) return;
        for (const each of parsed.value.stages.flatMap((stage) => stage.instructions))
          expect(textAt(parsed.value.source.text, each.place(0, 1)).toUpperCase()).toBe(each.keyword[0]);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["blanks", `FROM a\nRUN x${" ".repeat(60_000)}y`],
    ["blanks after <<", `FROM a\nRUN x <<${" ".repeat(60_000)}<`],
    ["open substitutions", `FROM a\nRUN ${"${a:-".repeat(12_000)} <<E`],
    ["continuations", `FROM a\nRUN ${"\\\n".repeat(400_000)}`],
    ["stages", "FROM a\n".repeat(140_000)],
    ["words", `FROM a\nARG ${"a ".repeat(30_000)}`],
  ])("of many %s is read without delay", (_, text) => {
    // What is not linear here takes minutes, and the test runs into its time limit.
    expect(parseDockerfile({ path: "Dockerfile", text }).ok).toBe(true);
  });
});

function rangesOf({ stages, globalArgs, comments, directives }: Dockerfile): readonly Range[] {
  const all = [...globalArgs, ...stages.flatMap(({ from, instructions: own }) => [from.instruction, ...own])];
  return [
    ...comments.map(({ range }) => range),
    ...directives.map(({ range }) => range),
    ...all.flatMap((each) => [
      each.range,
      each.body.range,
      ...each.flags.flatMap(({ range, valueRange }) => [range, valueRange]),
      ...each.heredocs.map(({ range }) => range),
      ...wordsOf(each).map(({ range }) => range),
      ...assignmentsOf(each, "\\").map(({ range }) => range),
      ...(each.trigger === undefined ? [] : [each.trigger.range, each.trigger.body.range]),
    ]),
  ];
}
