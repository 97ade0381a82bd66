import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { installCommand, packageFamily, type PackageFamily } from "../host/distribution.ts";
import type { Environment } from "../host/folders.ts";
import type { CachePaths } from "../host/paths.ts";
import { findTool } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ToolFailure } from "./buildkit.ts";
import { daemonEnvironment } from "./daemon-settings.ts";

/** The account that the daemon is to run for. */
export interface HostUser {
  readonly uid: number;
  readonly name: string;
}

/** This host, as far as it decides whether a daemon can run on it. */
export interface DaemonHost {
  readonly os: string;
  readonly user: HostUser;
  readonly env: Environment;
  readonly paths: CachePaths;
  /** Text of /etc/os-release, empty where there is none. */
  readonly osRelease: string;
  /** Folder that this host's own files are read from: `/`, if not said otherwise. */
  readonly filesFrom?: string;
}

/** What a daemon is started with, found before anything is started. */
export interface DaemonNeeds {
  readonly socket: string;
  /** Its path where the daemon has to run in a user namespace. */
  readonly rootlesskit: string | undefined;
}

/** Bit of CAP_SYS_ADMIN, without which not even root mounts. @see https://man7.org/linux/man-pages/man7/capabilities.7.html */
const CAP_SYS_ADMIN = 21n;

/** Checks what the daemon needs of the host, so that a missing thing is named and not met in the daemon's log. */
export async function daemonNeeds(
  host: DaemonHost,
  programs: string,
): Promise<Result<DaemonNeeds, ToolFailure>> {
  if (host.os !== "linux")
    return refuse(
      "BuildKit's daemon runs on Linux only",
      "name a remote builder or a docker buildx builder in the plan",
    );
  const { socket } = host.paths;
  if (socket === undefined)
    return refuse(
      `the socket's path in ${host.paths.buildkit} would be longer than 107 bytes`,
      "set XDG_CACHE_HOME or XDG_RUNTIME_DIR to a folder with a shorter name",
    );
  const env = daemonEnvironment(host.env, programs, host.filesFrom);
  const family = packageFamily(host.osRelease);
  if (firstTool(["buildkit-runc", "runc"], env) === undefined)
    return refuse("runc is not installed, which runs the steps of a build", installCommand("runc", family));
  if (host.user.uid !== 0) return await rootlessNeeds(host, socket, family);
  return (await maySysAdmin(host.filesFrom ?? "/"))
    ? ok({ socket, rootlesskit: undefined })
    : refuse(
        "root has no CAP_SYS_ADMIN here (a container without privileges), so BuildKit cannot mount anything",
        "run this container with --privileged, or name a remote builder in the plan",
      );
}

async function rootlessNeeds(
  host: DaemonHost,
  socket: string,
  family: PackageFamily,
): Promise<Result<DaemonNeeds, ToolFailure>> {
  const tools = ["rootlesskit", "newuidmap", "newgidmap"];
  const found = tools.map((tool) => findTool(tool, host.env));
  const missing = tools.filter((_, index) => found[index] === undefined);
  if (missing.length > 0)
    return refuse(
      `without root, BuildKit's daemon needs ${missing.join(", ")}`,
      `as root: ${installCommand("rootless", family)}`,
    );
  for (const file of ["etc/subuid", "etc/subgid"])
    if (!(await hasSubordinateIds(join(host.filesFrom ?? "/", file), host.user)))
      return refuse(
        `/${file} gives ${host.user.name} no subordinate ids`,
        `as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${host.user.name}`,
      );
  return ok({ socket, rootlesskit: found[0] });
}

/** Lines of `name-or-uid:first:count`. A host may keep them elsewhere (SSSD): a file that cannot be read proves nothing. */
async function hasSubordinateIds(file: string, user: HostUser): Promise<boolean> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const owners = text?.split("\n").map((line) => line.split(":")[0]);
  return owners === undefined || owners.includes(user.name) || owners.includes(String(user.uid));
}

async function maySysAdmin(filesFrom: string): Promise<boolean> {
  const status = await readFile(join(filesFrom, "proc/self/status"), "utf8").catch(() => "");
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

function firstTool(names: readonly string[], env: Environment): string | undefined {
  return names.map((name) => findTool(name, env)).find((path) => path !== undefined);
}

function refuse(detail: string, mend: string): Result<never, ToolFailure> {
  return fail({ kind: "managed-not-started", detail, log: [], mend });
}
