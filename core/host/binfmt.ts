import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseBinfmtEntry, type BinfmtEntry } from "../../platforms/emulation.ts";

/** Where the kernel shows and takes its entries. */
export const BINFMT_FOLDER = "/proc/sys/fs/binfmt_misc";

/** What this kernel hands to interpreters. */
export interface BinfmtState {
  /** Is the file system mounted? Without it the kernel may still emulate, but nothing shows it. */
  readonly isMounted: boolean;
  /** Is the whole mechanism on? */
  readonly isEnabled: boolean;
  readonly entries: readonly BinfmtEntry[];
}

/** Reads all entries of binfmt_misc; entries that are no emulators are among them. */
export async function readBinfmt(folder: string): Promise<BinfmtState> {
  const names = await readdir(folder).catch((): string[] => []);
  const read = async (name: string): Promise<string> =>
    await readFile(join(folder, name), "utf8").catch(() => "");
  const entries = await Promise.all(names.map(async (name) => parseBinfmtEntry(name, await read(name))));
  return {
    isMounted: names.includes("register"),
    isEnabled: (await read("status")).trim() === "enabled",
    entries: entries.filter((entry) => entry !== undefined),
  };
}
