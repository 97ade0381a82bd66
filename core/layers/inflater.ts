import type { Gunzip, ZstdDecompress } from "node:zlib";

/** What takes uncompressed bytes; false where it wants no more of them. It copies what it keeps: the memory is gone after the call. */
export type TakeBytes = (bytes: Uint8Array) => boolean;

/** Why bytes did not come out whole. */
export interface InflateProblem {
  readonly problem: "corrupt" | "truncated" | "too-large" | "stopped";
  readonly detail: string;
}

/** A decompressor of Node, driven by pushing: it works in another thread while the bytes before are being taken. */
export interface Inflater {
  /** Waits until there is room. Answers false where no more is of use: it failed, or its data has ended. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Waits for the last bytes; undefined where all went well. */
  end(): Promise<InflateProblem | undefined>;
  /** Of what was written, the bytes that belonged to the data. */
  consumed(): number;
  hasFailed(by?: InflateProblem["problem"]): boolean;
  /** Gives up, and frees what it holds. */
  close(): void;
}

/** Wraps a fresh stream. More than `maxBytes` of output are a problem, however little input they take. */
export function inflateWith(stream: Gunzip | ZstdDecompress, take: TakeBytes, maxBytes: number): Inflater {
  let problem: InflateProblem | undefined;
  let isEnded = false;
  let total = 0;
  let waiting: PromiseWithResolvers<void> | undefined;
  const queue: Uint8Array[] = [];
  const wake = (): void => {
    waiting?.resolve();
    waiting = undefined;
  };
  const stop = (found: InflateProblem): void => {
    problem ??= found;
    queue.length = 0;
    stream.destroy();
    wake();
  };
  const flush = (): void => {
    for (const bytes of queue.splice(0)) {
      if (problem !== undefined) return;
      if (!take(bytes)) stop({ problem: "stopped", detail: "" });
      giveBack(bytes);
    }
  };
  stream.on("data", (bytes: Uint8Array) => {
    total += bytes.length;
    if (total > maxBytes) return stop({ problem: "too-large", detail: `it has more than ${maxBytes} bytes` });
    // Taken a moment later, so that the decompressor gets its next work before.
    if (queue.push(bytes) === 1) setImmediate(flush);
  });
  stream.on("drain", wake);
  stream.on("error", (error: Error) => {
    flush();
    stop(problemOf(error));
  });
  stream.on("end", () => {
    flush();
    isEnded = true;
    wake();
  });
  const isOver = (): boolean => isEnded || problem !== undefined;
  const woken = async (): Promise<void> => {
    waiting ??= Promise.withResolvers<void>();
    await waiting.promise;
  };
  return {
    write: async (bytes) => {
      if (isOver()) return false;
      if (!stream.write(bytes)) await woken();
      return !isOver();
    },
    end: async () => {
      if (!isOver()) stream.end();
      while (!isOver()) await woken();
      return problem;
    },
    consumed: () => stream.bytesWritten,
    hasFailed: (by) => problem !== undefined && (by === undefined || problem.problem === by),
    close: () => {
      queue.length = 0;
      stream.destroy();
    },
  };
}

/**
 * Frees the memory of a piece at once, where it was the last one in its buffer: left to the garbage collector, 60 MB pile up before
 * it looks, and every piece is written to memory that is cold.
 */
function giveBack({ buffer, byteOffset, length }: Uint8Array): void {
  if (byteOffset + length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

function problemOf(error: Error): InflateProblem {
  const code = "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR") return { problem: "truncated", detail: "it ends in the middle" };
  if (code === "ZSTD_error_frameParameter_windowTooLarge")
    return { problem: "too-large", detail: "it cannot be decompressed in 128 MiB of memory" };
  return { problem: "corrupt", detail: error.message };
}
