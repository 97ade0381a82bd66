import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";

/** Which requests a fault is for: all that are left open match. */
export interface RequestMatch {
  readonly method?: string;
  readonly path?: RegExp;
  /** Who asks: BuildKit's own requests and ours come to the same server. */
  readonly userAgent?: RegExp;
  /** How many that match pass before the first that does not: `k - 1` for the k-th. */
  readonly skip?: number;
}

/** A request as far as faults look at it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * What goes wrong. Before the request is carried out: `reset` breaks the connection, `hang` answers never, `status` answers
 * something else. After it: `answer-lost` breaks the connection, `answer-hangs` never says so. In an answer that is right:
 * `truncate` breaks the connection in the middle of the body, `stall` goes silent there, `slow` sends it a byte at a time,
 * `endless` goes on after its end, `wrong-content` has other bytes of the same length, `headers` has other headers (undefined
 * takes one away), `delay` comes late.
 */
export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "reset" }
  | { readonly kind: "answer-lost" }
  | { readonly kind: "answer-hangs" }
  | { readonly kind: "stall" }
  | { readonly kind: "slow"; readonly everyMs: number }
  | { readonly kind: "endless" }
  | { readonly kind: "headers"; readonly headers: Readonly<Record<string, string | undefined>> }
  | { readonly kind: "truncate" }
  | { readonly kind: "wrong-content" }
  | { readonly kind: "hang" }
  | { readonly kind: "delay"; readonly ms: number };

/** The faults that wait for a matching request. */
export interface Faults {
  readonly add: (match: RequestMatch, fault: Fault, times?: number) => void;
  readonly take: (request: Asked) => Fault | undefined;
}

/** An answer before it is written. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Begins without faults. */
export function createFaults(): Faults {
  const waiting: { readonly match: RequestMatch; readonly fault: Fault; skip: number; left: number }[] = [];
  return {
    add: (match, fault, times = 1) => {
      waiting.push({ match, fault, skip: match.skip ?? 0, left: times });
    },
    take: (request) => {
      const found = waiting.filter(({ match, left }) => left > 0 && matches(match, request));
      // One that still lets requests pass lets them pass to those behind it.
      const due = found.find((each) => {
        each.skip -= 1;
        return each.skip < 0;
      });
      if (due === undefined) return undefined;
      due.left -= 1;
      return due.fault;
    },
  };
}

/** Is this request one of those? */
export function matches({ method, path, userAgent }: RequestMatch, request: Asked): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (path !== undefined && !path.test(request.path)) return false;
  return userAgent === undefined || userAgent.test(request.headers["user-agent"] ?? "");
}

/** Writes an answer, or what a fault makes of it; `answer` is only made where the fault needs it. */
export async function writeAnswer(
  response: ServerResponse,
  answer: () => Answer | Promise<Answer>,
  fault: Fault | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      return write(response, await answer());
    case "status":
      return write(response, {
        status: fault.status,
        headers: fault.headers ?? {},
        body: Buffer.from(fault.body ?? ""),
      });
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "answer-lost":
      await answer();
      response.socket?.resetAndDestroy();
      return;
    case "answer-hangs":
      await answer();
      return;
    case "truncate":
      return half(response, await answer(), () => response.socket?.destroy());
    case "stall":
      return half(response, await answer(), () => undefined);
    case "slow":
      return await slowly(response, await answer(), fault.everyMs);
    case "endless":
      return await endlessly(response, await answer());
    case "headers":
      return write(response, withHeaders(await answer(), fault.headers));
    case "wrong-content":
      return write(response, changed(await answer()));
    case "hang":
      return;
    case "delay":
      await setTimeout(fault.ms);
      return write(response, await answer());
  }
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.end(body);
}

function half(response: ServerResponse, { status, headers, body }: Answer, then: () => void): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.write(body.subarray(0, Math.floor(body.length / 2)), then);
}

async function slowly(
  response: ServerResponse,
  { status, headers, body }: Answer,
  everyMs: number,
): Promise<void> {
  response.writeHead(status, { ...headers, "content-length": body.length });
  for (const byte of body) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await setTimeout(everyMs);
  }
  response.end();
}

// Without a length, as no honest one could be given; whoever asked has to hang up.
async function endlessly(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  const { "content-length": _, ...rest } = headers;
  response.writeHead(status, rest);
  response.write(body);
  const more = Buffer.alloc(64 * 1024, " ");
  while (!response.destroyed && response.req.method !== "HEAD") {
    response.write(more);
    await setTimeout(1);
  }
  response.end();
}

function withHeaders(answer: Answer, changes: Readonly<Record<string, string | undefined>>): Answer {
  const headers = Object.entries({ ...answer.headers, ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...answer, headers: Object.fromEntries(headers) };
}

// The same length, so that only a digest can tell.
function changed(answer: Answer): Answer {
  const body = Buffer.from(answer.body);
  const last = body.length - 1;
  body[last] = (body[last] ?? 0) ^ 1;
  return { ...answer, body };
}
