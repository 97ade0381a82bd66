import { describe, expect, test } from "vitest";
import { readForeignYaml } from "../../../core/init/foreign.ts";
import { metadataTags } from "../../../core/init/metadata-tags.ts";
import type { ProposedVariable } from "../../../core/init/proposal.ts";

function made(rules: readonly string[], flavor: readonly string[] = []) {
  const env = readForeignYaml("x.yaml", "{ NAME: nightly, RULE: 'type=sha' }");
  if (!env.ok) throw new Error(env.error);
  const variables = new Map<string, ProposedVariable>();
  return metadataTags(rules, flavor, { env: [env.value], cell: new Map(), variables });
}

describe("rules that a plan has", () => {
  test("those that count where none are written", () => {
    expect(made([])).toEqual({ rules: { from: ["schedule", "branch", "tag", "pr"] }, leftOut: [] });
  });

  test.each([
    ["type=semver,pattern={{version}}", "semver:{{version}}"],
    ["type=semver,pattern={{major}}.{{minor}}", "semver:{{major}}.{{minor}}"],
    [" type = semver , pattern = v{{major}}", "semver:v{{major}}"],
    ["type=semver,pattern={{version}},value=", "semver:{{version}}"],
    ["type=semver,pattern={{version}},value=v1.0.0", "type=semver,pattern={{version}},value=v1.0.0"],
    ["type=semver,pattern={{raw}},match=web/(.*)$", "type=semver,pattern={{raw}},match=web/(.*)$$"],
    ["type=ref,event=branch", "branch"],
    ["type=ref,event=tag", "tag"],
    ["type=ref,event=pr", "pr"],
    ["type=ref,event=pr,prefix=", "type=ref,event=pr,prefix="],
    ["type=sha", "sha"],
    ["type=sha,format=long", "sha:long"],
    ["type=sha,enable=true,priority=10", "type=sha,priority=10"],
    ["type=schedule", "schedule"],
    ["type=schedule,pattern={{date 'YYYYMMDD'}}", "schedule:{{date 'YYYYMMDD'}}"],
    ["type=edge", "edge"],
    ["type=edge,branch=next", "edge:next"],
    ["type=match,pattern=v(.*),group=1", "type=match,pattern=v(.*),group=1"],
    [String.raw`type=match,pattern=\d{8}`, String.raw`match:\d{8}`],
    ['type=match,"pattern=\\d{1,3}"', "match:\\d{1,3}"],
    ['type=match,"pattern=(\\d{1,3})",group=1', { type: "match", pattern: "(\\d{1,3})", group: "1" }],
    ["type=raw,value=stable", "raw:stable"],
    ["type=raw,stable", "raw:stable"],
    ["stable", "raw:stable"],
    ["type=raw,value=a,enable={{is_default_branch}}", "type=raw,value=a,enable={{is_default_branch}}"],
    ["type=raw,value=${{ env.NAME }}", "raw:nightly"],
    ["type=raw,value=${{ github.run_number }}", "raw:${run_number}"],
  ])("%s", (line, rule) => {
    expect(made([line])).toEqual({ rules: { from: [rule] }, leftOut: [] });
  });

  test("one that is switched off is none, and one that is there twice is one", () => {
    const rules = ["type=raw,value=a,enable=false", "type=sha", "type=sha,format=", "type=sha,enable=true"];
    expect(made(rules)).toEqual({ rules: { from: ["sha"] }, leftOut: [] });
  });
});

test.each([
  ["type=pep440,pattern={{version}}", "`pep440` is no rule for tags"],
  ["type=raw,value=b-{{base_ref}}", "`{{base_ref}}` stands for nothing here"],
  [
    "type=raw,value=b-{{base_ref}},enable={{is_not_default_branch}}",
    "`{{base_ref}}` stands for nothing here",
  ],
  [
    "type=raw,value={{date 'YYYY' tz='Asia/Tokyo'}}",
    "`{{date 'YYYY' tz='Asia/Tokyo'}}` stands for nothing here",
  ],
  ["type=schedule,pattern={{date 'dddd'}}", "a plan knows no dates like `dddd`"],
  ["type=semver,pattern={{#if x}}", "`{{#if x}}` stands for nothing here"],
  ["type=semver", "The rule `semver` needs a pattern"],
  ["type=match,pattern=(", "This is no regular expression of JavaScript"],
  ["type=ref,event=sha", "A rule of type ref needs an event"],
  ["type=sha,color=red", "The rule `sha` has no attribute `color`"],
  ["type=raw,value=a,enable=${{ vars.ON }}", "`enable` is neither true nor false"],
  [
    "type=raw,value=a,enable=${{ github.ref == format('refs/heads/{0}', 'main') }}",
    "whether it counts is decided in the workflow",
  ],
  ["type=raw,value=${{ steps.a.outputs.b }}", "known only while the workflow runs"],
])("left out: %s", (line, reason) => {
  expect(made([line, "edge"])).toEqual({
    rules: { from: ["raw:edge"] },
    leftOut: [`\`${line}\`: ${reason}`],
  });
});

describe("flavor", () => {
  test.each([
    [["latest=auto"], {}],
    [["latest=true"], { latest: true }],
    [["latest=false", "suffix=-alpine"], { latest: false, suffix: "-alpine" }],
    [["prefix=${{ env.NAME }}-,onlatest=true"], { prefix: "nightly-", "on-latest": true }],
    [
      ["prefix=a-,onlatest=true", "suffix=-b,onlatest=true"],
      { prefix: "a-", suffix: "-b", "on-latest": true },
    ],
    [["prefix=,onlatest=false", "suffix=-b,onlatest=true"], { suffix: "-b", "on-latest": true }],
  ])("%j", (flavor, keys) => {
    expect(made(["type=sha"], flavor)).toEqual({ rules: { from: ["sha"], ...keys }, leftOut: [] });
  });

  test.each([
    ["latest=${{ github.ref == 'refs/heads/main' }}", "known only while the workflow runs"],
    ["latest=maybe", "`latest` is auto, true or false"],
    ["suffix=-{{base_ref}}", "`{{base_ref}}` stands for nothing here"],
    ["color=red", "a plan has nothing like it"],
  ])("left out: %s", (line, reason) => {
    expect(made(["type=sha"], [line])).toEqual({
      rules: { from: ["sha"] },
      leftOut: [`flavor \`${line}\`: ${reason}`],
    });
  });

  test("`onlatest` of one of two is told", () => {
    const { rules, leftOut } = made(["type=sha"], ["prefix=a-,onlatest=true", "suffix=-b"]);
    expect(rules).toEqual({ from: ["sha"], prefix: "a-", suffix: "-b" });
    expect(leftOut).toEqual([
      "flavor `onlatest=true`: it holds for one of prefix and suffix, and in a plan for both or none",
    ]);
  });
});
