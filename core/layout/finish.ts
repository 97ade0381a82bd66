import { randomUUID } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { parseDigest } from "../oci/digest.ts";
import { BlobUnreadable } from "../registry/store.ts";
import { ok } from "../result.ts";
import type { Result } from "../result.ts";
import { streamBlob } from "./content.ts";
import { attempt } from "./failures.ts";
import { INDEX, MARKER } from "./files.ts";
import type { LayoutFiles } from "./files.ts";
import { folderFiles, listBlobs, makeRoom, writeFile } from "./folder-files.ts";
import type { Folder } from "./folder-files.ts";
import { liveIndex, writeBytes, writeIndex } from "./index-file.ts";
import type { PendingIndex } from "./index-file.ts";
import { EMPTY_INDEX } from "../oci/layout-index.ts";
import { MARKER_BYTES } from "./marker.ts";
import { tarBytes } from "./tar-write.ts";
import type { TarSource } from "./tar-write.ts";

/** What was gathered for a layout: its blobs in a folder beside the destination, and what its index is to say. */
export interface Staged {
  readonly staging: Folder;
  readonly index: PendingIndex;
  /** The layout that is added to. */
  readonly base: LayoutFiles | undefined;
  /** Its files that are to go. */
  readonly removed: ReadonlySet<string>;
}

type Done = Promise<Result<void, LayoutFailure>>;

/** Makes the staged folder the layout, in one step. */
export async function finishNew(staged: Staged, target: string): Done {
  const complete = await writeRest(folderFiles(staged.staging), staged);
  if (!complete.ok) return complete;
  return await attempt(staged.staging.path, () => rename(staged.staging.root, target));
}

/** Adds what was staged to a folder: blobs first, the index last, so that it never names what is not there. */
export async function finishInto(staged: Staged, folder: Folder): Done {
  const { staging, base, index, removed } = staged;
  const moved = await attempt(staging.path, async () => {
    for (const name of await listBlobs(staging))
      await rename(join(staging.root, name), await makeRoom(folder, name));
  });
  if (!moved.ok) return moved;
  const files = folderFiles(folder);
  const named =
    base === undefined ? await writeRest(files, staged) : await liveIndex(files).change(index.changes);
  if (!named.ok) return named;
  for (const name of removed) {
    const gone = await files.remove(name);
    if (!gone.ok) return gone;
  }
  return ok(undefined);
}

/** Packs the staged folder beside the destination, and puts the tar file in its place. */
export async function finishTar(staged: Staged, target: string): Done {
  const { staging } = staged;
  const files = folderFiles(staging);
  const complete = await writeRest(files, staged);
  if (!complete.ok) return complete;
  const partial = join(dirname(target), `.${basename(target)}.${randomUUID()}.partial`);
  return await attempt(staging.path, async () => {
    try {
      await writeFile(partial, tarBytes(await sourcesOf(staging, files)));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  });
}

/** What makes a folder with blobs a layout. */
async function writeRest(files: LayoutFiles, { index }: Staged): Done {
  const marked = await writeBytes(files, MARKER, MARKER_BYTES);
  return marked.ok ? await writeIndex(files, index.changes(EMPTY_INDEX)) : marked;
}

async function sourcesOf(staging: Folder, files: LayoutFiles): Promise<readonly TarSource[]> {
  const sources: TarSource[] = [];
  for (const name of [MARKER, INDEX, ...(await listBlobs(staging))]) {
    const size = await files.size(name);
    if (!size.ok) throw new BlobUnreadable(size.error);
    sources.push({ name, size: size.value ?? 0, open: () => contentOf(files, name, size.value ?? 0) });
  }
  return sources;
}

/** Blobs are checked once more: minutes may have passed since they were written. */
async function* contentOf(files: LayoutFiles, name: string, size: number): AsyncGenerator<Uint8Array> {
  const digest = parseDigest(name.replace("blobs/", "").replace("/", ":"));
  if (digest !== undefined) {
    yield* streamBlob(files, { digest, size });
    return;
  }
  const opened = await files.open(name);
  if (!opened.ok) throw new BlobUnreadable(opened.error);
  try {
    yield* opened.value?.bytes(0) ?? [];
  } finally {
    await opened.value?.close();
  }
}
