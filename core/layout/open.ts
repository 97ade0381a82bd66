import { realpath, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attempt, invalid, isNotThere } from "./failures.ts";
import type { LayoutFiles } from "./files.ts";
import { folderFiles } from "./folder-files.ts";
import { liveIndex } from "./index-file.ts";
import { checkMarker } from "./marker.ts";
import { layoutStore } from "./store.ts";
import { openTarFiles } from "./tar-files.ts";

/** An OCI layout that was there. A folder can be changed too, each change at once; a tar file is only read, in place. */
export interface Layout {
  readonly store: Store<LayoutFailure>;
  close(): Promise<void>;
}

/** Opens an existing OCI layout, a folder or a tar file, and checks that it is one. */
export async function openLayout(path: string): Promise<Result<Layout, LayoutFailure>> {
  const opened = await openFiles(path);
  if (!opened.ok) return opened;
  const files = opened.value;
  const checked = await checkLayout(files);
  if (checked.ok) return ok({ store: layoutStore(files, liveIndex(files)), close: () => files.close() });
  await files.close();
  return checked;
}

/** Has it what makes a layout: the file that says so, and an index that can be read? */
export async function checkLayout(files: LayoutFiles): Promise<Result<void, LayoutFailure>> {
  const marked = await checkMarker(files);
  if (!marked.ok) return marked;
  const index = await liveIndex(files).read();
  return index.ok ? ok(undefined) : index;
}

/** What is at a path, links to it followed; undefined where nothing is. */
export async function statOf(path: string): Promise<Result<Stats | undefined, LayoutFailure>> {
  return await attempt(path, async () => {
    try {
      return await stat(path);
    } catch (error) {
      if (!isNotThere(error)) throw error;
      return undefined;
    }
  });
}

async function openFiles(path: string): Promise<Result<LayoutFiles, LayoutFailure>> {
  const found = await statOf(path);
  if (!found.ok) return found;
  if (found.value === undefined) return fail({ kind: "layout-missing", path });
  if (found.value.isFile()) return await openTarFiles(path);
  if (!found.value.isDirectory()) return fail(invalid(path, "it is neither a folder nor a file"));
  const root = await attempt(path, () => realpath(path));
  return root.ok ? ok(folderFiles({ root: root.value, path })) : root;
}
