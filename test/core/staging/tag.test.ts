import { expect, test } from "vitest";
import { isStagingTag, planDigest, stagingTag, type StagingSubject } from "../../../core/staging/tag.ts";
import { variant } from "../../support/make.ts";
import { releaseOf } from "../../support/run-world.ts";

const RELEASE = releaseOf("app", ["linux/amd64", "linux/arm/v7"], ["one.example", "two.example"]);
const SUBJECT: StagingSubject = { release: RELEASE, variant: variant("linux/arm/v7") };

test.each([
  ["linux/amd64", "linux-amd64"],
  ["linux/arm64/v8", "linux-arm64"],
  ["linux/arm", "linux-arm-v7"],
  ["windows(10.0.17763)/amd64", "windows-amd64"],
  ["linux/a.b/c_d", "linux-a-b-c_d"],
])("%s is told by its name: %s", (platform, name) => {
  const tag = stagingTag({ ...SUBJECT, variant: variant(platform) });
  expect(tag).toMatch(/^buildx-plan-staging\.[^.]+\.[0-9a-f]{24}$/);
  expect(tag.split(".")[1]).toBe(name);
});

test("the same facts give the same tag, whoever made the objects", () => {
  const again = structuredClone(SUBJECT);
  expect(stagingTag(again)).toBe(stagingTag(SUBJECT));
});

test.each<readonly [string, Partial<StagingSubject>]>([
  ["another release", { release: { name: "app[node=22]" } }],
  ["another variant", { variant: { ...SUBJECT.variant, id: "app[node=22] linux/arm/v7" } }],
  ["a scope", { scope: "0123" }],
])("%s: another tag", (_, changes) => {
  expect(stagingTag({ ...SUBJECT, ...changes })).not.toBe(stagingTag(SUBJECT));
});

test("other tags of the release, or another part of the plan, are other settings", () => {
  const digest = planDigest(RELEASE, "{}");
  expect(planDigest(structuredClone(RELEASE), "{}")).toBe(digest);
  const others = [
    planDigest({ ...RELEASE, tags: RELEASE.tags.slice(1) }, "{}"),
    planDigest({ ...RELEASE, tags: RELEASE.tags.toReversed() }, "{}"),
    planDigest({ ...RELEASE, name: "app[node=22]" }, "{}"),
    planDigest(RELEASE, '{"target":"x"}'),
  ];
  expect(new Set([digest, ...others]).size).toBe(5);
});

test("a tag is never longer than registries take", () => {
  const long = "x".repeat(300);
  const platform = { os: long, architecture: long, variant: long };
  const tag = stagingTag({ ...SUBJECT, variant: { id: long, platform } });
  expect(tag).toMatch(/^\w[\w.-]{0,127}$/);
  expect(isStagingTag(tag)).toBe(true);
});

test.each([
  "latest",
  "buildx-plan-staging",
  "buildx-plan-staging.linux-amd64",
  "buildx-plan-staging.linux-amd64.0123",
  `buildx-plan-staging.linux-amd64.${"0".repeat(25)}`,
  `buildx-plan-staging..${"0".repeat(24)}`,
  `my-buildx-plan-staging.linux-amd64.${"0".repeat(24)}`,
])("%s is no staging tag", (tag) => {
  expect(isStagingTag(tag)).toBe(false);
});

test("its own tags are staging tags", () => {
  expect(isStagingTag(stagingTag(SUBJECT))).toBe(true);
});
