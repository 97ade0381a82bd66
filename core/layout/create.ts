import { randomUUID } from "node:crypto";
import { mkdir, readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attempt, invalid } from "./failures.ts";
import type { LayoutFiles } from "./files.ts";
import { folderFiles } from "./folder-files.ts";
import type { Folder } from "./folder-files.ts";
import { liveIndex, pendingIndex } from "./index-file.ts";
import { checkLayout, statOf } from "./open.ts";
import { overlayFiles } from "./overlay-files.ts";
import { finishInto, finishNew, finishTar } from "./finish.ts";
import type { Staged } from "./finish.ts";
import { layoutStore } from "./store.ts";

/** A layout in the making: nothing of it can be seen at its path until it is finished. Either end removes what was staged. */
export interface NewLayout {
  readonly store: Store<LayoutFailure>;
  /** Puts it in its place. A failure leaves what was there before, and the new one to be finished again or discarded. */
  finish(): Promise<Result<void, LayoutFailure>>;
  /** Leaves no trace of it; does nothing after the finish. */
  discard(): Promise<void>;
}

/**
 * Begins an OCI layout. A tar file replaces what is there when it is finished; a folder that is a layout already keeps what it
 * has and is added to, and any other folder that is not empty is refused.
 */
export async function createLayout(
  path: string,
  { kind }: { readonly kind: "folder" | "tar" },
): Promise<Result<NewLayout, LayoutFailure>> {
  const found = await statOf(path);
  if (!found.ok) return found;
  const isFolder = found.value?.isDirectory();
  if (kind === "tar" && isFolder === true)
    return fail(invalid(path, "it is a folder, where a tar file is to be"));
  if (kind === "folder" && isFolder === false)
    return fail(invalid(path, "it is a file, where a folder is to be"));
  if (isFolder === true) return await beginInside(path);
  return await attempt(path, async () => {
    const beside = await parentOf(path);
    const target = found.value === undefined ? join(beside, basename(path)) : await realpath(path);
    const staging = await makeStaging(path, dirname(target), basename(target));
    return begin(staging, undefined, (staged) =>
      kind === "tar" ? finishTar(staged, target) : finishNew(staged, target),
    );
  });
}

/** Staged within the folder itself: what is around it may be another disk, or not ours to write. */
async function beginInside(path: string): Promise<Result<NewLayout, LayoutFailure>> {
  const root = await attempt(path, () => realpath(path));
  if (!root.ok) return root;
  const folder: Folder = { root: root.value, path };
  const names = await attempt(path, () => readdir(folder.root));
  if (!names.ok) return names;
  const base = names.value.every(isStaging) ? undefined : folderFiles(folder);
  const checked = base === undefined ? ok(undefined) : await checkLayout(base);
  if (!checked.ok) return checked;
  const staging = await attempt(path, () => makeStaging(path, folder.root, "layout"));
  return staging.ok ? ok(begin(staging.value, base, (staged) => finishInto(staged, folder))) : staging;
}

type Finish = (staged: Staged) => Promise<Result<void, LayoutFailure>>;

function begin(staging: Folder, base: LayoutFiles | undefined, finish: Finish): NewLayout {
  const files = overlayFiles(folderFiles(staging), base);
  const index = pendingIndex(base === undefined ? undefined : liveIndex(base));
  const discard = async (): Promise<void> => {
    await rm(staging.root, { recursive: true, force: true });
  };
  let isFinished = false;
  return {
    store: layoutStore(files, index),
    finish: async () => {
      if (isFinished) return ok(undefined);
      const finished = await finish({ staging, index, base, removed: files.removed });
      if (!finished.ok) return finished;
      isFinished = true;
      return await attempt(staging.path, discard);
    },
    discard,
  };
}

async function parentOf(path: string): Promise<string> {
  const parent = dirname(path);
  await mkdir(parent, { recursive: true });
  return await realpath(parent);
}

// Another run's, or left by one that was killed: no reason to take the folder for something else.
function isStaging(name: string): boolean {
  return name.startsWith(".layout.") && name.endsWith(".partial");
}

/** With the permissions that new folders get here, because it may become the layout itself. */
async function makeStaging(path: string, parent: string, name: string): Promise<Folder> {
  const root = join(parent, `.${name}.${randomUUID()}.partial`);
  await mkdir(join(root, "blobs"), { recursive: true });
  return { root, path };
}
