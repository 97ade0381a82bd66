// What comes from the system: Debian packages, and the kernel's table of emulators.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { apt, unpackPackages } from "./apt.mjs";
import { architecture, cache, codename, find, isDebian, isExecutable, isRoot } from "./host.mjs";
import { run, SetupError } from "./say.mjs";

const BINFMT = "/proc/sys/fs/binfmt_misc";
/** Emulators that the demo's platforms need. */
const DEMO = ["x86_64", "i386", "aarch64", "arm", "ppc64le", "s390x"];
/** Tests need one more, and one of a CPU that BuildKit does not know. */
const TEST = [...DEMO, "riscv64", "mips64"];
/** CPUs whose programs run here without an emulator. */
const OWN = { amd64: ["x86_64", "i386"], arm64: ["aarch64"], ppc64le: ["ppc64le"], s390x: ["s390x"] };

/** Programs by the Debian package that has them. */
const PACKAGES = {
  runc: () => find("runc"),
  "qemu-user-static": () => find("qemu-aarch64-static") ?? find("qemu-x86_64-static") ?? find("qemu-aarch64"),
  "binfmt-support": () => find("update-binfmts"),
  "ca-certificates": () => existsSync("/etc/ssl/certs/ca-certificates.crt"),
  skopeo: () => find("skopeo"),
  git: () => find("git"),
  openssl: () => find("openssl"),
  iproute2: () => find("ip"),
  "default-jre-headless": () => find("java"),
  "python3-pip": () => find("pip3"),
  rsync: () => find("rsync"),
};

/** With a Docker Engine at hand, its BuildKit needs no runc of ours and brings what emulates. */
function missingPackages(names, hasDocker) {
  const isNeeded = (name) =>
    !hasDocker || !["runc", "qemu-user-static", "binfmt-support"].includes(name) || isRoot;
  return names.filter((name) => isNeeded(name) && !PACKAGES[name]());
}

/** The step that installs Debian packages which are not there yet. */
export function debianPackages(names, hasDocker) {
  const missing = () => missingPackages(names, hasDocker);
  return {
    title: `installing ${missing().join(", ")}`,
    isDone: () => missing().length === 0,
    run: async () => await installPackages(missing()),
  };
}

const APT = ["-q", "-y", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3"];

async function installPackages(names) {
  const install = ["install", "--no-install-recommends", ...names];
  if (!isDebian)
    throw new SetupError(`please install what these packages of Debian have: ${names.join(", ")}`);
  if (!isRoot) throw needsRoot(["apt-get update", `apt-get ${install.join(" ")}`]);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await apt(APT, install, { env });
}

function needsRoot(commands) {
  return new SetupError(
    ["this needs root; run, and then this command again:", ...commands.map((line) => `  sudo ${line}`)].join(
      "\n",
    ),
  );
}

/** Is an enabled entry there for each emulator? */
function missingEmulators(cpus) {
  const foreign = cpus.filter((cpu) => !OWN[architecture]?.includes(cpu));
  return foreign.filter((cpu) => !entryText(`qemu-${cpu}`).startsWith("enabled"));
}

function entryText(name) {
  return existsSync(join(BINFMT, name)) ? readFileSync(join(BINFMT, name), "utf8") : "";
}

async function enableEmulators(cpus) {
  const names = missingEmulators(cpus).map((cpu) => `qemu-${cpu}`);
  const mount = ["-t", "binfmt_misc", "binfmt_misc", BINFMT];
  if (!isRoot)
    throw needsRoot([`mount ${mount.join(" ")}`, ...names.map((name) => `update-binfmts --enable ${name}`)]);
  if (!existsSync(join(BINFMT, "register"))) await run("mount", mount);
  for (const name of names) await register(name);
  const missing = missingEmulators(cpus);
  if (missing.length > 0)
    throw new SetupError(`binfmt_misc has no entry for ${missing.join(", ")} though QEMU is installed`);
}

/** Debian's own tool knows what its packages registered; the newest packages leave it to systemd's files. */
async function register(name) {
  if (find("update-binfmts") !== undefined)
    await run("update-binfmts", ["--enable", name]).catch(() => undefined);
  if (existsSync(join(BINFMT, name))) return;
  const folder = "/usr/lib/binfmt.d";
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.startsWith("qemu-")) : [];
  for (const file of files) {
    const line = readFileSync(join(folder, file), "utf8")
      .split("\n")
      .find((text) => text.startsWith(`:${name}:`));
    if (line !== undefined) writeFileSync(join(BINFMT, "register"), line);
  }
}

/** The step that registers emulators: those of the demo's platforms, or those that tests look at. */
export function emulators(mode) {
  const cpus = mode === "demo" || mode === "release" ? DEMO : TEST;
  return {
    title: "registering emulators with the kernel",
    isDone: () => missingEmulators(cpus).length === 0,
    run: async () => await enableEmulators(cpus),
  };
}

/** Where a package is unpacked that is not installed, because it would start a service on this machine. */
export const registryFolder = join(cache, "debian", `${codename}-docker-registry`);

export const registry = {
  title: "fetching a registry",
  isDone: () =>
    find("docker-registry") !== undefined || isExecutable(join(registryFolder, "docker-registry")),
  run: async () => {
    if (!isDebian)
      throw new SetupError(
        "please put the program docker-registry (or distribution's `registry` under that name) on the PATH",
      );
    const work = `${registryFolder}.work`;
    rmSync(work, { recursive: true, force: true });
    await unpackPackages({ folder: work, choose: () => ["docker-registry"] });
    const [unpacked] = readdirSync(work);
    rmSync(registryFolder, { recursive: true, force: true });
    renameSync(join(work, unpacked, "usr", "bin"), registryFolder);
    rmSync(work, { recursive: true, force: true });
  },
};
