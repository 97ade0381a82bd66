// The project's release, by its own program and its own plan (release.yaml): single executables with their SHA256SUMS, and with
// --push the container image. `npm run release` prepares the machine first.
// usage: node tools/release.ts [--in FOLDER] [--push] [ARGUMENT OF `buildx-plan build`...]
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cacheFolders } from "../core/host/folders.ts";
import { makeExecutables } from "./executable/make.ts";
import { builderAddress } from "./release/builder.ts";
import { TARGETS } from "./executable/targets.ts";
import { formatSums } from "./release/sums.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const LICENSE = "LICENSE-node";

process.exitCode = await release(process.argv.slice(2));

async function release(argv: readonly string[]): Promise<number> {
  const { folder, isPushed, others } = readArguments(argv);
  const made = await makeExecutables({
    root,
    nodes: needed("BUILDX_PLAN_NODES"),
    cache: join(cacheFolders(process.env, homedir()).root, "executables"),
  });
  const [input, output] = [join(folder, ".release"), join(folder, "release")];
  await fill(input, made);
  await rm(output, { recursive: true, force: true });
  await mkdir(output);
  const address = await builderAddress(AbortSignal.timeout(60_000));
  const build = (image: string, ...more: readonly string[]) =>
    buildxPlan(folder, address, ["build", "--file", "release.yaml", "--image", image, ...more, ...others]);
  // As images they are looked into, as with any plan; the same build again writes the files.
  const layout = join(input, "executables.oci");
  const status =
    (await build("executable", "--output", `type=oci,dest=${layout},tar=false`)) ||
    (await build("executable")) ||
    (isPushed ? await build("buildx-plan") : 0);
  await rm(layout, { recursive: true, force: true });
  if (status !== 0) return status;
  await flatten(output);
  await copyFile(join(made, LICENSE), join(output, LICENSE));
  await writeFile(join(output, "SHA256SUMS"), formatSums(await filesOf(output)));
  process.stdout.write(`${output}\n`);
  return 0;
}

function readArguments(argv: readonly string[]) {
  const { values, tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: { in: { type: "string" }, push: { type: "boolean" } },
  });
  const own = new Set(
    tokens.flatMap((token) =>
      token.kind === "option" && (token.name === "in" || token.name === "push")
        ? [token.index, ...(token.name === "in" && !token.inlineValue ? [token.index + 1] : [])]
        : [],
    ),
  );
  return {
    folder: typeof values.in === "string" ? resolve(values.in) : root,
    isPushed: values.push === true,
    others: argv.filter((_, index) => !own.has(index)),
  };
}

function needed(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: run \`npm run release\`, which sets it`);
  return value;
}

/** A folder for each platform is how files are written; their names are enough. */
async function flatten(folder: string): Promise<void> {
  for (const platform of await readdir(folder)) {
    for (const file of await readdir(join(folder, platform)))
      await rename(join(folder, platform, file), join(folder, file));
    await rm(join(folder, platform), { recursive: true });
  }
}

/** What the plan copies from, and nothing of an earlier run. */
async function fill(input: string, made: string): Promise<void> {
  await rm(input, { recursive: true, force: true });
  await mkdir(input, { recursive: true });
  for (const { file } of TARGETS)
    await copyFile(join(made, file), join(input, file), constants.COPYFILE_FICLONE);
  await copyFile(join(made, LICENSE), join(input, LICENSE));
}

function buildxPlan(cwd: string, address: string, argv: readonly string[]): Promise<number> {
  process.stderr.write(`$ buildx-plan ${argv.join(" ")}\n`);
  const child = spawn(process.execPath, [join(root, "bin", "buildx-plan.js"), ...argv], {
    cwd,
    env: { ...process.env, BUILDKIT_HOST: address },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 130));
  });
}

async function filesOf(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = await readdir(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
}
