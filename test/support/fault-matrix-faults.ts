import type { Passed } from "./fault-matrix-front.ts";
import type { Fault } from "./faults.ts";

/** The hosts of a case: the registry as the client sees it, and a host that must not be trusted. */
export interface Hosts {
  readonly front: string;
  readonly trap: string;
}

/** A way in which a request can go wrong, and which requests can go wrong in it. */
export interface FaultKind {
  /** As it stands in the table. */
  readonly name: string;
  readonly fault: (hosts: Hosts) => Fault;
  readonly strikes: (request: Passed) => boolean;
  /** Only a timeout ends it, so timeouts are short then. */
  readonly isSilent?: boolean;
}

const PAGE = "<html><body><h1>Something went wrong</h1></body></html>";
const HTML = { "content-type": "text/html; charset=utf-8" };

const any = (): boolean => true;
const withBody = ({ answer }: Passed): boolean => answer !== undefined && answer.bytes > 1;
const withDigest = ({ answer }: Passed): boolean => answer?.hasDigest === true;
const withToken = ({ isAuthorized, kind }: Passed): boolean => isAuthorized && kind !== "GET token";

function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ""): () => Fault {
  return () => ({ kind: "status", status: code, headers, body });
}

function headers(changes: Readonly<Record<string, string | undefined>>): () => Fault {
  return () => ({ kind: "headers", headers: changes });
}

function challenge(host: string, more: string): Fault {
  const header = `Bearer realm="http://${host}/token",service="matrix"${more}`;
  return { kind: "status", status: 401, headers: { "www-authenticate": header } };
}

/** All of them, in the order of the table. */
export const FAULT_KINDS: readonly FaultKind[] = [
  { name: "500", fault: status(500), strikes: any },
  { name: "502 with an HTML page", fault: status(502, HTML, PAGE), strikes: any },
  { name: "503", fault: status(503), strikes: any },
  { name: "503, `Retry-After: 1`", fault: status(503, { "retry-after": "1" }), strikes: any },
  { name: "429", fault: status(429), strikes: any },
  { name: "429, `Retry-After: 2`", fault: status(429, { "retry-after": "2" }), strikes: any },
  { name: "429, `Retry-After: 3600`", fault: status(429, { "retry-after": "3600" }), strikes: any },
  { name: "403", fault: status(403), strikes: any },
  { name: "404", fault: status(404), strikes: any },
  { name: "200 with an HTML page", fault: status(200, HTML, PAGE), strikes: any },
  { name: "reset before the request is carried out", fault: () => ({ kind: "reset" }), strikes: any },
  { name: "reset after it: the answer is lost", fault: () => ({ kind: "answer-lost" }), strikes: any },
  { name: "silence instead of an answer", fault: () => ({ kind: "hang" }), strikes: any, isSilent: true },
  {
    name: "silence though it was carried out",
    fault: () => ({ kind: "answer-hangs" }),
    strikes: any,
    isSilent: true,
  },
  { name: "connection closed within the body", fault: () => ({ kind: "truncate" }), strikes: withBody },
  {
    name: "silence within the body",
    fault: () => ({ kind: "stall" }),
    strikes: withBody,
    isSilent: true,
  },
  {
    name: "a body that trickles in",
    fault: () => ({ kind: "slow", everyMs: 1 }),
    strikes: withBody,
  },
  {
    name: "a body that trickles in all too slowly",
    fault: () => ({ kind: "slow", everyMs: 50 }),
    strikes: withBody,
    isSilent: true,
  },
  { name: "a body that never ends", fault: () => ({ kind: "endless" }), strikes: withBody },
  { name: "other content of the same length", fault: () => ({ kind: "wrong-content" }), strikes: withBody },
  {
    name: "another `Docker-Content-Digest`",
    fault: headers({ "docker-content-digest": `sha256:${"0".repeat(64)}` }),
    strikes: withDigest,
  },
  {
    name: "no `Docker-Content-Digest`",
    fault: headers({ "docker-content-digest": undefined }),
    strikes: withDigest,
  },
  { name: "`Content-Type: text/plain`", fault: headers({ "content-type": "text/plain" }), strikes: withBody },
  { name: "`Content-Type: text/html`", fault: headers({ "content-type": "text/html" }), strikes: withBody },
  {
    name: "401 to a token that was good before",
    fault: ({ front }) => challenge(front, ',error="invalid_token"'),
    strikes: withToken,
  },
  { name: "401 without a challenge", fault: status(401), strikes: any },
  {
    name: "401 that names another host's token server",
    fault: ({ trap }) => challenge(trap, ""),
    strikes: any,
  },
  {
    name: "307 to another host",
    fault: ({ trap }) => ({
      kind: "status",
      status: 307,
      headers: { location: `http://${trap}/elsewhere` },
    }),
    strikes: any,
  },
];
