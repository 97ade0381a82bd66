// What the set-up knows of this machine, and where it keeps things.
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone that is set up. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The same folder as the program's own cache: outside the clone, shared by all clones of this user. */
export const cache = join(
  isAbsolute(process.env.XDG_CACHE_HOME ?? "") ? process.env.XDG_CACHE_HOME : join(homedir(), ".cache"),
  "buildx-plan",
);

export const isRoot = process.getuid?.() === 0;

/** OCI's name for this CPU. */
export const architecture = { x64: "amd64", ia32: "386", ppc64: "ppc64le" }[process.arch] ?? process.arch;

const osRelease = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";

/** Has this machine Debian's package tools? */
export const isDebian = /^ID(_LIKE)?=.*debian/m.test(osRelease) && find("apt-get") !== undefined;

export const codename = /^VERSION_CODENAME=["']?(\w+)/m.exec(osRelease)?.[1] ?? "unknown";

/** Finds a program, in the folders of the system's administration too. */
export function find(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Pinned versions, from the one place that names them. */
export function pinned(module) {
  const text = readFileSync(join(root, "tools", "go.mod"), "utf8");
  const version = new RegExp(`^\\s+${module} (v\\S+)`, "m").exec(text)?.[1];
  if (version === undefined) throw new Error(`tools/go.mod does not name ${module}`);
  return version;
}

/** Where the program's own `setup` puts a tool. */
export function installFolder(tool, module) {
  return join(cache, "bin", `${tool}-${pinned(module)}-linux-${architecture}`);
}

export const folders = {
  buildkit: () => installFolder("buildkit", "github.com/moby/buildkit"),
  buildx: () => installFolder("buildx", "github.com/docker/buildx"),
};

/** The project's own Node, which runs everything but the set-up itself. */
export const node = join(root, "node_modules", "node", "bin", "node");
