// What the tests look into: real programs, of more platforms than any machine has.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildInto, runGo } from "./go.mjs";
import { cache } from "./host.mjs";

/** By file name: `GOOS-GOARCH`, with GOARM or the build mode where there are several. */
const TARGETS = (
  "linux-386 linux-amd64 linux-amd64-pie linux-arm-5 linux-arm-6 linux-arm-7 linux-arm64 linux-arm64-pie linux-loong64 " +
  "linux-mips linux-mipsle linux-mips64 linux-mips64le linux-ppc64 linux-ppc64le linux-riscv64 linux-s390x android-arm64 " +
  "aix-ppc64 darwin-amd64 darwin-arm64 dragonfly-amd64 freebsd-amd64 freebsd-arm64 illumos-amd64 netbsd-amd64 " +
  "openbsd-amd64 openbsd-arm64 plan9-amd64 solaris-amd64 windows-386 windows-amd64 windows-arm64 js-wasm wasip1-wasm"
).split(" ");

const SOURCE = {
  "go.mod": "module program\n\ngo 1.21\n",
  "main.go": "package main\n\nfunc main() { println(1) }\n",
};

const hash = createHash("sha256")
  .update(JSON.stringify([TARGETS, SOURCE]))
  .digest("hex");

/** One file for each target, named after it. */
export const goProgramsFolder = join(cache, "go-programs", hash.slice(0, 16));

export const goPrograms = {
  title: `compiling a Go program for ${TARGETS.length} platforms`,
  isDone: () => existsSync(goProgramsFolder),
  run: async () => await buildInto(goProgramsFolder, async (work) => await compileAll(work)),
};

async function compileAll(work) {
  const source = join(work, "source");
  mkdirSync(source);
  for (const [name, text] of Object.entries(SOURCE)) writeFileSync(join(source, name), text);
  const left = [...TARGETS];
  const worker = async () => {
    for (let target = left.pop(); target !== undefined; target = left.pop())
      await compile(target, source, join(work, "out", target));
  };
  await Promise.all([worker(), worker()]);
}

async function compile(target, source, output) {
  const [GOOS, GOARCH, detail] = target.split("-");
  const mode = detail === "pie" ? ["-buildmode=pie"] : [];
  const changes = { GOOS, GOARCH, GOFLAGS: "", ...(GOARCH === "arm" && { GOARM: detail }) };
  await runGo(["build", "-C", source, "-trimpath", "-ldflags", "-s -w", ...mode, "-o", output, "."], changes);
}
