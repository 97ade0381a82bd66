import { expect, test } from "vitest";
import { describeFindings, explainFindings, inOrder, tally } from "../../../cli/describe/findings.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import { platform } from "../../support/make.ts";

const PLAIN = { width: 100, colour: false };
const text = "FROM alpine\nARG TARGETARCH=amd64\n";
const start = text.indexOf("TARGETARCH");

const location = { file: { path: "Dockerfile", text }, range: { start, end: start + 10 } };

const inFile: Finding = {
  rule: "platform-arg-default",
  severity: "warning",
  message: "TARGETARCH has a default",
  location,
  fix: "Remove the default.",
};
const inImage: Finding = {
  rule: "entrypoint-architecture",
  severity: "error",
  message: "It starts a program for amd64",
  image: {
    reference: "app:1",
    platform: platform("linux/arm64"),
    path: "/bin/\u001b[31mx",
    layer: `sha256:${"ab".repeat(32)}`,
    madeBy: "COPY x /bin",
  },
  facts: ["expected arm64"],
};
const nowhere: Finding = { rule: "disk-low", severity: "note", message: "1 GB is free" };

test("errors first, each with its place, facts and what to do; then how many there are", () => {
  expect(describeFindings([nowhere, inFile, inImage], PLAIN)).toBe(
    `app:1 linux/arm64: error: It starts a program for amd64 [entrypoint-architecture]
  file /bin/\\x1b[31mx
  layer sha256:${"ab".repeat(32)}
  made by COPY x /bin
  expected arm64

Dockerfile:2:5: warning: TARGETARCH has a default [platform-arg-default]
  2 | ARG TARGETARCH=amd64
    |     ^^^^^^^^^^
  hint: Remove the default.

note: 1 GB is free [disk-low]

1 error, 1 warning, 1 note
  hint: \`buildx-plan explain entrypoint-architecture\` tells more.`,
  );
  const theirs: Finding = { ...inFile, rule: "buildkit/StageNameCasing", severity: "error" };
  expect(describeFindings([theirs], PLAIN)).toMatch(/\n\n1 error$/);
  expect(describeFindings([], PLAIN)).toBe("");
  const foreign = { ...nowhere, rule: "buildkit/StageNameCasing" } as const;
  expect(describeFindings([foreign], PLAIN)).toMatch(/\n\n1 note$/);
  expect(tally([])).toBe("no findings");
});

test("a place in a file and in an image: the file first, the image among the facts", () => {
  const both: Finding = { ...inImage, location, severity: "warning" };
  const [head, , , below] = describeFindings([both], PLAIN).split("\n");
  expect(head).toMatch(/^Dockerfile:2:5: warning: /);
  expect(below).toBe("  in app:1 linux/arm64");
});

test("more findings and facts than anybody reads are counted", () => {
  const facts = Array.from({ length: 30 }, (_, at) => `fact ${at}`);
  const many = Array.from({ length: 60 }, (): Finding => ({ ...nowhere, facts }));
  const shown = describeFindings(many, PLAIN);
  expect(shown.match(/\[disk-low\]/g)).toHaveLength(50);
  expect(shown.match(/^ {2}and 19 more$/gm)).toHaveLength(50);
  expect(shown).toMatch(/\n\nand 10 more; 60 notes\n {2}hint: [^\n]+$/);
});

test("what stopped a release: its errors, what to do, and where to read on", () => {
  expect(explainFindings("app is stopped", [inFile, inImage, { ...inImage, fix: "Build it." }])).toEqual({
    headline: "app is stopped",
    facts: [
      "app:1 linux/arm64: It starts a program for amd64 [entrypoint-architecture]",
      expect.stringContaining("  file "),
      expect.stringContaining("  layer "),
      "  made by COPY x /bin",
      "  expected arm64",
      "app:1 linux/arm64: It starts a program for amd64 [entrypoint-architecture]",
      expect.stringContaining("  file "),
      expect.stringContaining("  layer "),
      "  made by COPY x /bin",
      "  expected arm64",
    ],
    advice: ["Build it.", "`buildx-plan explain entrypoint-architecture` tells more."],
  });
  expect(inOrder([nowhere, inFile, inImage])).toEqual([inImage, inFile, nowhere]);
});
