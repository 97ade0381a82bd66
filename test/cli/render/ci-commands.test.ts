import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  annotationCommand,
  escapeAzure,
  escapeData,
  escapeProperty,
  harmlessFor,
  harmlessJson,
  maskCommands,
  type Annotation,
} from "../../../cli/render/ci-commands.ts";

const ANNOTATION: Annotation = {
  severity: "error",
  title: "buildx-plan: app, linux/arm64",
  message: "100% of it failed:\nmake: *** [all] Error 1",
  file: "docker/a,b:c.Dockerfile",
  line: 7,
  column: 3,
};

/** As GitHub's runner reads the line: up to the next `::` the properties, parted by commas, then the text; all unescaped. */
function readByGithub(line: string): Readonly<Record<string, string>> {
  const [, command = "", properties = "", data = ""] = /^::(\w+) (.*?)::(.*)$/.exec(line) ?? [];
  const unescape = (text: string): string =>
    text
      .replaceAll("%0D", "\r")
      .replaceAll("%0A", "\n")
      .replaceAll("%3A", ":")
      .replaceAll("%2C", ",")
      .replaceAll("%25", "%");
  const pairs = properties.split(",").map((pair) => pair.split(/=(.*)/).slice(0, 2));
  const read = Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, unescape(value)]));
  const message = data.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
  return { command, ...read, message };
}

describe("annotations", () => {
  test("GitHub", () => {
    expect(annotationCommand("github", ANNOTATION)).toBe(
      "::error file=docker/a%2Cb%3Ac.Dockerfile,line=7,col=3,title=buildx-plan%3A app%2C linux/arm64::100%25 of it failed:%0Amake: *** [all] Error 1\n",
    );
    expect(annotationCommand("github", { severity: "warning", title: "t", message: "m" })).toBe(
      "::warning title=t::m\n",
    );
  });

  test("Azure", () => {
    expect(annotationCommand("azure", ANNOTATION)).toBe(
      "##vso[task.logissue type=error;sourcepath=docker/a,b:c.Dockerfile;linenumber=7;columnnumber=3]buildx-plan: app, linux/arm64: 100%AZP25 of it failed:%0Amake: *** [all%5D Error 1\n",
    );
  });

  test.each(["forgejo", "gitlab", "buildkite", "circleci", "jenkins"] as const)("none in %s", (kind) => {
    expect(annotationCommand(kind, ANNOTATION)).toBeUndefined();
  });

  test("GitHub reads back what was written, whatever it is, from one line", () => {
    const text = fc.string({ unit: fc.constantFrom(..."ab%0AD253C:,;]=\r\n ".split(""), "::", "%0A") });
    fc.assert(
      fc.property(text, text, text, (title, message, file) => {
        const line = annotationCommand("github", { severity: "warning", title, message, file }) ?? "";
        expect(line.slice(0, -1)).not.toMatch(/[\r\n]/);
        expect(readByGithub(line.slice(0, -1))).toEqual({ command: "warning", title, message, file });
      }),
    );
  });

  test("what is escaped for Azure ends nothing, and reads back", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aAZP25%0D;]\r\n".split("")) }), (text) => {
        const written = escapeAzure(text);
        expect(written).not.toMatch(/[\r\n;\]]/);
        const read = written
          .replaceAll("%3B", ";")
          .replaceAll("%0D", "\r")
          .replaceAll("%0A", "\n")
          .replaceAll("%5D", "]")
          .replaceAll("%AZP25", "%");
        expect(read).toBe(text);
      }),
    );
  });

  test("properties are data that ends nowhere else", () => {
    expect(escapeData("50%\r\n: ,")).toBe("50%25%0D%0A: ,");
    expect(escapeProperty("50%\r\n: ,")).toBe("50%25%0D%0A%3A %2C");
  });
});

test("values are masked where a CI can, one line each", () => {
  const values = ["hunter2", "50%\nsecond"];
  expect(maskCommands("github", values)).toBe("::add-mask::hunter2\n::add-mask::50%25%0Asecond\n");
  expect(maskCommands("forgejo", values)).toBe(maskCommands("github", values));
  expect(maskCommands("azure", values)).toBe(
    "##vso[task.setsecret]hunter2\n##vso[task.setsecret]50%AZP25%0Asecond\n",
  );
  expect(maskCommands("gitlab", values)).toBe("");
});

describe("foreign text", () => {
  /** As the runners look for commands in a line. */
  const isCommand = {
    github: (line: string) => /^\s*::/.test(line) || line.includes("##["),
    forgejo: (line: string) => line.startsWith("::") || line.includes("##["),
    azure: (line: string) => line.includes("##vso[") || line.includes("##["),
    buildkite: (line: string) => /^(?:---|\+\+\+|~~~|\^\^\^)/.test(line),
  };

  test.each(["github", "forgejo", "azure", "buildkite"] as const)("%s obeys no line of it", (kind) => {
    const parts = [
      ":",
      "::",
      "#",
      "##[",
      "##vso[",
      "-",
      "---",
      "+++",
      "~~~",
      "^^^ +++",
      "\n",
      " ",
      "\t",
      "a",
    ];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...parts) }), (text) => {
        const written = harmlessFor(kind)(text);
        expect(written.split("\n").filter(isCommand[kind])).toEqual([]);
        const seen = (shown: string): string => shown.replaceAll(/[ \t]/g, "");
        expect(seen(written)).toBe(seen(text));
      }),
    );
  });

  test.each(["gitlab", "circleci", "jenkins", "none"] as const)("%s has no commands in a line", (kind) => {
    expect(harmlessFor(kind)("::a::\n##[b]\n--- c")).toBe("::a::\n##[b]\n--- c");
  });

  test("JSON says the same, without a command", () => {
    const parts = ["#", "##[", "##vso[", "##VSO[", "\\", '"', "\n", "a"];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...parts) }), (text) => {
        const written = harmlessJson(JSON.stringify({ [text]: text }));
        expect(written).not.toMatch(/##(?:\[|vso\[)/i);
        expect(JSON.parse(written)).toEqual({ [text]: text });
      }),
    );
  });
});
