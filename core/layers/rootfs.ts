import { visitEntries } from "./layer-order.ts";
import type { LayerFile, LayerSummary } from "./layer.ts";
import { RootfsTree, type FileNode } from "./rootfs-tree.ts";

/** A program or script that the container sees. */
export interface RootfsFile {
  /** Absolute. */
  readonly path: string;
  /** Index of the layer whose bytes it has; a hard link has those of its target. */
  readonly layer: number;
  readonly executable: boolean;
  readonly size: number;
  readonly content: LayerFile["content"];
}

/** What stands at a path, symbolic links followed: paths are absolute, and those of what was found and not of what was asked. */
export type Resolved =
  | { readonly kind: "file"; readonly file: RootfsFile }
  | { readonly kind: "other" | "folder"; readonly path: string }
  | { readonly kind: "missing" }
  | { readonly kind: "loop" };

/** What a container sees of the layers of an image. */
export interface Rootfs {
  /** All programs and scripts, by path. */
  readonly files: readonly RootfsFile[];
  /** Follows symbolic links, never out of the root, and at most 40 of them, as Linux does. */
  resolve(path: string): Resolved;
}

/**
 * Puts layers on top of each other, the base first, as clients do when they unpack an image: whiteouts of a layer hide what is below
 * it, then its entries come in their order, each in the folder that its path leads to through the links that are there by then.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets
 */
export function mergeLayers(summaries: readonly LayerSummary[]): Rootfs {
  const tree = new RootfsTree();
  for (const [layer, summary] of summaries.entries()) {
    for (const path of summary.opaque) tree.empty(path);
    for (const path of summary.whiteouts) tree.remove(path);
    visitEntries(summary, {
      file: (file) => tree.put(file.path, { kind: "file", layer, file }),
      link: ({ path, target, hard }) => {
        if (hard) tree.linkHard(path, target);
        else tree.put(path, { kind: "link", target });
      },
      other: (path) => {
        if (path.endsWith("/")) tree.putFolder(path.slice(0, -1));
        else tree.put(path, "other");
      },
    });
  }
  const seen = new Map<FileNode, RootfsFile>();
  const files = [...tree.files()].map(({ path, node }) => {
    const file = rootfsFile(path, node);
    seen.set(node, file);
    return file;
  });
  files.sort((one, other) => (one.path < other.path ? -1 : 1));
  return { files, resolve: (path) => resolve(tree, seen, path) };
}

function rootfsFile(path: string, { layer, file: { executable, size, content } }: FileNode): RootfsFile {
  return { path, layer, executable, size, content };
}

function resolve(tree: RootfsTree, seen: ReadonlyMap<FileNode, RootfsFile>, asked: string): Resolved {
  const found = tree.find(asked);
  if (found === undefined) return { kind: "missing" };
  if (found.kind === "loop") return found;
  if (found.kind === "folder") return { kind: "folder", path: found.folder.path || "/" };
  const { node, path } = found;
  if (node === "other") return { kind: "other", path };
  return { kind: "file", file: seen.get(node) ?? rootfsFile(path, node) };
}
