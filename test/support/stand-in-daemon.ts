import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { onTestFinished } from "vitest";
import { stopManaged, type StartOptions } from "../../core/buildkit/managed.ts";
import { cachePaths } from "../../core/host/paths.ts";

/**
 * A buildkitd that only answers on its socket. What else it does is told by a file beside it: `fail TEXT` to end at once
 * with that text, `deaf` to listen and never answer, `child` to start a process that does not hear SIGTERM.
 */
const PROGRAM = `
const { readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { createServer } = require("node:http2");
const net = require("node:net");
const { spawn } = require("node:child_process");
const here = dirname(__filename);
const configuration = readFileSync(process.argv[process.argv.indexOf("--config") + 1], "utf8");
const socket = /unix:\\/\\/([^"]+)/.exec(configuration)[1];
const [behaviour, ...text] = readFileSync(join(here, "behaviour"), "utf8").split(" ");
writeFileSync(join(here, "seen.json"), JSON.stringify({ env: process.env, argv: process.argv.slice(2), cwd: process.cwd() }));
if (behaviour === "fail") {
  console.error(text.join(" "));
  process.exit(1);
}
if (behaviour === "child") {
  const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: "ignore" });
  writeFileSync(join(here, "child.pid"), String(child.pid));
}
try { require("node:fs").unlinkSync(socket); } catch {}
const server = behaviour === "deaf" ? net.createServer(() => {}) : createServer();
server.listen(socket);
process.on("SIGTERM", () => process.exit(0));
`;

/** A host of its own in a folder: programs on a PATH, a cache, and the files that are read from it. */
export interface DaemonRig {
  readonly options: StartOptions;
  readonly programs: string;
  readonly behave: (behaviour: string) => Promise<void>;
  /** What the daemon that started last saw of the world. */
  readonly seen: () => Promise<{
    readonly env: Record<string, string>;
    readonly argv: string[];
    readonly cwd: string;
  }>;
  readonly read: (file: string) => Promise<string>;
}

/** Makes a host on which a daemon can be started as root would; it is stopped and removed after the test. */
export async function daemonRig(): Promise<DaemonRig> {
  const folder = await mkdtemp("/tmp/daemon-test-");
  const programs = join(folder, "programs");
  const buildkitd = join(programs, "buildkitd");
  await mkdir(join(folder, "proc/self"), { recursive: true });
  await mkdir(join(folder, "etc"));
  await mkdir(programs);
  await writeFile(join(folder, "proc/self/status"), "CapEff:\t000001ffffffffff\n");
  await writeFile(join(folder, "etc/subuid"), "ann:100000:65536\n");
  await writeFile(join(folder, "etc/subgid"), "1000:100000:65536\n");
  await writeFile(buildkitd, `#!${execPath}\n${PROGRAM}`);
  await chmod(buildkitd, 0o755);
  await symlink("/bin/true", join(programs, "runc"));
  await writeFile(join(programs, "behaviour"), "serve");
  const paths = cachePaths({ XDG_CACHE_HOME: join(folder, "cache") }, "/nowhere");
  onTestFinished(async () => {
    await stopManaged(paths);
    await rm(folder, { recursive: true, force: true });
  });
  return {
    options: {
      os: "linux",
      user: { uid: 0, name: "root" },
      env: { PATH: programs, HOME: env["HOME"], NPM_TOKEN: "secret" },
      paths,
      osRelease: "ID=debian\n",
      filesFrom: folder,
      buildkitd,
      version: "0.33.1",
      signal: new AbortController().signal,
    },
    programs,
    behave: async (behaviour) => await writeFile(join(programs, "behaviour"), behaviour),
    seen: async () => JSON.parse(await readFile(join(programs, "seen.json"), "utf8")),
    read: async (file) => await readFile(join(folder, file), "utf8"),
  };
}

/** Puts a program on the rig's PATH that runs its arguments, as rootlesskit does. */
export async function addProgram(rig: DaemonRig, name: string, script: string): Promise<void> {
  await writeFile(join(rig.programs, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
