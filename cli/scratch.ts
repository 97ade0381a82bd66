import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private folder of one run. */
export interface Scratch {
  /** Made when it is asked for the first time. */
  readonly path: () => Promise<string>;
  readonly remove: () => Promise<void>;
}

/** Makes nothing by itself: most runs need none. */
export function openScratch(): Scratch {
  let made: Promise<string> | undefined;
  return {
    path: () => (made ??= mkdtemp(join(tmpdir(), "buildx-plan-run-"))),
    remove: async () => {
      if (made !== undefined) await rm(await made, { recursive: true, force: true });
    },
  };
}
