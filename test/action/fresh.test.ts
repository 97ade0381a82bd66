import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { expect, onTestFinished, test } from "vitest";
import { parseDocument } from "yaml";
import config from "../../rolldown.action.config.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("the file of the action is what its sources make: `npm run build:action` writes it anew", async () => {
  const folder = await mkdtemp(join(tmpdir(), "action-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { output, ...input } = config;
  if (output === undefined || Array.isArray(output)) throw new Error("one output was expected");
  const bundle = await rolldown({ ...input, cwd: ROOT });
  await bundle.write({ ...output, dir: folder });
  await bundle.close();
  const made = await readFile(join(folder, "index.cjs"));
  expect(made.equals(await readFile(join(ROOT, "action", "index.cjs")))).toBe(true);
});

test("the action is described as it is: its file is there, and every input is read", async () => {
  const action = parseDocument(await readFile(join(ROOT, "action.yml"), "utf8")).toJS();
  expect(action.runs).toEqual({ using: "node24", main: "action/index.cjs" });
  const source = await readFile(join(ROOT, "action", "main.ts"), "utf8");
  const read = [...source.matchAll(/input\("([a-z-]+)"\)/g)].map(([, name]) => name);
  expect(new Set(Object.keys(action.inputs))).toEqual(new Set(read));
});
