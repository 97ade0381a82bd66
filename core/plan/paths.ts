import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { rangeOf } from "./fields.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import type { Text } from "./written.ts";

/**
 * What a path is used as: an existing folder, file, or either; or a place for results, which need not exist yet.
 */
export type PathKind = "folder" | "file" | "either" | "place";

/** A path that a plan uses, to be looked at on disk once everything else is known. */
export interface PathUse {
  /** Absolute. */
  readonly path: string;
  /** As the plan has it. */
  readonly written: string;
  readonly kind: PathKind;
  readonly range: Range;
  /** What it is, for messages: `context`, `Dockerfile`, `secret`. */
  readonly role: string;
  /** True for what may lie outside of the plan's folder. */
  readonly anywhere?: boolean;
}

/** Gathers the paths of a plan; each is looked at once, however many variants share it. */
export interface Paths {
  readonly directory: string;
  readonly uses: Map<string, PathUse>;
  readonly problems: Problems;
}

/** What a path is for, and the folder that it is relative to where that is not the plan's own. */
export interface PathWish {
  readonly kind: PathKind;
  readonly role: string;
  readonly base?: string;
}

/**
 * Makes a path of the plan absolute and notes it for the look on disk. A path that leaves the plan's folder is an
 * error: a plan is often somebody else's, and must not reach for the files of whoever builds it. (Symbolic links are
 * followed when the disk is looked at.)
 */
export function usePath(written: string, text: Text, wish: PathWish, paths: Paths): string | undefined {
  const path = resolve(wish.base ?? paths.directory, written);
  const range = rangeOf(text);
  if (!isInside(path, paths.directory)) {
    paths.problems.error(range, leaves(written, wish.role), { hint: leavesHint(written) });
    return undefined;
  }
  const key = `${wish.kind}:${path}`;
  if (!paths.uses.has(key)) paths.uses.set(key, { path, written, kind: wish.kind, range, role: wish.role });
  return path;
}

/**
 * Notes a file that may lie anywhere. For certificates and their keys: they are shown to the host that they are for only, and
 * mostly belong to the machine.
 */
export function useAnywhere(written: string, text: Text, role: string, paths: Paths): string {
  const path = resolve(paths.directory, written);
  paths.uses.set(`file:${path}`, { path, written, kind: "file", range: rangeOf(text), role, anywhere: true });
  return path;
}

/** Is a path a folder itself or below it? Both absolute. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** The message for a path that is not in the plan's folder. */
export function leaves(written: string, role: string): string {
  return `The ${role} \`${written.slice(0, 200)}\` is outside of the plan's folder`;
}

function leavesHint(written: string): string {
  return written.startsWith("~")
    ? "`~` is not resolved in a plan"
    : "Keep it below the folder of the plan, or move the plan to a folder above it";
}

/** The path below a folder that a result of one platform gets. */
export function below(folder: string, parts: readonly string[]): string {
  return join(folder, ...parts);
}
