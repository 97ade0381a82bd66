import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Which requests a fault is for: all that are left open match. */
export interface RequestMatch {
  readonly method?: string;
  readonly path?: RegExp;
  /** Who asks: BuildKit's own requests and ours come to the same server. */
  readonly userAgent?: RegExp;
}

/** A request as far as faults look at it. */
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * What goes wrong. `reset` breaks the connection without an answer, `truncate` in the middle of a body, `wrong-content`
 * answers other bytes of the same length, `hang` answers never, `delay` answers rightly but late.
 */
export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "reset" }
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
  const waiting: { readonly match: RequestMatch; readonly fault: Fault; left: number }[] = [];
  return {
    add: (match, fault, times = 1) => {
      waiting.push({ match, fault, left: times });
    },
    take: (request) => {
      const found = waiting.find(({ match, left }) => left > 0 && matches(match, request));
      if (found === undefined) return undefined;
      found.left -= 1;
      return found.fault;
    },
  };
}

function matches({ method, path, userAgent }: RequestMatch, request: Asked): boolean {
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
    case "truncate":
      return truncate(response, await answer());
    case "wrong-content":
      return write(response, changed(await answer()));
    case "hang":
      return;
    case "delay":
      setTimeout(() => void writeAnswer(response, answer, undefined), fault.ms);
  }
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.end(body);
}

function truncate(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
}

// The same length, so that only a digest can tell.
function changed(answer: Answer): Answer {
  const body = Buffer.from(answer.body);
  const last = body.length - 1;
  body[last] = (body[last] ?? 0) ^ 1;
  return { ...answer, body };
}
