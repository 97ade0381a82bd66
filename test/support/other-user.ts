import { spawn } from "node:child_process";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import { findTool } from "../../core/host/tools.ts";
import { ROOT, type Environment, type Ran } from "./rig.ts";

/** A user without any rights, who has a home and a copy of the program in it. */
export interface OtherUser {
  readonly home: string;
  /** Copies a file or folder into the home, as the user's own. */
  readonly give: (path: string, to: string) => Promise<void>;
  /** Runs the program in the user's project folder, with this environment and nothing else. */
  readonly run: (argv: readonly string[], env?: Environment) => Promise<Ran>;
}

/**
 * Makes the user of this number at home in a folder that is removed when the test ends. The checkout itself and its Node may
 * lie where nobody else may read. Only root can become another user.
 */
export async function becomeUser(uid: number): Promise<OtherUser> {
  const home = await mkdtemp(join(tmpdir(), "user-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const own = async (path: string): Promise<void> => {
    await chown(path, uid, uid);
    for (const entry of await readdir(path).catch((): string[] => [])) await own(join(path, entry));
  };
  const give = async (path: string, to: string): Promise<void> => {
    await cp(path, join(home, to), { recursive: true, dereference: true });
    await own(join(home, to));
  };
  for (const folder of ["project", "tmp"]) await mkdir(join(home, folder));
  await own(home);
  for (const name of ["bin", "dist", "package.json"]) await give(join(ROOT, name), join("checkout", name));
  await own(join(home, "checkout"));
  await give(process.execPath, basename(process.execPath));
  await chmod(home, 0o755);
  return { home, give, run: (argv, env = {}) => runAs(uid, home, argv, env) };
}

function runAs(uid: number, home: string, argv: readonly string[], env: Environment): Promise<Ran> {
  const node = join(home, basename(process.execPath));
  const child = spawn(
    findTool("setpriv", process.env) ?? "setpriv",
    [
      `--reuid=${uid}`,
      `--regid=${uid}`,
      "--clear-groups",
      node,
      join(home, "checkout/bin/buildx-plan.js"),
      ...argv,
    ],
    {
      cwd: join(home, "project"),
      env: { PATH: process.env["PATH"], HOME: home, TMPDIR: join(home, "tmp"), ...env },
    },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? -1, ...output }));
  });
}
