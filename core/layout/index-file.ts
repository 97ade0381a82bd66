import type { LayoutFailure } from "../oci/layout-failure.ts";
import { Slots } from "../concurrent.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { readSmall } from "./content.ts";
import { invalid, ownFailure } from "./failures.ts";
import { INDEX } from "./files.ts";
import type { LayoutFiles } from "./files.ts";
import { EMPTY_INDEX, formatLayoutIndex, parseLayoutIndex } from "../oci/layout-index.ts";
import type { LayoutIndex } from "../oci/layout-index.ts";

/** The `index.json` of a layout. */
export interface IndexFile {
  read(): Promise<Result<LayoutIndex, LayoutFailure>>;
  /** Changes what is there then; changes at the same time happen one after the other. */
  change(change: Change): Promise<Result<void, LayoutFailure>>;
}

/** What becomes of an index; the very same one where nothing does. */
export type Change = (index: LayoutIndex) => LayoutIndex;

/** An `index.json` whose changes are kept until they are to be made. */
export interface PendingIndex extends IndexFile {
  /** All of them, one after the other. */
  readonly changes: Change;
}

/** The `index.json` as it is: each change is written at once. */
export function liveIndex(files: LayoutFiles): IndexFile {
  const turn = new Slots(1);
  const read: IndexFile["read"] = async () => {
    const bytes = await readSmall(files, INDEX);
    if (!bytes.ok) return bytes;
    if (bytes.value === undefined) return fail(invalid(files.path, "it has no file index.json"));
    const parsed = parseLayoutIndex(bytes.value);
    return parsed.ok ? parsed : fail(invalid(files.path, parsed.error));
  };
  return {
    read,
    change: (change) =>
      turn.hold(async () => {
        const before = await read();
        if (!before.ok) return before;
        const after = change(before.value);
        return after === before.value ? ok(undefined) : await writeIndex(files, after);
      }),
  };
}

/** Writes an `index.json`, in one step. */
export async function writeIndex(
  files: LayoutFiles,
  index: LayoutIndex,
): Promise<Result<void, LayoutFailure>> {
  return await writeBytes(files, INDEX, formatLayoutIndex(index));
}

/** Writes a small file of a layout, in one step. */
export async function writeBytes(
  files: LayoutFiles,
  name: string,
  bytes: Uint8Array,
): Promise<Result<void, LayoutFailure>> {
  const once = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  return ownFailure(await files.write(name, once()));
}

/** An `index.json` on top of another one, or of none, which stays as it is. */
export function pendingIndex(base: IndexFile | undefined): PendingIndex {
  const made: Change[] = [];
  const changes: Change = (index) => {
    let changed = index;
    for (const change of made) changed = change(changed);
    return changed;
  };
  return {
    changes,
    read: async () => {
      const before = base === undefined ? ok(EMPTY_INDEX) : await base.read();
      return before.ok ? ok(changes(before.value)) : before;
    },
    change: async (change) => {
      made.push(change);
      return ok(undefined);
    },
  };
}
