import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "../host/folders.ts";
import { findTool, formatVersion, isAtLeast, toolVersion } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import { OLDEST_GO } from "./pins.ts";
import { runTool } from "./tool.ts";

/** Programs to build with the Go toolchain, from pinned modules. */
export interface GoBuild {
  /** What is built, for people. */
  readonly title: string;
  /** Text of the go.mod and go.sum that pin everything. */
  readonly moduleFile: (name: "go.mod" | "go.sum") => Promise<string>;
  /** Import paths of the programs. */
  readonly packages: readonly string[];
  /** `-X` settings of the linker, `import/path.Variable=value`. */
  readonly variables: readonly string[];
  /** Empty folder to work in: the programs end up in its `out`. */
  readonly folder: string;
  readonly os: string;
  readonly architecture: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

const PROGRESS_MS = 5_000;

/**
 * Builds static programs with `go build`, and answers the folder that they are in, or one sentence of why not.
 * The sums in go.sum and Go's checksum database vouch for what is fetched.
 */
export async function goBuild(build: GoBuild): Promise<Result<string, string>> {
  const go = findTool("go", build.env);
  if (go === undefined) return fail("there is no go on the PATH");
  const environment = goEnvironment(build);
  const version = await toolVersion({
    path: go,
    argv: ["version"],
    // Its own version, not that of a toolchain which a go.mod in the current folder asks for.
    env: { ...environment, GOTOOLCHAIN: "local" },
    signal: build.signal,
  });
  if (version === undefined) return fail(`${go} does not tell its version`);
  if (!isAtLeast(version, OLDEST_GO))
    return fail(`Go ${formatVersion(version)} is older than ${formatVersion(OLDEST_GO)}`);
  build.onProgress(`building ${build.title} with Go: this takes minutes, once`);
  const [source, out] = [join(build.folder, "source"), join(build.folder, "out")];
  await Promise.all([mkdir(source, { recursive: true }), mkdir(out, { recursive: true })]);
  for (const name of ["go.mod", "go.sum"] as const)
    await writeFile(join(source, name), await build.moduleFile(name));
  return await compile(build, { go, source, out, environment });
}

interface Compilation {
  readonly go: string;
  readonly source: string;
  readonly out: string;
  readonly environment: Environment;
}

async function compile(build: GoBuild, { go, source, out, environment }: Compilation) {
  const progress = countPackages(build.onProgress);
  const ended = await runTool({
    tool: go,
    // -C must come first. -v prints each package, which is all the progress that there is.
    argv: [
      "build",
      "-C",
      source,
      "-v",
      "-trimpath",
      "-ldflags",
      linkerFlags(build),
      "-o",
      out,
      ...build.packages,
    ],
    env: environment,
    signal: build.signal,
    onLine: progress.onLine,
  });
  if (ended.kind === "exited" && ended.exitCode === 0) return ok(out);
  return fail(ended.kind === "cancelled" ? "it was cancelled" : `go build failed: ${progress.lastLine()}`);
}

function linkerFlags(build: GoBuild): string {
  return ["-s", "-w", ...build.variables.flatMap((variable) => ["-X", variable])].join(" ");
}

/**
 * The user's Go settings decide where modules come from (GOPROXY, GOPRIVATE, ...), but not what is built and how:
 * a setting of `-mod=vendor`, a workspace around us or a foreign target would break it.
 */
function goEnvironment(build: GoBuild): Environment {
  const { GOAMD64: _, GOARM64: __, GOEXPERIMENT: ___, GOBIN: ____, ...env } = build.env;
  return {
    ...env,
    CGO_ENABLED: "0",
    GO111MODULE: "on",
    GOFLAGS: "-mod=readonly",
    GOWORK: "off",
    // A distribution's Go may be set not to fetch the toolchain that our go.mod asks for.
    GOTOOLCHAIN: build.env["GOTOOLCHAIN"] ?? "auto",
    GOOS: build.os,
    GOARCH: build.architecture,
  };
}

/** Go prints one line for each module that it fetches and each package that it compiles: too many to show each. */
function countPackages(onProgress: (line: string) => void) {
  const started = Date.now();
  const state = { modules: 0, packages: 0, reported: started, last: "no output" };
  return {
    lastLine: () => state.last,
    onLine: (line: string): void => {
      if (line.trim() !== "") state.last = line.trim();
      if (line.startsWith("go: downloading ")) state.modules += 1;
      else state.packages += 1;
      if (Date.now() - state.reported < PROGRESS_MS) return;
      state.reported = Date.now();
      const seconds = Math.round((state.reported - started) / 1000);
      onProgress(`${state.modules} modules fetched, ${state.packages} packages compiled, ${seconds} s`);
    },
  };
}
