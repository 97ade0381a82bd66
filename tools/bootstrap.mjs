// `npm run demo`, `npm run release`, `npm test`, `npm run test:registries` and `npm run bench` on a machine where nothing is installed yet: brings
// what is missing, says so, and starts the real thing. Plain JavaScript for the Node that is there (20 or later), and no packages.
// usage: node tools/bootstrap.mjs demo|release|test|registries|bench [ARGUMENT...]
import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildctls, buildctlsFolder } from "./bootstrap/buildctls.mjs";
import { buildkit, buildx, hasDocker } from "./bootstrap/buildkit.mjs";
import { ciLinters, ciLintersFolder } from "./bootstrap/ci-linters.mjs";
import { debianPackages, emulators, registry, registryFolder } from "./bootstrap/debian.mjs";
import { go, goPath, programFolder, programs, zot, zotFolder } from "./bootstrap/go.mjs";
import { cache, find, folders, isRoot, node, root } from "./bootstrap/host.mjs";
import { nodes, nodesFolder } from "./bootstrap/nodes.mjs";
import { distribution, packages } from "./bootstrap/npm.mjs";
import { releaseBases, releaseBasesFolder, rootFiles, rootFilesFolder } from "./bootstrap/root-files.mjs";
import { runVisibly, say, SetupError, timed } from "./bootstrap/say.mjs";
import { goPrograms, goProgramsFolder } from "./bootstrap/go-programs.mjs";
import { demoBase } from "./demo-base.mjs";

/** What linters of CIs need: a Java for Jenkins' language, pip for schemas, and what runs GitLab's jobs. */
const CI_PACKAGES = ["default-jre-headless", "python3-pip", "rsync"];

/** What each command needs, in the order in which one thing needs another. */
function stepsOf(mode, withDocker) {
  const emulation = ["runc", "qemu-user-static", "binfmt-support"];
  const system = {
    demo: [...emulation],
    release: [...emulation, "git"],
    test: [...emulation, "skopeo", "git", "openssl", "iproute2", ...CI_PACKAGES],
    registries: [...emulation, "skopeo", "git"],
    bench: [...emulation, "skopeo"],
  }[mode];
  return [
    packages,
    debianPackages(["ca-certificates", ...system], withDocker),
    emulators(mode),
    distribution,
    // With Docker, too: its BuildKit is spoken to through `buildctl`.
    buildkit,
    ...(mode === "release" ? [] : [registry, demoBase]),
    ...(mode === "release" || mode === "test" || mode === "bench" ? [nodes] : []),
    ...(mode === "demo" || mode === "release" ? [] : [go, buildx, programs("test")]),
    ...(mode === "test"
      ? [
          programs("cosign"),
          programs("osv-scanner"),
          programs("actionlint"),
          programs("act"),
          goPrograms,
          rootFiles,
          releaseBases,
          buildctls,
        ]
      : []),
    ...(mode === "test" ? [programs("buildkite"), ciLinters] : []),
    ...(mode === "registries" ? [programs("registries"), zot] : []),
  ];
}

async function missingSteps(mode) {
  const steps = stepsOf(mode, !isRoot && hasDocker());
  const done = await Promise.all(steps.map(async (step) => await step.isDone()));
  return steps.filter((_, index) => !done[index]);
}

/** Looks again before each step: another set-up may have done it meanwhile. */
async function prepare(mode) {
  for (const step of await missingSteps(mode)) if (!(await step.isDone())) await timed(step, step.run);
}

/** One set-up of this user at a time: the kernel gives the lock back, however the set-up ends. */
async function prepareAlone(mode) {
  if ((await missingSteps(mode)).length === 0) return 0;
  say("preparing what is missing on this machine; the first time, this takes minutes");
  const flock = find("flock");
  const self = [process.execPath, fileURLToPath(import.meta.url), "--prepare", mode];
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const [program, ...argv] = flock === undefined ? self : [flock, join(cache, "bootstrap.lock"), ...self];
  return await runVisibly(program, argv);
}

/** The real thing finds all tools on its PATH, and files to look into where these variables say. */
function environment() {
  const own = [
    join(root, "node_modules", ".bin"),
    programFolder("test"),
    programFolder("cosign"),
    programFolder("osv-scanner"),
    programFolder("actionlint"),
    programFolder("buildkite"),
    programFolder("act"),
    programFolder("registries"),
    zotFolder,
    folders.buildkit(),
    folders.buildx(),
    goPath(),
  ];
  const registries = find("docker-registry") === undefined ? [registryFolder] : [];
  const system = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
  return {
    ...process.env,
    BUILDX_PLAN_CI_LINTERS: ciLintersFolder,
    BUILDX_PLAN_GO_PROGRAMS: goProgramsFolder,
    BUILDX_PLAN_ROOT_FILES: rootFilesFolder,
    BUILDX_PLAN_NODES: nodesFolder,
    BUILDX_PLAN_RELEASE_BASES: releaseBasesFolder,
    BUILDX_PLAN_BUILDCTLS: buildctlsFolder,
    PATH: [...own, ...registries, process.env.PATH, ...system].filter(Boolean).join(delimiter),
  };
}

/** What `npm test` means; `registries` is asked for by name. */
const DEFAULT = ["--project", "unit", "--project", "e2e", "--project", "alone"];
const isAnyProject = (argv) => argv.some((each) => each === "--project" || each.startsWith("--project="));

function command(mode, argv) {
  if (mode === "demo") return [join(root, "tools", "demo.ts"), ...argv];
  if (mode === "release") return [join(root, "tools", "release.ts"), ...argv];
  if (mode === "bench") return [join(root, "bench", "run.ts"), ...argv];
  const report = process.env.BUILDX_PLAN_TEST_REPORT;
  const projects = mode === "registries" ? ["--project", "registries"] : isAnyProject(argv) ? [] : DEFAULT;
  const reporters =
    report === undefined ? [] : ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...projects, ...reporters, ...argv];
}

async function main([first, second, ...rest]) {
  if (first === "--prepare") {
    await prepare(second);
    return 0;
  }
  if (!["demo", "release", "test", "registries", "bench"].includes(first))
    throw new SetupError("usage: node tools/bootstrap.mjs demo|release|test|registries|bench [ARGUMENT...]");
  if (process.platform !== "linux")
    throw new SetupError(`${first} needs Linux: BuildKit's daemon and QEMU's user mode run nowhere else`);
  const status = await prepareAlone(first);
  if (status !== 0) return status;
  const argv = second === undefined ? [] : [second, ...rest];
  return await runVisibly(node, command(first, argv), { env: environment(), cwd: root });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 5;
}
