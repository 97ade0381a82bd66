// A Go toolchain where the machine has none, and the Go programs that the tests run against.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { unpackPackages } from "./apt.mjs";
import { architecture, cache, codename, find, isDebian, isExecutable, root } from "./host.mjs";
import { run, say, SetupError } from "./say.mjs";

/** The version that tools/go.mod asks for, with the SHA-256 that go.dev publishes for its archives. */
const GO = "1.26.8";
const SHA256 = {
  amd64: "d0f743b33e8d8945e6b1f432edd15785c70507121d6e2a723b21285eddf8b57b",
  arm64: "211ffced9dcb9633a55eac6364816ec0ddd951389a740e88fa8b3337971bdda0",
};
const ownGo = join(cache, "go", GO);

/** Folder of a `go` that builds our modules: the machine's own if it is new enough, or may fetch a newer one. */
async function goFolder() {
  const own = join(ownGo, "bin", "go");
  const path = isExecutable(own) ? own : find("go");
  if (path === undefined) return undefined;
  const query = ["env", "-json", "GOVERSION", "GOTOOLCHAIN"];
  const settings = JSON.parse(await run(path, query, { cwd: "/", env: goEnvironment() }));
  const [major, minor, patch] = (/(\d+)\.(\d+)\.?(\d*)/.exec(settings.GOVERSION) ?? []).slice(1).map(Number);
  const [wantedMajor, wantedMinor, wantedPatch] = GO.split(".").map(Number);
  const isNewEnough =
    major > wantedMajor || minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch);
  const mayFetch = minor >= 21 && settings.GOTOOLCHAIN !== "local";
  return isNewEnough || mayFetch ? dirname(path) : undefined;
}

/** Debian's Go does not fetch a newer one by itself unless it is told that it may. */
function goEnvironment() {
  return { ...process.env, GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? "auto" };
}

export const go = {
  title: `fetching Go ${GO}`,
  isDone: async () => (await goFolder()) !== undefined,
  run: async () => {
    const work = `${ownGo}.work`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    await fetchArchive(work).catch(async (error) => {
      if (!isDebian) throw error;
      say(`  ${error.message}; trying Debian's`);
      await fetchFromDebian(work);
    });
    rmSync(ownGo, { recursive: true, force: true });
    renameSync(join(work, "go"), ownGo);
    rmSync(work, { recursive: true, force: true });
  },
};

