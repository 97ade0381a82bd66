import { realpathSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, inject, test } from "vitest";
import { hashContext } from "../../core/inputs/hash-context.ts";
import { loadIgnore } from "../../core/inputs/ignore-source.ts";
import { temporaryFolder } from "../support/registry-rig.ts";
import { tree, type Leaf } from "../support/tree.ts";

const FILES: Readonly<Record<string, Leaf>> = {
  Dockerfile: "FROM scratch\nCOPY . /\n",
  "a.log": "a",
  "a.md": "a",
  "bin/run": { content: "#!", mode: 0o4755 },
  "bin/group": { content: "", mode: 0o664 },
  "bin/link": { link: "run" },
  "bin/up": { link: "../../outside" },
  "bin/self": { link: "self" },
  "empty/kept": { folder: 0o1777 },
  "docs/a.md": "docs",
  "docs/README.md": "docs",
  "docs/deep/er/a.md": "docs",
  "src/é/x.ts": "ä\r\n",
  "src/node_modules/x/index.js": "x",
  "src/x1.ts": "1",
  "src/x{2}.ts": "2",
  "[a]/*": "odd",
};

test.each([
  ["no patterns", ""],
  ["everyday patterns", "# all that is made\r\n**/node_modules\r\n*.log\r\n.dockerignore\r\n"],
  ["an exception in a folder that is kept out", "docs\n!docs/deep/er\n*.md\n"],
  ["exceptions with wildcards", "*\n!**/*.md\n!src/**\nsrc/*/x.ts\n!bin/l*\n"],
  ["odd patterns", "src/x\\d.ts\nsrc/x{2}.t?\n\\[a\\]/[*]\n/bin/g*p/\n"],
])("BuildKit sends the files that are hashed, with the same modes: %s", async (_, patterns) => {
  const root = tree({ ...FILES, ".dockerignore": patterns });
  const sent = realpathSync(await temporaryFolder());
  const { address, buildctl } = inject("buildkit");
  const locals = [`--local=context=${root}`, `--local=dockerfile=${root}`];
  const output = `--output=type=local,dest=${sent}`;
  await execa(buildctl, ["--addr", address, "build", "--frontend=dockerfile.v0", ...locals, output]);
  const source = await loadIgnore(root, join(root, "Dockerfile"));
  if (!source.ok) throw new Error(source.error.reason);
  const { ignore } = source.value;
  const all = { patterns: [], hasPlainExceptions: true };
  const world = { nowMs: () => 0 };
  const hashed = await hashContext({ path: root, ignore, name: "" }, world);
  expect(hashed).toEqual(await hashContext({ path: sent, ignore: all, name: "" }, world));
  expect(hashed.ok).toBe(true);
});
