// Debian packages by apt with lists of our own: the system's apt and dpkg know nothing of it, and no root is needed.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./host.mjs";
import { run, SetupError } from "./say.mjs";

/** Runs an apt command on fresh lists. One list of many may be broken on a mirror: that matters only if it is needed. */
export async function apt(options, command, settings) {
  const problem = await run("apt-get", [...options, "update"], settings).then(
    () => undefined,
    (error) => error,
  );
  await run("apt-get", [...options, ...command], settings).catch((error) => {
    throw new SetupError([problem?.message, error.message].filter(Boolean).join("\n"));
  });
}

/**
 * Downloads packages and unpacks each into a folder of its own below `folder`, named after its file. `choose` picks names from
 * all that the archive has; `architectures` adds to the machine's own; `suites` replaces the machine's own.
 */
export async function unpackPackages({ folder, choose, architectures = [], suites }) {
  await withLists({ architectures, suites }, async (options, work) => {
    const names = (await run("apt-cache", [...options, "pkgnames"])).split("\n");
    await run("apt-get", [...options, "download", ...choose(names)], work);
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(work.cwd))
      await run("dpkg-deb", ["-x", join(work.cwd, file), join(folder, file)]);
  });
}

/**
 * Downloads sets of packages with all that they depend on, each as for a machine of one architecture where nothing is installed yet.
 * `sets` has a folder, an architecture and what `apt-get install` is given.
 */
export async function downloadSets(sets) {
  await withLists({ architectures: sets.map(({ architecture }) => architecture) }, async (options, work) => {
    for (const { folder, architecture, packages } of sets) {
      mkdirSync(join(folder, "partial"), { recursive: true });
      const alone = [`Architecture=${architecture}`, `Architectures=${architecture}`];
      const own = [...alone.map((setting) => `APT::${setting}`), `Dir::Cache::archives=${folder}`];
      const install = ["--download-only", "--no-install-recommends", "-y", "install", ...packages];
      await run("apt-get", [...options, ...own.flatMap((setting) => ["-o", setting]), ...install], work);
    }
  });
}

/** Does something with fresh lists of our own. They are gone after it: those of several architectures are large, and only good for a day. */
async function withLists({ architectures, suites }, task) {
  const state = join(cache, "debian", "apt");
  rmSync(state, { recursive: true, force: true });
  for (const part of ["state/lists/partial", "cache/archives/partial", "packages"])
    mkdirSync(join(state, part), { recursive: true });
  const options = await optionsFor(state, architectures, suites);
  const work = { cwd: join(state, "packages") };
  await apt(options, ["check"], work);
  await task(options, work);
  rmSync(state, { recursive: true, force: true });
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

async function optionsFor(state, architectures, suites) {
  const own = (await run("dpkg", ["--print-architecture"])).trim();
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  const mirror = suites === undefined ? undefined : await ownMirror();
  const sources = suites?.map((suite) => `deb ${signed}${mirror} ${suite} main\n`);
  writeFileSync(join(state, "status"), "");
  if (sources !== undefined) writeFileSync(join(state, "sources.list"), sources.join(""));
  const settings = {
    "Dir::State": `${state}/state`,
    "Dir::State::status": `${state}/status`,
    "Dir::Cache": `${state}/cache`,
    ...(sources === undefined
      ? {}
      : { "Dir::Etc::sourcelist": `${state}/sources.list`, "Dir::Etc::sourceparts": "-" }),
    "APT::Architectures": [own, ...architectures.filter((name) => name !== own)].join(","),
    "APT::Sandbox::User": "",
    // Descriptions for software centres, larger than the lists themselves.
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  return ["-q", ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}

/** Where this machine gets Debian from: its own sources say so, in whatever form they are written. */
async function ownMirror() {
  const printed = await run("apt-get", ["update", "--print-uris"]);
  const found = /'(\S+?)\/dists\/[^/']+\/InRelease'/.exec(printed);
  if (found === null) throw new SetupError("apt has no Debian archive in its sources");
  return found[1];
}
