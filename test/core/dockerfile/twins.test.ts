import { expect, test } from "vitest";
import { withoutIgnored } from "../../../core/dockerfile/ignore.ts";
import { withoutTwins } from "../../../core/dockerfile/twins.ts";
import type { Finding } from "../../../core/findings/finding.ts";

const source = { path: "Dockerfile", text: "FROM --platform=linux/amd64 a\nFROM --platform=linux/amd64 b\n" };

function finding(rule: Finding["rule"], start: number, file = source): Finding {
  return { rule, severity: "warning", message: "x", location: { file, range: { start, end: start + 1 } } };
}

test("a check of BuildKit's is left out where a finding of ours says the same of that line", () => {
  const ours = finding("platform-constant", 16);
  const other = { ...source, path: "other.Dockerfile" };
  const kept = [
    finding("buildkit/FromPlatformFlagConstDisallowed", 30),
    finding("buildkit/FromPlatformFlagConstDisallowed", 0, other),
    finding("buildkit/StageNameCasing", 0),
    { rule: "buildkit/FromPlatformFlagConstDisallowed", severity: "warning", message: "no place" } as const,
  ];
  const findings = [ours, finding("buildkit/FromPlatformFlagConstDisallowed", 0), ...kept];
  expect(withoutTwins(findings)).toEqual([ours, ...kept]);
});

test("who ignores a rule of ours does not get BuildKit's instead", () => {
  const text = `# buildx-plan ignore=platform-constant\n${source.text}`;
  const file = { path: "Dockerfile", text };
  const findings = [
    finding("buildkit/FromPlatformFlagConstDisallowed", 40, file),
    finding("buildkit/StageNameCasing", 40, file),
  ];
  expect(withoutIgnored(findings, file)).toEqual(findings.slice(1));
});
