import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sarifOf, type SarifLog, type SarifOptions } from "../../../cli/render/sarif.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import { readRulePage } from "../../../cli/rule-pages.ts";
import { isRuleId, RULES } from "../../../core/findings/rules.ts";
import { platform } from "../../support/make.ts";
import { ROOT } from "../../support/rig.ts";

const LAYER = `sha256:${"ab".repeat(32)}` as const;
const TEXT = "FROM alpine\n\tARG TARGETARCH=amd64\nRUN a \\\n  b\n";

/** A finding on the first place of `marked` in the Dockerfile. */
function inFile(marked: string, text = TEXT, path = "./docker/Dockerfile"): Finding {
  const start = text.indexOf(marked);
  return {
    rule: "platform-arg-default",
    severity: "error",
    message: "TARGETARCH has a default",
    location: { file: { path, text }, range: { start, end: start + marked.length } },
    facts: ["all platforms get amd64"],
    fix: "Remove the default.",
  };
}

function inImage(reference: string, path = "/usr/bin/caddy\u001b[2J"): Finding {
  return {
    rule: "entrypoint-architecture",
    severity: "error",
    message: "It is for amd64",
    image: {
      reference,
      platform: platform("linux/arm64"),
      layer: LAYER,
      path,
      madeBy: "COPY caddy /usr/bin",
    },
  };
}

const OPTIONS: SarifOptions = {
  version: "1.2.3",
  directory: "/work",
  readPage: async (rule) =>
    Object.hasOwn(RULES, rule) ? `# ${rule}\n\nWhat ${rule}\nmeans.\n\n## Wrong\n` : undefined,
};

test("findings in files and in images, with the rules that they name", async () => {
  const both: Finding = {
    ...inImage("app:1"),
    ...inFile("RUN a \\\n  b"),
    rule: "buildkit/JSONArgsRecommended",
  };
  const plain: Finding = { rule: "disk-low", severity: "note", message: "9 GB are free" };
  const log = await sarifOf(
    [inFile("TARGETARCH=amd64"), inImage("localhost:5000/team/app:1"), both, plain],
    OPTIONS,
  );
  expect(problemsOf(log)).toEqual([]);
  await expect(`${JSON.stringify(log, null, 2)}\n`).toMatchFileSnapshot("__snapshots__/sarif.json");
});

test("no findings are a log too", async () => {
  const log = await sarifOf([], OPTIONS);
  expect(problemsOf(log)).toEqual([]);
  expect(log.runs[0].results).toEqual([]);
});

test.each([
  ["./a/b c.yaml", "a/b%20c.yaml"],
  ["/work/plans/buildx-plan.yaml", "plans/buildx-plan.yaml"],
  ["/elsewhere/x.yaml", "file:///elsewhere/x.yaml"],
  ["/workshop/x.yaml", "file:///workshop/x.yaml"],
  ["<stdin>", "%3Cstdin%3E"],
  ["c:d.yaml", "c%3Ad.yaml"],
])("the file %s is named as %s", async (path, uri) => {
  const log = await sarifOf([inFile("TARGETARCH", TEXT, path)], OPTIONS);
  expect(uris(log)).toEqual([uri]);
  expect(problemsOf(log)).toEqual([]);
});

test("a fingerprint outlives moved lines and other tags, and tells defects apart", async () => {
  const before = await fingerprints([
    inFile("TARGETARCH=amd64"),
    inImage("host:5000/app:1"),
    inImage("host:5000/app:1"),
  ]);
  const after = await fingerprints([
    inFile("TARGETARCH=amd64", `# a comment\n\n${TEXT}`),
    inImage(`host:5000/app:2@${LAYER}`),
    inImage(`host:5000/app@${LAYER}`),
  ]);
  expect(after).toEqual(before);
  const others = await fingerprints([
    inFile("RUN"),
    inImage("host:5000/other:1"),
    inImage("host:5000/app:1", "/bin/sh"),
  ]);
  expect(new Set([...before, ...others]).size).toBe(6);
});

