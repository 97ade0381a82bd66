/** The executables that this checkout makes, as a user has them: without Node, on one platform or the other. */
import { mkdtemp } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { cacheFolders } from "../../core/host/folders.ts";
import { makeExecutables } from "../../tools/executable/make.ts";
import type { Target } from "../../tools/executable/targets.ts";
import { ROOT } from "./rig.ts";
import { testFiles } from "./tools.ts";

/** Folder of the executables of all platforms; the same ones are made once, and kept outside of the checkout. */
export async function executablesFolder(): Promise<string> {
  return await makeExecutables(await making(join(cacheFolders(process.env, homedir()).root, "executables")));
}

/** Makes some of them anew, in a folder of their own. */
export async function executablesIn(cache: string, targets: readonly Target[]): Promise<string> {
  return await makeExecutables({ ...(await making(cache)), targets });
}

async function making(cache: string) {
  return { root: ROOT, nodes: await testFiles("BUILDX_PLAN_NODES"), cache };
}

/** The C library and loader of Debian for arm64, in a temporary folder: what QEMU takes for the system of such a program. */
export async function arm64System(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "arm64-"));
  const layer = join(await testFiles("BUILDX_PLAN_ROOT_FILES"), "arm64.tar.gz");
  const libraries = ["./lib", "./usr/lib/ld-linux-aarch64.so.1", "./usr/lib/aarch64-linux-gnu"];
  await execa("tar", ["-xzf", layer, "-C", folder, ...libraries]);
  return folder;
}
