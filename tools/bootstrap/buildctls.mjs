// BuildKit's client for the platforms of the release's image, as that of moby/buildkit has it: tests have no way to a public registry.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildInto, runGo } from "./go.mjs";
import { cache, pinned, root } from "./host.mjs";

const MODULE = "github.com/moby/buildkit";
const VERSION = pinned(MODULE);
const FILES = ["go.mod", "go.sum"].map((name) => join(root, "tools", name));
const hash = createHash("sha256");
for (const file of FILES) hash.update(readFileSync(file));

/** `<architecture>/usr/bin/buildctl`. */
export const buildctlsFolder = join(cache, "buildctls", hash.digest("hex").slice(0, 16));

export const buildctls = {
  title: `building buildctl ${VERSION} for two architectures with Go`,
  isDone: () => existsSync(buildctlsFolder),
  run: async () => await buildInto(buildctlsFolder, buildAll),
};

async function buildAll(work) {
  const source = join(work, "source");
  mkdirSync(source);
  for (const file of FILES) copyFileSync(file, join(source, file.endsWith("sum") ? "go.sum" : "go.mod"));
  const flags = `-s -w -X ${MODULE}/version.Version=${VERSION}`;
  for (const GOARCH of ["amd64", "arm64"]) {
    const out = join(work, "out", GOARCH, "usr", "bin", "buildctl");
    const build = [
      "build",
      "-C",
      source,
      "-trimpath",
      "-ldflags",
      flags,
      "-o",
      out,
      `${MODULE}/cmd/buildctl`,
    ];
    await runGo(build, { GOOS: "linux", GOARCH, GOFLAGS: "-mod=readonly" });
  }
}
