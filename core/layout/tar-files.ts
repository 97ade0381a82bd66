import { open } from "node:fs/promises";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { BlobUnreadable } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attempt, invalid } from "./failures.ts";
import { readRange } from "./files.ts";
import type { LayoutFiles } from "./files.ts";
import { scanTar } from "./tar-scan.ts";

/** The files of a layout in a tar file, read where they stand; nothing is unpacked, and nothing can be written. */
export async function openTarFiles(path: string): Promise<Result<LayoutFiles, LayoutFailure>> {
  return await attempt(path, async () => {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      const scanned = await scanTar(handle, size);
      if (!scanned.ok) throw new BlobUnreadable(invalid(path, scanned.error));
      const members = scanned.value;
      const refuse = async (): Promise<Result<never, LayoutFailure>> =>
        fail({
          kind: "layout-inaccessible",
          path,
          detail: "a tar file cannot be changed, only written anew",
        });
      return {
        path,
        size: async (name) => ok(members.get(name)?.size),
        open: async (name) => {
          const member = members.get(name);
          if (member === undefined) return ok(undefined);
          const bytes = (from: number): AsyncIterable<Uint8Array> =>
            readRange(handle, member.offset + from, member.size - from);
          return ok({ size: member.size, bytes, close: async () => undefined });
        },
        write: refuse,
        remove: refuse,
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}
