import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseWorkers } from "../../../core/buildkit/workers.ts";
import { formatPlatform } from "../../../platforms/platform.ts";

function fixture(name: string): string {
  return readFileSync(new URL(`../../../fixtures/buildkit/workers/${name}.json`, import.meta.url), "utf8");
}

test("the CPU's own platforms are told apart from emulated ones", () => {
  const worker = parseWorkers(fixture("buildkitd-v0.33.1-amd64"));
  expect(worker?.native.map(formatPlatform)).toEqual([
    "linux/amd64",
    "linux/amd64/v2",
    "linux/amd64/v3",
    "linux/amd64/v4",
  ]);
  expect(worker?.platforms.map(formatPlatform)).toEqual(
    expect.arrayContaining(["linux/arm64", "linux/386", "linux/s390x", "linux/arm/v7"]),
  );
  expect(worker).toMatchObject({
    hostname: "builder",
    buildkitVersion: "v0.33.1",
    exportsImages: true,
    keepsImages: false,
  });
});

test("a Docker Engine is known by its labels; without the containerd image store it cannot export", () => {
  const engine = fixture("docker-engine-28-containerd-store");
  expect(parseWorkers(engine)).toMatchObject({ exportsImages: true, keepsImages: true });
  const older = engine.replaceAll(/"org\.mobyproject\.buildkit\.worker\.containerd\.[a-z]+":"[^"]*",/g, "");
  expect(older).not.toBe(engine);
  expect(parseWorkers(older)).toMatchObject({ exportsImages: false, keepsImages: true });
});

test.each(["", "[]", "null", "{}", "not json", '[{"platforms":[]}]', '[{"platforms":[{"os":1}]}]'])(
  "%j is no list of workers",
  (text) => {
    expect(parseWorkers(text)).toBeUndefined();
  },
);
