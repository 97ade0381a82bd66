import type { Platform } from "../../platforms/platform.ts";
import type { LayerSummary } from "../layers/layer.ts";
import { mergeLayers, type Resolved, type RootfsFile } from "../layers/rootfs.ts";

/** A program or script that a container sees; its layer is an index in the order of the manifest. */
export type SeenFile = RootfsFile;

/** What stands at a path, symbolic links followed. `unknown`: nothing is there as far as one can tell. */
export type Found =
  | { readonly kind: "file"; readonly seen: SeenFile }
  | { readonly kind: "other" }
  | { readonly kind: "missing" }
  | { readonly kind: "unknown" };

/** What a container of the image would see, as far as checks ask. */
export interface ImageView {
  readonly files: readonly SeenFile[];
  /** Looks an absolute path up, written as the image's system writes it. */
  find(path: string): Found;
  /** A folder as {@link SeenFile.path} has it, links followed. */
  folder(path: string): string;
}

/** Puts the layers of an image together; those that could not be read are undefined, and what they may hold is unknown. */
export function viewImage(platform: Platform, layers: readonly (LayerSummary | undefined)[]): ImageView {
  const read = layers.flatMap((summary, at) => (summary === undefined ? [] : [{ summary, at }]));
  const rootfs = mergeLayers(read.map(({ summary }) => summary));
  const isComplete = read.length === layers.length;
  const inImage = (file: RootfsFile): SeenFile => ({ ...file, layer: read[file.layer]?.at ?? file.layer });
  const files = isComplete ? rootfs.files : rootfs.files.map(inImage);
  const found = (resolved: Resolved): Found => {
    if (resolved.kind === "file") return { kind: "file", seen: inImage(resolved.file) };
    if (resolved.kind === "other" || resolved.kind === "folder") return { kind: "other" };
    return isComplete ? { kind: "missing" } : { kind: "unknown" };
  };
  if (platform.os === "windows") return viewWindows(files, (path) => found(rootfs.resolve(path)));
  return {
    files,
    find: (path) => found(rootfs.resolve(path)),
    folder: (path) => {
      const resolved = rootfs.resolve(path);
      return resolved.kind === "folder" ? resolved.path : path;
    },
  };
}

/** Windows has drives and `\`, and does not tell capitals from small letters; its layers have no drive. */
function viewWindows(files: readonly SeenFile[], find: (path: string) => Found): ImageView {
  const byName = new Map(files.map((seen) => [seen.path.toLowerCase(), seen]));
  return {
    files,
    find: (path) => {
      const wanted = fromWindows(path);
      const seen = byName.get(wanted.toLowerCase());
      if (seen !== undefined) return { kind: "file", seen };
      const found = find(wanted);
      // A batch file may be there under another spelling, which only programs are looked up by.
      return found.kind === "missing" && !wanted.toLowerCase().endsWith(".exe") ? { kind: "unknown" } : found;
    },
    folder: (path) => fromWindows(path).replace(/\/$/, ""),
  };
}

/** `C:\app\server.exe` -> `/app/server.exe` */
function fromWindows(path: string): string {
  const parts = path.replace(/^[A-Za-z]:/, "").split(/[\\/]/);
  const kept: string[] = [];
  for (const part of parts) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `/${kept.join("/")}`;
}
