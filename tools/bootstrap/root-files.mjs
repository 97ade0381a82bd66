// Real root file systems for the tests, as layers: Debian's smallest system for several architectures, and a cross toolchain.
// Packages are unpacked, never installed: what their scripts would do is no program of another platform.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { downloadSets } from "./apt.mjs";
import { cache, codename, isDebian } from "./host.mjs";
import { run, say, SetupError } from "./say.mjs";

/** What debootstrap calls minbase: essential packages and apt. */
const SYSTEM = ["?essential", "apt", "perl-"];

/** Layers by file name; about 30 MB of packages for each system, 10 MB for the toolchain. */
const SETS = {
  amd64: { architecture: "amd64", packages: SYSTEM },
  arm64: { architecture: "arm64", packages: SYSTEM },
  armhf: { architecture: "armhf", packages: SYSTEM },
  s390x: { architecture: "s390x", packages: SYSTEM },
  "cross-arm64": {
    architecture: "amd64",
    packages: ["binutils-aarch64-linux-gnu", "libc6-dev-arm64-cross", "libstdc++6-arm64-cross"],
  },
};

/** What the release's image stands on: the same system with what its Dockerfile would install, which the tests' builds cannot. */
const BASE_PACKAGES = ["?essential", "apt", "ca-certificates", "git"];
/** As Debian's own small images have it. */
const BASE_WITHOUT = ["doc", "info", "locale", "man"].map((name) => `./usr/share/${name}`);
const BASES = {
  amd64: { architecture: "amd64", packages: BASE_PACKAGES, without: BASE_WITHOUT },
  arm64: { architecture: "arm64", packages: BASE_PACKAGES, without: BASE_WITHOUT },
};

/** A `<set>.tar.gz` for each set. */
export const rootFilesFolder = folderOf("root-files", SETS);
export const releaseBasesFolder = folderOf("release-bases", BASES);

function folderOf(name, sets) {
  const key = createHash("sha256").update(JSON.stringify(sets)).digest("hex").slice(0, 8);
  return join(cache, name, `${codename}-${key}`);
}

export const rootFiles = {
  title: "fetching Debian's smallest system for four architectures",
  ...stepFor(SETS, rootFilesFolder, "rootfs"),
};

export const releaseBases = {
  title: "fetching what the release's image stands on",
  ...stepFor(BASES, releaseBasesFolder, "executable"),
};

/** Where it cannot be done, that is said, everything else goes on, and the tests that need it fail with what is missing. */
function stepFor(sets, folder, test) {
  return {
    isDone: () => existsSync(folder),
    run: async () =>
      await fetchAll(sets, folder).catch((error) => {
        if (!(error instanceof SetupError)) throw error;
        say(`  ${error.message}\n[setup]   without these files, test/e2e/${test}.test.ts will fail`);
      }),
  };
}

async function fetchAll(sets, folder) {
  if (!isDebian) throw new SetupError("these files come from Debian's archive, through apt-get");
  const work = `${folder}.work`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, "out"), { recursive: true });
  await downloadSets(
    Object.entries(sets).map(([name, set]) => ({ ...set, folder: join(work, "packages", name) })),
  );
  for (const [name, { without = [] }] of Object.entries(sets)) await makeLayer(name, without, work);
  renameSync(join(work, "out"), folder);
  rmSync(work, { recursive: true, force: true });
}

async function makeLayer(name, without, work) {
  const root = join(work, "root");
  mkdirSync(join(root, "usr"), { recursive: true });
  // As debootstrap does it: programs and libraries are below /usr, the old places are links.
  for (const folder of ["bin", "lib", "lib64", "sbin"]) {
    mkdirSync(join(root, "usr", folder));
    symlinkSync(`usr/${folder}`, join(root, folder));
  }
  const packages = join(work, "packages", name);
  for (const file of readdirSync(packages).filter((each) => each.endsWith(".deb")))
    await unpack(join(packages, file), root);
  const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const exclude = without.map((path) => `--exclude=${path}`);
  await run("tar", [
    ...reproducible,
    ...exclude,
    "-czf",
    join(work, "out", `${name}.tar.gz`),
    "-C",
    root,
    ".",
  ]);
  rmSync(root, { recursive: true, force: true });
}

/** Not by `dpkg-deb -x`, which puts folders in place of those links. */
async function unpack(file, root) {
  const from = spawn("dpkg-deb", ["--fsys-tarfile", file], { stdio: ["ignore", "pipe", "inherit"] });
  const to = spawn("tar", ["-x", "--keep-directory-symlink", "--no-same-owner", "-C", root], {
    stdio: [from.stdout, "ignore", "inherit"],
  });
  // The other one reads it: here, nobody would, and its end never come.
  from.stdout.destroy();
  const statuses = await Promise.all([from, to].map(async (child) => (await once(child, "exit"))[0]));
  if (statuses.some((status) => status !== 0)) throw new SetupError(`${file} cannot be unpacked`);
}
