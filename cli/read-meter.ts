import type { Store } from "../core/registry/store.ts";
import { streamMemory } from "./memory.ts";
import type { Shell } from "./shell.ts";
import { formatBytes } from "./text/units.ts";

/** Watches what is streamed out of stores: shows how much on the last line of a terminal, and keeps memory small meanwhile. */
export interface ReadMeter {
  readonly watch: (store: Store) => Store;
  /** Wipes the line. */
  readonly end: () => void;
}

const PERIOD_MS = 100;

/** Begins at nothing. */
export function readMeter({ stderr, now }: Pick<Shell, "stderr" | "now">): ReadMeter {
  const memory = streamMemory();
  let read = 0;
  let shownMs = 0;
  let isShown = false;
  const onBytes = (bytes: number): void => {
    memory.onBytes(bytes);
    read += bytes;
    if (!stderr.isTerminal || now() - shownMs < PERIOD_MS) return;
    shownMs = now();
    isShown = true;
    stderr.write(`\r\u001B[Klooking into layers, ${formatBytes(read)} read`);
  };
  return {
    watch: (store) => ({
      ...store,
      openBlob: async function* (descriptor, options) {
        for await (const piece of store.openBlob(descriptor, options)) {
          onBytes(piece.length);
          yield piece;
        }
      },
    }),
    end: () => {
      if (isShown) stderr.write("\r\u001B[K");
      isShown = false;
    },
  };
}
