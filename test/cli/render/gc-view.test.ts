import { expect, test } from "vitest";
import { visible } from "../../../cli/text/safe.ts";
import { stagingLines } from "../../../cli/render/gc-view.ts";
import type { StagingTag } from "../../../core/images/gc-staging.ts";
import type { Digest } from "../../../core/oci/digest.ts";

const NOW = Date.parse("2026-11-29T12:00:00.000Z");
const [ONE, TWO]: readonly Digest[] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`];

function tagOf(digit: string): string {
  return `buildx-plan-staging.linux-arm64.${digit.repeat(24)}`;
}

function staging(changes: Partial<StagingTag> = {}): StagingTag {
  return {
    tag: tagOf("1"),
    digest: ONE ?? "sha256:",
    variant: "app linux/arm64",
    node: "arm",
    stagedAtMs: Date.parse("2026-11-26T11:00:00.000Z"),
    isForeign: false,
    slots: 1,
    images: [],
    ...changes,
  };
}

test("each staging tag, whether it goes, what it holds and since when", () => {
  const { stagedAtMs: _, node: _node, variant: _variant, ...bare } = staging({ tag: tagOf("2") });
  const {
    variant: _none,
    node: _no,
    stagedAtMs: _never,
    ...foreign
  } = staging({ tag: tagOf("3"), isForeign: true });
  const lines = stagingLines(
    { roots: new Map(), unreachable: [{ digest: ONE ?? "sha256:", size: 1 }] },
    {
      staging: [
        staging(),
        staging({ digest: TWO ?? "sha256:", variant: "app\u001b[31m linux/arm64", slots: 3 }),
        { ...bare, digest: TWO ?? "sha256:" },
        { ...foreign, digest: TWO ?? "sha256:" },
      ],
      nowMs: NOW,
    },
  );
  expect(lines.join("")).not.toContain("\u001b");
  expect(lines).toEqual([
    "4 staging tags",
    `goes: ${tagOf("1")}, app linux/arm64, staged 3 days ago on arm`,
    `stays: ${tagOf("1")}, ${visible("app\u001b[31m linux/arm64")}, staged 3 days ago on arm, beside 2 older slots`,
    `stays: ${tagOf("2")}, an unknown variant, of unknown age`,
    `stays: ${tagOf("3")}, not one of buildx-plan's`,
  ]);
});

test("where nobody asked for them, that there are some", () => {
  const about = { staging: undefined, nowMs: NOW };
  const roots = new Map([
    ["latest", ONE],
    [tagOf("1"), ONE],
    [tagOf("2"), TWO],
  ]);
  expect(stagingLines({ roots, unreachable: [] }, about)).toEqual([
    "2 staging tags of unfinished releases among the names: --staging tells more",
  ]);
  expect(stagingLines({ roots: new Map([["latest", ONE]]), unreachable: [] }, about)).toEqual([]);
});
