import { readdirSync, readFileSync } from "node:fs";
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

/**
 * Reads all entries of binfmt_misc; entries that are no emulators are among them. The kernel answers from memory: read
 * one after the other, dozens of files take less time than one does by way of Node's thread pool.
 */
export function readBinfmt(folder: string): BinfmtState {
  const names = namesIn(folder);
  const entries = names.map((name) => parseBinfmtEntry(name, textOf(folder, name)));
  return {
    isMounted: names.includes("register"),
    isEnabled: textOf(folder, "status").trim() === "enabled",
    entries: entries.filter((entry) => entry !== undefined),
  };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `register` can only be written to. */
function textOf(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return "";
  }
}
