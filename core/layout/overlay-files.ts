import type { LayoutFiles } from "./files.ts";

/** Files on top of others, which stay as they are; `removed` are those that are to go. */
export interface OverlayFiles extends LayoutFiles {
  readonly removed: ReadonlySet<string>;
}

/** What is written goes to `top`; what is not there is read from `base`. */
export function overlayFiles(top: LayoutFiles, base: LayoutFiles | undefined): OverlayFiles {
  const removed = new Set<string>();
  const below = (name: string): LayoutFiles | undefined => (removed.has(name) ? undefined : base);
  return {
    path: top.path,
    removed,
    size: async (name) => {
      const own = await top.size(name);
      return own.ok && own.value === undefined ? ((await below(name)?.size(name)) ?? own) : own;
    },
    open: async (name) => {
      const own = await top.open(name);
      return own.ok && own.value === undefined ? ((await below(name)?.open(name)) ?? own) : own;
    },
    write: async (name, content) => {
      const written = await top.write(name, content);
      if (written.ok) removed.delete(name);
      return written;
    },
    remove: async (name) => {
      removed.add(name);
      return await top.remove(name);
    },
    close: () => top.close(),
  };
}
