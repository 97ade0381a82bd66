import { isAbsolute, join } from "node:path";

/** The process's environment, as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folders of this user that the program writes to; none of them need exist. */
export interface CacheFolders {
  /** `$XDG_CACHE_HOME/buildx-plan`, or `~/.cache/buildx-plan`. */
  readonly root: string;
  /** One folder for each installed tool and version. */
  readonly bin: string;
  /** State, configuration and log of the managed BuildKit. */
  readonly buildkit: string;
}

/**
 * Finds the folders by the XDG base directory rules.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheFolders(env: Environment, home: string): CacheFolders {
  const root = join(xdgFolder(env, "XDG_CACHE_HOME") ?? join(home, ".cache"), "buildx-plan");
  return { root, bin: join(root, "bin"), buildkit: join(root, "buildkit") };
}

/** The folder that a variable names; a relative path counts as unset. */
export function xdgFolder(env: Environment, variable: string): string | undefined {
  const path = env[variable];
  return path !== undefined && isAbsolute(path) ? path : undefined;
}