async function fetchArchive(work) {
  const name = `go${GO}.linux-${architecture}.tar.gz`;
  const wanted = SHA256[architecture];
  if (wanted === undefined) throw new SetupError(`please install Go ${GO} or later (https://go.dev/dl)`);
  const response = await fetch(`https://go.dev/dl/${name}`, { signal: AbortSignal.timeout(300_000) }).catch(
    (error) => {
      throw new SetupError(`go.dev cannot be reached (${error.cause?.message ?? error.message})`);
    },
  );
  if (!response.ok) throw new SetupError(`go.dev answers with status ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== wanted) throw new SetupError(`${name} is not the expected file: its SHA-256 is ${actual}`);
  writeFileSync(join(work, name), bytes);
  await run("tar", ["-xzf", name, "go"], { cwd: work });
}

/** An older Go is enough to begin with: it fetches the one that go.mod asks for, as a module. */
async function fetchFromDebian(work) {
  const packages = join(work, "packages");
  await unpackPackages({
    folder: packages,
    suites: [codename, `${codename}-backports`],
    choose: (names) => {
      const minors = names.map((name) => Number(/^golang-1\.(\d+)-go$/.exec(name)?.[1] ?? 0));
      const newest = Math.max(...minors);
      if (newest < 21)
        throw new SetupError(`Debian ${codename} has no Go 1.21 or later; please install Go ${GO}`);
      return [`golang-1.${newest}-go`, `golang-1.${newest}-src`];
    },
  });
  for (const name of readdirSync(packages))
    cpSync(join(packages, name), join(work, "go"), { recursive: true, verbatimSymlinks: true });
  const folder = readdirSync(join(work, "go", "usr", "lib")).find((name) => name.startsWith("go-"));
  symlinkSync(join("usr", "lib", folder, "bin"), join(work, "go", "bin"));
}

/** The folder that goes to the front of the PATH for Go, if the machine's own is not enough. */
export const goPath = () => (isExecutable(join(ownGo, "bin", "go")) ? join(ownGo, "bin") : undefined);

/** Programs by the module of ours that pins them; each set is built, and built again, for itself. */
const SETS = {
  test: {
    crane: "github.com/google/go-containerregistry/cmd/crane",
    oras: "oras.land/oras/cmd/oras",
    regctl: "github.com/regclient/regclient/cmd/regctl",
    registry: "github.com/distribution/distribution/v3/cmd/registry",
  },
  // By themselves: they take minutes to build, and seldom change.
  cosign: { cosign: "github.com/sigstore/cosign/v3/cmd/cosign" },
  "osv-scanner": { "osv-scanner": "github.com/google/osv-scanner/v2/cmd/osv-scanner" },
  actionlint: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
  // Of ours: Buildkite's parser is a module without a program.
  buildkite: { "buildkite-pipeline": "." },
  act: { act: "github.com/nektos/act" },
  registries: { olareg: "github.com/olareg/olareg/cmd/olareg" },
};

const moduleOf = (set) => join(root, "tools", set);
/** What a set is built from; `main.go` where its program is ours. */
const filesOf = (set) =>
  ["go.mod", "go.sum", "main.go"].filter((file) => existsSync(join(moduleOf(set), file)));

/** Where the programs of a set are: named after what they are built from. */
export function programFolder(set) {
  const hash = createHash("sha256");
  for (const file of filesOf(set)) hash.update(readFileSync(join(moduleOf(set), file)));
  return join(cache, `${set}-tools`, hash.digest("hex").slice(0, 16));
}

/** The step that builds a set. */
export function programs(set) {
  const names = Object.keys(SETS[set]);
  return {
    title: `building ${names.join(", ")} with Go`,
    isDone: () => names.every((name) => isExecutable(join(programFolder(set), name))),
    run: async () => await buildInto(programFolder(set), async (work) => await buildSet(set, work)),
  };
}

async function buildSet(set, work) {
  const source = join(work, "source");
  mkdirSync(source);
  for (const file of filesOf(set)) copyFileSync(join(moduleOf(set), file), join(source, file));
  const build = ["build", "-C", source, "-trimpath", "-ldflags", "-s -w", "-o", join(work, "out")];
  await runGo([...build, ...Object.values(SETS[set])], { GOFLAGS: "-mod=readonly" });
}

/** What is built half is never found: the folder appears when all of it is there. */
export async function buildInto(folder, build) {
  const work = `${folder}.work`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "out"), { recursive: true });
  await build(work);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(work, "out"), folder);
  rmSync(work, { recursive: true, force: true });
}

/** The machine's own settings say where modules come from; what is built and how is ours to say. */
export async function runGo(argv, changes) {
  const path = [goPath(), process.env.PATH].filter(Boolean).join(":");
  const env = { ...goEnvironment(), PATH: path, CGO_ENABLED: "0", GO111MODULE: "on", GOWORK: "off" };
  for (const name of ["GOOS", "GOARCH", "GOBIN"]) delete env[name];
  await run(join(await goFolder(), "go"), argv, { env: { ...env, ...changes } });
}

const ZOT = "v2.1.20";
export const zotFolder = join(cache, "registries-tools", `zot-${ZOT}`);

/**
 * zot without extensions. Not every module proxy serves it, so it has no part in the set above: where it cannot be built,
 * that is said, everything else goes on, and its tests fail with what is missing.
 */
export const zot = {
  title: `building zot ${ZOT} with Go`,
  isDone: () => find("zot") !== undefined || isExecutable(join(zotFolder, "zot")),
  run: async () => {
    const argv = ["install", "-trimpath", "-tags", "containers_image_openpgp", "-ldflags", "-s -w"];
    await buildInto(zotFolder, async (work) => {
      const changes = { GOBIN: join(work, "out"), GOFLAGS: "", GOEXPERIMENT: "jsonv2" };
      await runGo([...argv, `zotregistry.dev/zot/v2/cmd/zot@${ZOT}`], changes);
    }).catch((error) => say(`  ${error.message}\n[setup]   zot cannot be built here; its tests will fail`));
  },
};
