import { expect, test } from "vitest";
import { diffView, sizeChange, type DiffView } from "../../../cli/render/diff-view.ts";
import { verifyView, type VerifyView } from "../../../cli/render/verify-view.ts";
import { displayWidth } from "../../../cli/text/width.ts";
import { digest } from "../../support/run-events.ts";

const FILE = { width: Number.POSITIVE_INFINITY, colour: false };

const VERIFY: VerifyView = {
  reference: "registry.example/team/app:1.2",
  digest: digest("index"),
  platforms: [
    {
      platform: "linux/amd64",
      digest: digest("amd64"),
      size: 61_234_567,
      programs: 812,
      starts: "fine",
      attestations: ["provenance", "sbom"],
      verdict: "fine",
    },
    {
      platform: "linux/arm64",
      digest: digest("arm64"),
      size: 58_000_000,
      programs: 790,
      starts: "foreign",
      attestations: [],
      verdict: "error",
    },
    {
      platform: "windows(10.0.20348.2527)/amd64",
      digest: digest("windows"),
      size: 1_800_000_000,
      starts: "unknown",
      attestations: [],
      verdict: "note",
    },
  ],
  sameIn: ["mirror.example/team/app:1.2"],
  against: {
    reference: "registry.example/team/app:1.1",
    lost: ["linux/386"],
    added: [],
    changed: ["linux/amd64", "linux/arm64"],
    unchanged: [],
  },
  errors: 1,
  warnings: 0,
};

const changed = {
  kind: "changed",
  sizes: { older: 61_000_000, newer: 59_500_000 },
  layers: {
    kept: [{ digest: digest("base"), size: 50_000_000 }],
    removed: [{ digest: digest("old"), size: 9_000_000, madeBy: "COPY server /server # buildkit" }],
    added: [{ digest: digest("new"), size: 12_000, madeBy: "COPY \u001b[2Jserver /server # buildkit" }],
  },
  settings: [{ name: "label org.opencontainers.image.revision", older: "a".repeat(300), newer: "b" }],
  packages: Array.from({ length: 50 }, (_, at) => ({ name: `deb/debian/p${at}`, older: "1", newer: "2" })),
  attestations: { older: ["provenance"], newer: ["provenance", "sbom"] },
} as const;

const DIFF: DiffView = {
  older: { reference: "registry.example/team/app:1.1", digest: digest("older"), size: 122_000_000 },
  newer: { reference: "registry.example/team/app:1.2", digest: digest("newer"), size: 119_000_000 },
  same: false,
  platforms: [
    { ...changed, platform: "linux/amd64" },
    { ...changed, platform: "linux/arm64", settings: [] },
    { kind: "same", platform: "linux/s390x", size: 50_000_000 },
    { kind: "removed", platform: "linux/386", size: 40_000_000 },
  ],
};

test.each([
  ["a file", FILE],
  ["80 columns", { width: 80, colour: false }],
])("verify, for %s", async (name, options) => {
  await expect(`${verifyView(VERIFY, options)}\n`).toMatchFileSnapshot(`__snapshots__/verify ${name}.txt`);
});

test.each([
  ["a file", FILE],
  ["80 columns", { width: 80, colour: false }],
])("diff, for %s", async (name, options) => {
  await expect(`${diffView(DIFF, options)}\n`).toMatchFileSnapshot(`__snapshots__/diff ${name}.txt`);
});

test.each([60, 80, 120])("no line of a diff, and no table, is wider than %i columns", (width) => {
  for (const line of diffView(DIFF, { width, colour: false }).split("\n"))
    expect(displayWidth(line)).toBeLessThanOrEqual(width);
});

test("the verdict in a line: errors, warnings, or fine", () => {
  const last = (changes: Partial<VerifyView>): string | undefined =>
    verifyView({ ...VERIFY, ...changes }, FILE)
      .split("\n")
      .at(-1);
  expect(last({})).toBe("not fine: 1 error in 3 images");
  expect(last({ errors: 0, warnings: 2 })).toBe("fine, with 2 warnings: 3 images verified");
  expect(last({ errors: 0 })).toBe("fine: 3 images verified");
});

test.each([
  [1000, 3000, "+2kB"],
  [3000, 1000, "-2kB"],
  [5, 5, ""],
])("from %i to %i bytes: %s", (older, newer, text) => {
  expect(sizeChange(older, newer)).toBe(text);
});
