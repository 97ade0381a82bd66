import { Readable } from "node:stream";

/** A request's body that is made anew for each attempt and never held whole. */
export interface StreamedBody {
  /** Exactly how many bytes it will give. */
  readonly length: number;
  /** `signal` is aborted as soon as nobody takes any more. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/** A body on its way out, ready for the HTTP library. */
export interface OutgoingBody {
  readonly body: Uint8Array | string | Readable | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Why it was given up, where the server stopped taking it. */
  stalled(): Error | undefined;
  /** Closes what it was read from; to be called however the exchange ended. */
  end(): void;
}

// A body that crawls holds a connection for hours without ever timing out: so much must come in each window.
const MIN_WINDOW_BYTES = 16 * 1024;
const WINDOW_TIMEOUTS = 2;

/** Prepares a request's body; one that streams is given up when the server takes nothing of it for `stallMs`. */
export function outgoingBody(
  given: Uint8Array | string | StreamedBody | undefined,
  signal: AbortSignal | undefined,
  stallMs: number,
): OutgoingBody {
  if (given === undefined || typeof given === "string" || given instanceof Uint8Array)
    return { body: given ?? null, headers: {}, signal, stalled: () => undefined, end: () => undefined };
  const stall = new AbortController();
  // Not the exchange's own signal: aborted after a good end, that one would cost the connection.
  const done = new AbortController();
  const outer = signal === undefined ? [] : [signal];
  let stalled: Error | undefined;
  const onStall = (): void => {
    stalled = slow(`the server took nothing of the body for ${stallMs} ms`);
    stall.abort(stalled);
  };
  const body = Readable.from(watched(given.open(AbortSignal.any([done.signal, ...outer])), stallMs, onStall));
  // The exchange fails by the same error: without a listener of its own it would be uncaught as well.
  body.on("error", () => undefined);
  return {
    body,
    headers: { "content-length": String(given.length) },
    signal: AbortSignal.any([stall.signal, ...outer]),
    stalled: () => stalled,
    end: () => {
      done.abort();
      body.destroy();
    },
  };
}

/** A body as it comes, refused where it only crawls. Waiting for whoever reads it does not count. */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  timeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waitedMs = 0;
  let bytes = 0;
  let sinceMs = performance.now();
  for await (const piece of body) {
    waitedMs += performance.now() - sinceMs;
    bytes += piece.length;
    if (waitedMs > WINDOW_TIMEOUTS * timeoutMs) {
      if (bytes < MIN_WINDOW_BYTES)
        throw slow(`the body came too slowly: ${bytes} bytes in ${Math.round(waitedMs / 1000)} s`);
      waitedMs = 0;
      bytes = 0;
    }
    yield piece;
    sinceMs = performance.now();
  }
}

/** Reads a body whole, or until it is larger than it may be. */
export async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the stream, and its connection with it: the rest is never read.
    if (size > maxBytes) return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), cut: true };
  }
  return { bytes: Buffer.concat(chunks), cut: false };
}

// Only the time between handing a piece over and being asked for the next is the server's. One timer for all pieces: they are many.
async function* watched(
  pieces: AsyncIterable<Uint8Array>,
  stallMs: number,
  onStall: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let handedMs: number | undefined;
  const timer = setInterval(() => {
    if (handedMs !== undefined && performance.now() - handedMs >= stallMs) onStall();
  }, stallMs / 2);
  try {
    for await (const piece of pieces) {
      handedMs = performance.now();
      yield piece;
      handedMs = undefined;
    }
  } finally {
    clearInterval(timer);
  }
}

function slow(message: string): Error {
  return Object.assign(new Error(message), { code: "UND_ERR_BODY_TIMEOUT" });
}
