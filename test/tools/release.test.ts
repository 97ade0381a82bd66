import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatSums } from "../../tools/release/sums.ts";
import { assembleIn, onGithub } from "../support/checkout.ts";
import { planOf } from "../support/plan.ts";
import { ROOT } from "../support/rig.ts";

test("sums are lines of digest and name, in the order of the names", () => {
  const files = new Map([
    ["b", new Uint8Array([0x61, 0x62, 0x63])],
    ["a", new Uint8Array()],
  ]);
  expect(formatSums(files)).toBe(
    `e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b
`,
  );
});

test("the release's plan has the tags of a version, and takes the BuildKit that is pinned", async () => {
  const text = await readFile(join(ROOT, "release.yaml"), "utf8");
  const { releases } = planOf(await assembleIn(text, onGithub("refs/tags/v1.2.3")));
  expect(
    releases.map(({ name, variants, tags }) => [
      name,
      variants.map(({ id }) => id),
      tags.map(({ tag }) => tag),
    ]),
  ).toEqual([
    ["executable", ["executable linux/amd64", "executable linux/arm64", "executable windows/amd64"], []],
    ["buildx-plan", ["buildx-plan linux/amd64", "buildx-plan linux/arm64"], ["1.2.3", "1.2", "1", "latest"]],
  ]);
  const pins = await readFile(join(ROOT, "tools", "go.mod"), "utf8");
  const [, pin = ""] = /moby\/buildkit (v\S+)/.exec(pins) ?? [];
  expect(JSON.stringify(releases)).toContain(`docker.io/moby/buildkit:${pin}"`);
});
