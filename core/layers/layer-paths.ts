/** A path of a tar file or of a link, cleaned: relative to the root of the layer, `/` between parts, no `.` or `..`. */
export interface CleanPath {
  /** Empty for the root itself. */
  readonly path: string;
  /** It went above the root by `..`, where it was stopped. */
  readonly escapes: boolean;
}

const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** Cleans a path by its text alone, as clients do before they join it to the root: an absolute one is below the root, too. */
export function cleanPath(name: string): CleanPath {
  const trimmed = name.startsWith("./") ? name.slice(2) : name;
  const plain = trimmed.endsWith("/") ? trimmed.slice(0, -1) : trimmed;
  if (!UNCLEAN.test(plain)) return { path: plain, escapes: false };
  const parts: string[] = [];
  let escapes = false;
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) escapes = true;
  }
  return { path: parts.join("/"), escapes };
}

/** The folder that a path stands in; empty for the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** What an entry means for the layers below. */
export type Whiteout =
  | { readonly kind: "whiteout" | "opaque"; readonly path: string }
  /** Notes of AUFS to itself; and names that would hide a folder that contains them. */
  | { readonly kind: "metadata" }
  | { readonly kind: "senseless" };

const PREFIX = ".wh.";
const METADATA = ".wh..wh.";

/**
 * Reads a cleaned path as a whiteout; undefined for every other entry.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts
 */
export function whiteoutOf(path: string): Whiteout | undefined {
  if (!path.includes(PREFIX)) return undefined;
  const folder = folderOf(path);
  const base = path.slice(folder === "" ? 0 : folder.length + 1);
  if (base === `${METADATA}.opq`) return { kind: "opaque", path: folder };
  if (path.startsWith(METADATA) || path.includes(`/${METADATA}`)) return { kind: "metadata" };
  if (!base.startsWith(PREFIX)) return undefined;
  const hidden = base.slice(PREFIX.length);
  if (["", ".", ".."].includes(hidden)) return { kind: "senseless" };
  return { kind: "whiteout", path: folder === "" ? hidden : `${folder}/${hidden}` };
}
