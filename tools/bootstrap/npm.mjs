// The npm packages of the lockfile, and the bundle that is made with them.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { node, root } from "./host.mjs";
import { run, SetupError } from "./say.mjs";

const modules = join(root, "node_modules");

/** npm notes what it has installed when it is done: the same packages as in the lockfile, but for those of other systems. */
function isInstalled() {
  if (!existsSync(join(modules, ".package-lock.json")) || !existsSync(node)) return false;
  const wanted = packagesOf(join(root, "package-lock.json"));
  const installed = packagesOf(join(modules, ".package-lock.json"));
  const isSame = (path) => installed[path]?.integrity === wanted[path].integrity;
  const paths = Object.keys(wanted).filter((path) => path !== "");
  return (
    paths.every(
      (path) => isSame(path) || (wanted[path].optional === true && installed[path] === undefined),
    ) && Object.keys(installed).every((path) => wanted[path] !== undefined)
  );
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

async function install() {
  // npm removes node_modules first: nothing may be run from there meanwhile.
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.startsWith(modules));
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    env: { ...process.env, PATH: path.join(delimiter) },
  });
  if (!existsSync(node))
    throw new SetupError("npm did not install the `node` package: are its scripts switched off?");
}

const stamp = join(modules, ".buildx-plan-bundle");

/** All that goes into the bundle: names, sizes and times of change. A removed file counts too. */
async function sources() {
  const hash = createHash("sha256");
  const note = (path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  };
  for (const file of ["package-lock.json", "rolldown.config.ts"]) note(file);
  for (const folder of ["cli", "core", "platforms"])
    for (const name of (await readdir(join(root, folder), { recursive: true })).toSorted())
      if (name.endsWith(".ts")) note(join(folder, name));
  return hash.digest("hex");
}

async function isBundled() {
  return (
    existsSync(stamp) &&
    existsSync(join(root, "dist", "main.cjs")) &&
    readFileSync(stamp, "utf8") === (await sources())
  );
}

async function bundle() {
  const seen = await sources();
  await run(node, [join(modules, "rolldown", "bin", "cli.mjs"), "--config", "rolldown.config.ts"], {
    cwd: root,
  });
  writeFileSync(stamp, seen);
}

export const packages = { title: "installing npm packages", isDone: isInstalled, run: install };
export const distribution = { title: "bundling the program", isDone: isBundled, run: bundle };
