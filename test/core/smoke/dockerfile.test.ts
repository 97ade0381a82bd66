import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCommand, smokeDockerfile } from "../../../core/smoke/dockerfile.ts";

/** The argument vector that Go's JSON decoder finds in the one instruction of the Dockerfile. */
function argvOf(dockerfile: string): unknown {
  const [, text = ""] = /^FROM tested\nRUN (\[.*\])\n$/.exec(dockerfile) ?? [];
  return JSON.parse(text);
}

describe("a program with arguments", () => {
  test("comes back from the Dockerfile as it was, whatever it is", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (argv) => {
        expect(argvOf(smokeDockerfile({ kind: "exec", argv }))).toEqual(argv);
      }),
    );
  });

  test("leaves nothing that the syntax of a Dockerfile could know", () => {
    const text = "<<END\n# escape=`\\\r\n\u2028${PATH} --mount=x \\";
    expect(smokeDockerfile({ kind: "exec", argv: ["/bin/sh", text] })).toMatch(
      /^FROM tested\nRUN \["\/bin\/sh","(?:\\u[0-9a-f]{4}|[A-Za-z0-9._/-])*"\]\n$/,
    );
  });

  test("is short enough for a line of a Dockerfile when it has all the characters that a plan allows", () => {
    const lines = smokeDockerfile({ kind: "exec", argv: ["\u{1F600}".repeat(5_000)] }).split("\n");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(65_536);
  });
});

describe("a line for the shell", () => {
  test("is a here-document in which nothing is expanded", () => {
    const line = "--security=insecure $PATH \\";
    expect(smokeDockerfile({ kind: "shell", line })).toBe(`FROM tested\nRUN <<'END'\n${line}\nEND\n`);
  });

  test("does not end its own here-document", () => {
    expect(smokeDockerfile({ kind: "shell", line: "END" })).toBe("FROM tested\nRUN <<'ENDE'\nEND\nENDE\n");
  });
});

describe("a command as people would type it", () => {
  test.each([
    [["/app", "--version", "a=b"], "/app --version a=b"],
    [["/app", "two words", ""], "/app 'two words' ''"],
    [["/app", "it's"], String.raw`/app 'it'\''s'`],
  ])("%j", (argv, typed) => {
    expect(formatCommand({ kind: "exec", argv })).toBe(typed);
  });

  test("a line is one already", () => {
    expect(formatCommand({ kind: "shell", line: "a && b" })).toBe("a && b");
  });
});
