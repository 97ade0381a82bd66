// The demo's base files: Debian's static busybox for each of its platforms, fetched by apt and kept outside the clone.
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { unpackPackages } from "./bootstrap/apt.mjs";
import { cache, codename, isDebian, root } from "./bootstrap/host.mjs";
import { SetupError } from "./bootstrap/say.mjs";

/** Folders by `${TARGETARCH}${TARGETVARIANT}`, and Debian's name of the architecture. */
const ARCHITECTURES = {
  amd64: "amd64",
  arm64: "arm64",
  armv7: "armhf",
  386: "i386",
  ppc64le: "ppc64el",
  s390x: "s390x",
};

const kept = join(cache, "demo-base", codename);
const used = join(root, ".demo", "busybox");

/** Fetches what is missing, and copies it to where the plan of the demo expects it. */
export const demoBase = {
  title: "fetching the demo's base files (busybox for six architectures)",
  isDone: () => Object.keys(ARCHITECTURES).every((name) => existsSync(join(used, name, "busybox"))),
  run: async () => {
    if (!existsSync(kept)) await fetchBase();
    for (const name of Object.keys(ARCHITECTURES)) {
      mkdirSync(join(used, name), { recursive: true });
      copyFileSync(join(kept, name), join(used, name, "busybox"));
    }
  },
};

async function fetchBase() {
  if (!isDebian)
    throw new SetupError(
      `the demo's base files come from Debian's archive, through apt-get: put static busybox programs into ${used}/<${Object.keys(ARCHITECTURES).join("|")}>/busybox`,
    );
  const work = `${kept}.work`;
  rmSync(work, { recursive: true, force: true });
  const architectures = Object.values(ARCHITECTURES);
  const choose = () => architectures.map((name) => `busybox-static:${name}`);
  await unpackPackages({ folder: join(work, "packages"), choose, architectures });
  mkdirSync(join(work, "out"));
  for (const [name, architecture] of Object.entries(ARCHITECTURES)) {
    const unpacked = readdirSync(join(work, "packages")).find((file) =>
      file.endsWith(`_${architecture}.deb`),
    );
    const program = ["bin", "usr/bin"]
      .map((folder) => join(work, "packages", unpacked, folder, "busybox"))
      .find((path) => existsSync(path));
    copyFileSync(program, join(work, "out", name));
  }
  mkdirSync(dirname(kept), { recursive: true });
  renameSync(join(work, "out"), kept);
  rmSync(work, { recursive: true, force: true });
}