test("every rule is described in a few words, and in the first paragraph of its page", async () => {
  const rules = Object.keys(RULES).filter(isRuleId);
  const log = await sarifOf(
    rules.map((rule): Finding => ({ rule, severity: "note", message: rule })),
    { ...OPTIONS, readPage: (rule) => readRulePage(rule, (path) => readFile(join(ROOT, path), "utf8")) },
  );
  expect(problemsOf(log)).toEqual([]);
  for (const { shortDescription, fullDescription, help } of log.runs[0].tool.driver.rules) {
    expect(help?.markdown.replaceAll("\n", " ")).toContain(
      `# ${shortDescription.text}  ${fullDescription.text}  `,
    );
    expect(fullDescription.text).toMatch(/[.:)]$/);
  }
});

test("BuildKit's checks lead to their own page", async () => {
  const names = ["JSONArgsRecommended", "StageNameCasing", "FromPlatformFlagConstDisallowed"];
  const log = await sarifOf(
    names.map((name): Finding => ({ rule: `buildkit/${name}`, severity: "warning", message: name })),
    OPTIONS,
  );
  expect(log.runs[0].tool.driver.rules.map(({ helpUri }) => helpUri)).toEqual([
    "https://docs.docker.com/reference/build-checks/json-args-recommended/",
    "https://docs.docker.com/reference/build-checks/stage-name-casing/",
    "https://docs.docker.com/reference/build-checks/from-platform-flag-const-disallowed/",
  ]);
});

async function fingerprints(findings: readonly Finding[]): Promise<readonly (string | undefined)[]> {
  const log = await sarifOf(findings, OPTIONS);
  return log.runs[0].results.map(({ partialFingerprints }) => partialFingerprints["buildxPlan/v1"]);
}

function uris(log: SarifLog): readonly (string | undefined)[] {
  return log.runs[0].results.flatMap(({ locations }) =>
    locations.map(({ physicalLocation }) => physicalLocation?.artifactLocation.uri),
  );
}

/** What the schema of SARIF 2.1.0 and the rules of code hosts forbid, of the parts that we write. */
function problemsOf(log: SarifLog): readonly string[] {
  const { tool, results } = log.runs[0];
  const problems: string[] = [];
  const must = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  const ids = tool.driver.rules.map(({ id }) => id);
  must(new Set(ids).size === ids.length, "3.19.23: rules are unique");
  must(
    tool.driver.rules.every(
      ({ shortDescription, fullDescription }) =>
        shortDescription.text !== "" && /^.{1,1024}$/.test(fullDescription.text),
    ),
    "3.11.8: text, and what GitHub takes of it",
  );
  for (const { ruleId, ruleIndex, level, message, locations, partialFingerprints } of results) {
    must(tool.driver.rules[ruleIndex]?.name?.toLowerCase() !== ruleId, "SARIF1001: no name is its id");
    must(ids[ruleIndex] === ruleId, "3.27.6: the index leads to the rule");
    must(["error", "warning", "note"].includes(level), "3.27.10: level");
    must(message.text !== "" && !message.text.includes("\u001b"), "3.11.8: text");
    must(
      Object.values(partialFingerprints).every((each) => each !== ""),
      "3.27.17: fingerprints",
    );
    for (const { physicalLocation } of locations) {
      must(physicalLocation !== undefined, "code hosts want a file");
      if (physicalLocation === undefined) continue;
      const { artifactLocation, region } = physicalLocation;
      const { startLine, startColumn = 1, endLine = startLine, endColumn = Infinity } = region;
      must(startLine >= 1 && startColumn >= 1, "3.30.5: numbers start at 1");
      must(endLine > startLine || endColumn >= startColumn, "3.30.7: the end is not before the start");
      must(
        /^(?:file:\/\/\/)?(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-F]{2})+(?:\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+)*$/.test(
          artifactLocation.uri,
        ),
        `3.10.2: ${artifactLocation.uri} is no URI reference`,
      );
    }
  }
  return problems;
}
