import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolders, xdgFolder, type CacheFolders, type Environment } from "./folders.ts";

/** The folders of this user, and the socket of the managed BuildKit. */
export interface CachePaths extends CacheFolders {
  /** Where the managed BuildKit listens, or undefined where no folder's name is short enough for a socket. */
  readonly socket: string | undefined;
}

/**
 * A socket's path has to fit into `sun_path`: 108 bytes with the final zero on Linux.
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
const MAX_SOCKET_BYTES = 107;

/** Finds everything that the program keeps for this user. */
export function cachePaths(env: Environment, home: string): CachePaths {
  const folders = cacheFolders(env, home);
  return { ...folders, socket: socketPath(folders.buildkit, env) };
}

/** Beside the state where that fits; else in the runtime folder, under a name that only this state folder gets. */
function socketPath(buildkit: string, env: Environment): string | undefined {
  const candidates = [join(buildkit, "buildkitd.sock")];
  const runtime = xdgFolder(env, "XDG_RUNTIME_DIR");
  if (runtime !== undefined) {
    const name = createHash("sha256").update(buildkit).digest("hex").slice(0, 12);
    candidates.push(join(runtime, `buildx-plan-${name}`, "buildkitd.sock"));
  }
  return candidates.find((path) => Buffer.byteLength(path) <= MAX_SOCKET_BYTES);
}
