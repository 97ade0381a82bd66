import { expect, test } from "vitest";
import { formatPlatform } from "../../platforms/platform.ts";
import { workerPlatforms } from "../../platforms/worker.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };

test.each([
  ["a plain machine", { native: amd64, emulated: [] }, "linux/amd64"],
  [
    "the levels of its own CPU, lowest first",
    { native: amd64, nativeAmd64Level: "v4", emulated: ["s390x"] },
    "linux/amd64 linux/amd64/v2 linux/amd64/v3 linux/amd64/v4 linux/s390x",
  ],
  [
    "an arm64 machine that also runs 32-bit programs and emulates amd64",
    { native: arm64, emulated: ["arm", "amd64"], emulatedAmd64Level: "v3", nativeAmd64Level: "v4" },
    "linux/arm64 linux/arm/v7 linux/arm/v6 linux/amd64 linux/amd64/v2 linux/amd64/v3",
  ],
  [
    "a 32-bit machine, which reports its own variant only",
    { native: { os: "linux", architecture: "arm", variant: "v6" }, emulated: ["386"] },
    "linux/arm/v6 linux/386",
  ],
])("%s", (_, probe, expected) => {
  expect(workerPlatforms(probe).map(formatPlatform).join(" ")).toBe(expected);
});
