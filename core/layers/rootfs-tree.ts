import type { LayerFile } from "./layer.ts";

/** What has a name in a folder. Of files that are no programs only that they are there is known, so they cost no object. */
export type Node = Folder | FileNode | LinkNode | "other";

export interface Folder {
  readonly kind: "folder";
  /** Undefined for the root. */
  readonly parent: Folder | undefined;
  /** Absolute; empty for the root. */
  readonly path: string;
  readonly children: Map<string, Node>;
}

/** One for each path, also where hard links share the content. */
export interface FileNode {
  readonly kind: "file";
  readonly layer: number;
  readonly file: LayerFile;
}

export interface LinkNode {
  readonly kind: "link";
  readonly target: string;
}

/** A name in a folder; nothing need be there. */
interface Place {
  readonly folder: Folder;
  readonly name: string;
}

/** What a path leads to; undefined where nothing is there. */
export type Found =
  | { readonly kind: "folder"; readonly folder: Folder }
  | { readonly kind: "leaf"; readonly node: FileNode | "other"; readonly path: string }
  | { readonly kind: "loop" }
  | undefined;

/** As many links as Linux follows for one path, and its longest path. */
const MAX_HOPS = 40;
const MAX_PATH = 4096;
/**
 * How many characters of link targets are followed while an image is put together. Links of links make much work of few bytes;
 * what comes after is left out.
 */
const MAX_FOLLOWED = 200_000_000;

/** The file system of an image while its layers are applied. Paths are relative to its root; links are followed within it. */
export class RootfsTree {
  readonly #root: Folder = { kind: "folder", parent: undefined, path: "", children: new Map() };
  #budget = MAX_FOLLOWED;
  // Entries of one folder mostly come one after the other.
  #last: { readonly path: string; readonly folder: Folder } | undefined;

  /** Puts something that is no folder there. Whatever was there is gone, a folder with all that is in it. */
  put(path: string, node: Exclude<Node, Folder>): void {
    const place = this.#place(path, "make");
    if (place === undefined) return;
    this.#leave(place.folder.children.get(place.name));
    place.folder.children.set(place.name, node);
  }

  /** Makes sure that a folder is there, in place of anything else. One that is there keeps what is in it. */
  putFolder(path: string): void {
    const place = this.#place(path, "make");
    const before = place?.folder.children.get(place.name);
    if (place === undefined || isFolder(before)) return;
    this.#leave(before);
    makeFolder(place);
  }

  /** Gives a file, or a link, one more name. Without a target nothing is to be seen under that name either. */
  linkHard(path: string, target: string): void {
    const from = this.#place(target, "look");
    const node = from?.folder.children.get(from.name);
    if (node === undefined) this.remove(path);
    else if (!isFolder(node)) this.put(path, node === "other" ? node : { ...node });
  }

  /** Removes what is there, and all that is in it. */
  remove(path: string): void {
    const place = this.#place(path, "look");
    this.#leave(place?.folder.children.get(place.name));
    place?.folder.children.delete(place.name);
  }

  /** Removes all that is in a folder. */
  empty(path: string): void {
    const found = this.find(path);
    this.#last = undefined;
    if (found?.kind === "folder") found.folder.children.clear();
  }

  /** Follows a path to its end, also where that is a link. */
  find(path: string): Found {
    return this.#walk(path, "look");
  }

  /** All programs and scripts, with their absolute paths. */
  *files(): Generator<{ readonly path: string; readonly node: FileNode }> {
    const waiting: Folder[] = [this.#root];
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop())
      for (const [name, node] of folder.children) {
        if (node === "other" || node.kind === "link") continue;
        if (node.kind === "folder") waiting.push(node);
        else yield { path: `${folder.path}/${name}`, node };
      }
  }

  /** Paths that were led through a folder or a link lead elsewhere when it goes. */
  #leave(node: Node | undefined): void {
    if (isFolder(node) || isLink(node)) this.#last = undefined;
  }

  #place(path: string, mode: "make" | "look"): Place | undefined {
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(0, slash));
    const name = path.slice(slash + 1);
    if (this.#last?.path === parent) return { folder: this.#last.folder, name };
    const found = this.#walk(parent, mode);
    if (found?.kind !== "folder") return undefined;
    this.#last = { path: parent, folder: found.folder };
    return { folder: found.folder, name };
  }

  #walk(path: string, mode: "make" | "look"): Found {
    const parts = path.split("/").toReversed();
    let folder = this.#root;
    let hops = 0;
    for (let name = parts.pop(); name !== undefined; name = parts.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        folder = folder.parent ?? this.#root;
        continue;
      }
      const node = folder.children.get(name);
      if (isFolder(node)) folder = node;
      else if (isLink(node)) {
        hops += 1;
        this.#budget -= node.target.length;
        if (hops > MAX_HOPS || this.#budget < 0) return { kind: "loop" };
        if (node.target.startsWith("/")) folder = this.#root;
        for (const part of node.target.split("/").toReversed()) parts.push(part);
      } else if (mode === "make") {
        // A file where a folder must be: no client unpacks that. What is said to be in it counts nevertheless.
        const made = makeFolder({ folder, name });
        if (made === undefined) return undefined;
        folder = made;
      } else if (node === undefined || parts.some((part) => part !== "")) return undefined;
      else return { kind: "leaf", node, path: `${folder.path}/${name}` };
    }
    return { kind: "folder", folder };
  }
}

function makeFolder({ folder, name }: Place): Folder | undefined {
  const path = `${folder.path}/${name}`;
  if (path.length > MAX_PATH) return undefined;
  const made: Folder = { kind: "folder", parent: folder, path, children: new Map() };
  folder.children.set(name, made);
  return made;
}

function isFolder(node: Node | undefined): node is Folder {
  return typeof node === "object" && node.kind === "folder";
}

function isLink(node: Node | undefined): node is LinkNode {
  return typeof node === "object" && node.kind === "link";
}
