import { createHash } from "node:crypto";
import { isAbsolute, join } from "node:path";

/** The process's environment, as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folders of this user that the program writes to; none of them need exist. */
export interface CachePaths {
  /** `$XDG_CACHE_HOME/buildx-plan`, or `~/.cache/buildx-plan`. */
  readonly root: string;
  /** One folder for each installed tool and version. */
  readonly bin: string;
  /** State, configuration and log of the managed BuildKit. */
  readonly buildkit: string;
  /** Where the managed BuildKit listens, or undefined where no folder's name is short enough for a socket. */
  readonly socket: string | undefined;
}

/**
 * A socket's path has to fit into `sun_path`: 108 bytes with the final zero on Linux.
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
const MAX_SOCKET_BYTES = 107;

/**
 * Finds the folders by the XDG base directory rules: a relative path in a variable counts as unset.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cachePaths(env: Environment, home: string): CachePaths {
  const root = join(absolute(env["XDG_CACHE_HOME"]) ?? join(home, ".cache"), "buildx-plan");
  const buildkit = join(root, "buildkit");
  return { root, bin: join(root, "bin"), buildkit, socket: socketPath(buildkit, env) };
}

/** Beside the state where that fits; else in the runtime folder, under a name that only this state folder gets. */
function socketPath(buildkit: string, env: Environment): string | undefined {
  const candidates = [join(buildkit, "buildkitd.sock")];
  const runtime = absolute(env["XDG_RUNTIME_DIR"]);
  if (runtime !== undefined) {
    const name = createHash("sha256").update(buildkit).digest("hex").slice(0, 12);
    candidates.push(join(runtime, `buildx-plan-${name}`, "buildkitd.sock"));
  }
  return candidates.find((path) => Buffer.byteLength(path) <= MAX_SOCKET_BYTES);
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}
