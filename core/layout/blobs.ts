import { realpath } from "node:fs/promises";
import { parseDigest } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attempt, invalid } from "./failures.ts";
import { blobName } from "./files.ts";
import { folderFiles, listBlobs, type Folder } from "./folder-files.ts";
import { liveIndex } from "./index-file.ts";
import { statOf } from "./open.ts";

/** What the Store port does not tell of a layout folder: all its blobs, and the entries that lead to them. */
export interface LayoutBlobs {
  /** Entries of `index.json`, with and without a tag. */
  roots(): Promise<Result<readonly Descriptor[], LayoutFailure>>;
  /** Every blob that is there, whatever it holds. */
  list(): Promise<Result<readonly LayoutBlob[], LayoutFailure>>;
  /** Removes the bytes of a blob; nothing else is changed. */
  remove(digest: Digest): Promise<Result<void, LayoutFailure>>;
}

/** A file below `blobs`. */
export interface LayoutBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** Opens the blobs of a layout folder. A tar file is refused: nothing can be removed from it in place. */
export async function openLayoutBlobs(path: string): Promise<Result<LayoutBlobs, LayoutFailure>> {
  const found = await statOf(path);
  if (!found.ok) return found;
  if (found.value === undefined) return fail({ kind: "layout-missing", path });
  if (!found.value.isDirectory())
    return fail(invalid(path, "it is a tar file, from which nothing can be removed"));
  const root = await attempt(path, () => realpath(path));
  return root.ok ? ok(blobsOf({ root: root.value, path })) : root;
}

function blobsOf(folder: Folder): LayoutBlobs {
  const files = folderFiles(folder);
  return {
    roots: async () => {
      const index = await liveIndex(files).read();
      return index.ok ? ok(index.value.entries.map(({ descriptor }) => descriptor)) : index;
    },
    list: async () => {
      const names = await attempt(folder.path, () => listBlobs(folder));
      if (!names.ok) return names;
      const blobs: LayoutBlob[] = [];
      for (const name of names.value) {
        const digest = parseDigest(name.replace(/^blobs\//, "").replace("/", ":"));
        const size = await files.size(name);
        if (!size.ok) return size;
        if (digest !== undefined && size.value !== undefined) blobs.push({ digest, size: size.value });
      }
      return ok(blobs);
    },
    remove: async (digest) => {
      const name = blobName(digest);
      return name === undefined ? ok(undefined) : await files.remove(name);
    },
  };
}
