import { expect, test } from "vitest";
import { verify } from "../../support/verify-images.ts";

test.each([
  ["linux/arm64", "linux/arm64", undefined],
  ["linux/arm64", "linux/amd64", "error"],
  ["linux/arm64", "linux/arm64/v8", undefined],
  ["linux/arm/v7", "linux/arm", undefined],
  ["linux/arm/v6", "linux/arm", undefined],
  ["linux/arm/v6", "linux/arm/v7", "warning"],
  ["linux/amd64/v2", "linux/amd64", undefined],
  ["linux/amd64", "linux/x86_64", undefined],
  ["windows(10.0.20348)/amd64", "linux/amd64", "error"],
  ["windows(10.0.20348)/amd64", "windows/amd64", undefined],
  ["windows/amd64", "windows(10.0.20348)/amd64", "os"],
  ["windows/amd64", "windows/amd64", "os"],
])("the index says %s and the config %s", async (platform, labelled, expected) => {
  const { findings } = await verify({ platform, labelled, layers: [] });
  const found = findings.map(({ rule, severity }) => (rule === "platform-label" ? severity : rule));
  expect(found).toEqual(expected === undefined ? [] : [expected === "os" ? "os-version-missing" : expected]);
});

test("both are named, and what the config knows of Windows", async () => {
  const wrong = await verify({ platform: "linux/arm64", labelled: "linux/amd64", layers: [] });
  expect(wrong.findings[0]?.message).toBe(
    "The index says linux/arm64, and the config of the image says linux/amd64",
  );
  const windows = await verify({
    platform: "windows/amd64",
    labelled: "windows(10.0.17763)/amd64",
    layers: [],
  });
  expect(windows.findings[0]?.facts).toEqual(["its config says windows(10.0.17763)/amd64"]);
});
