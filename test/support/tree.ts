import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A file by its content; a folder, a link, or a file with a mode. */
export type Leaf =
  | string
  | { readonly folder: number }
  | { readonly link: string }
  | { readonly content: string; readonly mode: number };

/** Writes files and folders, in the order of their names, into a new folder that goes away with the test. Modes do not depend on the umask. */
export function tree(leaves: Readonly<Record<string, Leaf>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tree-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, leaf] of Object.entries(leaves)) writeLeaf(root, path, leaf);
  return root;
}

/** Puts one into a tree that is there. */
export function writeLeaf(root: string, path: string, leaf: Leaf): void {
  const whole = join(root, path);
  makeFolders(root, dirname(path));
  if (typeof leaf === "string") return writeMode(whole, leaf, 0o644);
  if ("content" in leaf) return writeMode(whole, leaf.content, leaf.mode);
  if ("link" in leaf) return symlinkSync(leaf.link, whole);
  mkdirSync(whole, { recursive: true });
  chmodSync(whole, leaf.folder);
}

function makeFolders(root: string, path: string): void {
  if (path === ".") return;
  makeFolders(root, dirname(path));
  const whole = join(root, path);
  if (mkdirSync(whole, { recursive: true }) !== undefined) chmodSync(whole, 0o755);
}

function writeMode(path: string, content: string, mode: number): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}
