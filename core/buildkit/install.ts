import { join } from "node:path";
import { fail, ok, type Result } from "../result.ts";
import {
  inFolder,
  onPath,
  type Attempt,
  type Found,
  type InstallOptions,
  type InstallSource,
} from "./install-sources.ts";
import { buildKit, buildx, type Installable } from "./installable.ts";

/** Programs that can be used, and where they came from. `buildkitd` is there on Linux only. */
export interface InstalledBuildKit {
  readonly buildctl: string;
  readonly buildkitd?: string;
  readonly version: string;
  readonly source: InstallSource;
}

/** docker buildx as a program of its own: `docker` finds it as a plugin, or it runs as `buildx`. */
export interface InstalledBuildx {
  readonly buildx: string;
  readonly version: string;
  readonly source: InstallSource;
}

/** No source had the tool; each says why, in the order in which they were tried. */
export interface InstallFailed {
  readonly kind: "install-failed";
  readonly tool: string;
  readonly attempts: readonly { readonly source: InstallSource; readonly reason: string }[];
}
/** Stopped before it was done; what was fetched so far is kept. */
export interface InstallCancelled {
  readonly kind: "install-cancelled";
  readonly tool: string;
}
export type InstallFailure = InstallFailed | InstallCancelled;

const ALL_SOURCES: readonly InstallSource[] = ["path", "installed", "archive", "go"];

/**
 * Makes BuildKit's client and daemon available to this user, from the first source that has them: the PATH (if new
 * enough), our own folder, the release archive (checked by its SHA-256), the Go toolchain.
 */
export async function installBuildKit(
  options: InstallOptions,
): Promise<Result<InstalledBuildKit, InstallFailure>> {
  return programsOf(await install(buildKit(options.os), options), options);
}

/** Finds BuildKit's programs without installing anything: on the PATH or in our own folder. */
export async function findBuildKit(
  options: Omit<InstallOptions, "moduleFile" | "onProgress">,
): Promise<Result<InstalledBuildKit, InstallFailure>> {
  return await installBuildKit({
    ...options,
    moduleFile: () => Promise.reject(new Error("Internal error: nothing is built here")),
    onProgress: () => undefined,
    sources: ["path", "installed"],
  });
}

/** Makes docker buildx available as a program, for those who want it. */
export async function installBuildx(
  options: InstallOptions,
): Promise<Result<InstalledBuildx, InstallFailure>> {
  const found = await install(buildx(), options);
  if (!found.ok) return found;
  const { folder, version, source } = found.value;
  return ok({ buildx: join(folder, "buildx"), version, source });
}

function programsOf(
  found: Result<Found, InstallFailure>,
  { os }: InstallOptions,
): Result<InstalledBuildKit, InstallFailure> {
  if (!found.ok) return found;
  const { folder, version, source } = found.value;
  return ok({
    buildctl: join(folder, "buildctl"),
    ...(os === "linux" ? { buildkitd: join(folder, "buildkitd") } : {}),
    version,
    source,
  });
}

async function install(tool: Installable, options: InstallOptions): Promise<Result<Found, InstallFailure>> {
  const attempts: { source: InstallSource; reason: string }[] = [];
  for (const source of options.sources ?? ALL_SOURCES) {
    const found = await trySource(source, tool, options).catch((error: unknown) => fail(String(error)));
    if (found.ok) return found;
    if (options.signal.aborted) return fail({ kind: "install-cancelled", tool: tool.name });
    attempts.push({ source, reason: found.error });
  }
  return fail({ kind: "install-failed", tool: tool.name, attempts });
}

/** Tries one source. May reject where the system refuses something: that too is a reason to go on to the next. */
async function trySource(source: InstallSource, tool: Installable, options: InstallOptions): Attempt {
  switch (source) {
    case "path":
      return await onPath(tool, options);
    case "installed":
      return await inFolder(tool, options);
    case "archive":
    case "go": {
      // Imported late: tools are looked for at every start, and made once.
      const { makeTool } = await import("./install-making.ts");
      return await makeTool({ tool, source, options });
    }
    default:
      return source satisfies never;
  }
}
