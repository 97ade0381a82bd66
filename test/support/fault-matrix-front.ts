import { createServer } from "node:http";
import { listen, stop } from "./fake-registry.ts";
import { kindOf, type RequestKind } from "./fault-matrix-kinds.ts";
import { startFaultProxy, type Incoming } from "./fault-proxy.ts";
import type { Answer, Fault } from "./faults.ts";

/** A request that came to a front, and what the registry behind it answered. */
export interface Passed {
  readonly kind: RequestKind;
  /** What it is about, spelled the same in every run. */
  readonly place: string;
  /** Counted from 1, among the requests of this kind and place. */
  readonly ordinal: number;
  /** Sent with a token or a login. */
  readonly isAuthorized: boolean;
  /** Of the right answer; undefined where it never came so far. */
  readonly answer?: { readonly status: number; readonly hasDigest: boolean; readonly bytes: number };
}

/** Which request is struck: the n-th of its kind and place, and with `always` all later ones. */
export interface Strike {
  readonly kind: RequestKind;
  readonly place: string;
  readonly ordinal: number;
  readonly always: boolean;
  readonly fault: Fault;
}

/** A registry with a strict token server before it, both at one address, and a login that nobody else may see. */
export interface Front {
  readonly host: string;
  readonly login: { readonly username: string; readonly password: string };
  readonly passed: readonly Passed[];
  /** Begins to count anew, and strikes there; without a strike, nothing fails. */
  readonly begin: (strike?: Strike) => void;
  /** Did the strike meet its request? */
  readonly wasStruck: () => boolean;
  /** Credentials that came here and should not have: one sentence each. */
  readonly leaks: readonly string[];
  /** All secrets that this front has given or knows: none may be seen anywhere else. */
  readonly secrets: () => readonly string[];
  readonly close: () => Promise<void>;
}

interface Tokens {
  readonly given: Map<string, readonly string[]>;
  readonly leaks: string[];
}

let serial = 0;

/** Starts one before this registry; `id` is what makes names and tags of one case unlike those of another. */
export async function startFront(upstream: string, id: string): Promise<Front> {
  serial += 1;
  const login = { username: `user-${serial}`, password: `password-${serial}-${crypto.randomUUID()}` };
  const tokens: Tokens = { given: new Map(), leaks: [] };
  const state: { passed: Passed[]; strike: Strike | undefined; wasStruck: boolean } = {
    passed: [],
    strike: undefined,
    wasStruck: false,
  };
  const placeOf = new WeakMap<Incoming, number>();
  const gate = (request: Incoming): Answer | undefined => {
    const [kind, place] = [kindHere(request), placeIn(request, id)];
    const ordinal = state.passed.filter((each) => each.kind === kind && each.place === place).length + 1;
    placeOf.set(request, state.passed.length);
    const isAuthorized = request.headers.authorization !== undefined;
    state.passed.push({ kind, place, ordinal, isAuthorized });
    return authorize(request, login, tokens);
  };
  const faultOf = (request: Incoming): Fault | undefined => {
    const { strike } = state;
    const passed = state.passed[placeOf.get(request) ?? -1];
    if (strike === undefined || passed?.kind !== strike.kind || passed.place !== strike.place)
      return undefined;
    const isStruck = strike.always ? passed.ordinal >= strike.ordinal : passed.ordinal === strike.ordinal;
    state.wasStruck ||= isStruck;
    return isStruck ? strike.fault : undefined;
  };
  const proxy = await startFaultProxy(upstream, {
    gate,
    faultOf,
    withheld: ["authorization"],
    onAnswer: (request, { status, headers, body }) => {
      const place = placeOf.get(request) ?? -1;
      const before = state.passed[place];
      const hasDigest = headers["docker-content-digest"] !== undefined;
      if (before !== undefined)
        state.passed[place] = { ...before, answer: { status, hasDigest, bytes: sent(request, body) } };
    },
  });
  return {
    host: proxy.host,
    login,
    get passed() {
      return state.passed;
    },
    begin: (strike) => Object.assign(state, { passed: [], strike, wasStruck: false }),
    wasStruck: () => state.wasStruck,
    leaks: tokens.leaks,
    secrets: () => [login.password, basic(login).slice("Basic ".length), ...tokens.given.keys()],
    close: () => proxy.close(),
  };
}

function sent({ method }: Incoming, body: Buffer): number {
  return method === "HEAD" ? 0 : body.length;
}

// Requests that start together are all refused once, and how many that are is a matter of time.
function kindHere(request: Incoming): RequestKind {
  return isAnonymous(request) ? "any, before the login" : kindOf(request);
}

// An upload that is begun again has another address, and an index of another case another digest.
function placeIn(request: Incoming, id: string): string {
  if (isAnonymous(request)) return "";
  const { method, path, query } = request;
  const named = path.replaceAll(id, "CASE").replace(/\/uploads\/[^/]+$/, "/uploads/one");
  if (method === "PUT") return named.replace(/\/manifests\/sha256:.*/, "/manifests/DIGEST");
  return path === "/token" ? `${named} ${query.getAll("scope").join(" ").replaceAll(id, "CASE")}` : named;
}

function isAnonymous({ path, headers }: Incoming): boolean {
  return path !== "/token" && headers.authorization === undefined;
}

function authorize(request: Incoming, login: Front["login"], tokens: Tokens): Answer | undefined {
  const { authorization } = request.headers;
  const { cookie, "proxy-authorization": proxied } = request.headers;
  if (cookie !== undefined || proxied !== undefined) tokens.leaks.push(`a cookie or a proxy's login came`);
  if (request.path === "/token") return giveToken(request, login, tokens);
  const needed = neededScopes(request);
  if (authorization === undefined) return challenge(request, needed);
  const scopes = tokens.given.get(authorization.replace(/^Bearer /, ""));
  if (scopes === undefined) tokens.leaks.push(`${kindOf(request)} came with a credential of somebody else`);
  const isEnough = needed.every((scope) => scopes?.some((given) => covers(given, scope)) === true);
  return isEnough ? undefined : challenge(request, needed);
}

function giveToken(request: Incoming, login: Front["login"], tokens: Tokens): Answer {
  const { authorization } = request.headers;
  if (authorization !== basic(login)) {
    if (authorization !== undefined) tokens.leaks.push("the token server got a login of somebody else");
    return json(401, { errors: [{ code: "UNAUTHORIZED", message: "this is not the login" }] });
  }
  const token = `token-${tokens.given.size + 1}-${crypto.randomUUID()}`;
  tokens.given.set(token, request.query.getAll("scope"));
  return json(200, { token, expires_in: 3_600 });
}

/** What a registry asks for: pull to read, push to write, and pull where a blob is mounted from. */
function neededScopes({ method, path, query }: Incoming): readonly string[] {
  const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(path) ?? [];
  if (repository === undefined) return [];
  const own = `repository:${repository}:${method === "GET" || method === "HEAD" ? "pull" : "pull,push"}`;
  const from = query.get("from");
  return from === null ? [own] : [own, `repository:${from}:pull`];
}

function covers(given: string, needed: string): boolean {
  return given === needed || given.startsWith(`${needed},`);
}

function challenge(request: Incoming, scopes: readonly string[]): Answer {
  const realm = `http://${request.headers.host}/token`;
  const header = `Bearer realm="${realm}",service="matrix",scope="${scopes.join(" ")}"`;
  const body = { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] };
  return json(401, body, { "www-authenticate": header });
}

function basic({ username, password }: Front["login"]): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function json(status: number, value: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** A server that nobody has a login for, and that answers everything with a page. */
export interface Trap {
  readonly host: string;
  /** How often somebody came. */
  readonly visits: () => number;
  readonly leaks: readonly string[];
  readonly close: () => Promise<void>;
}

/** Starts one; `isSecret` is asked about everything that comes. */
export async function startTrap(isSecret: (text: string) => boolean): Promise<Trap> {
  const leaks: string[] = [];
  let visits = 0;
  const server = createServer((request, response) => {
    visits += 1;
    const { authorization, cookie } = request.headers;
    const came = `${request.url} ${JSON.stringify(request.headers)}`;
    if (authorization !== undefined || cookie !== undefined || isSecret(came))
      leaks.push("the other host got a credential");
    request.resume();
    response.writeHead(200, { "content-type": "text/html" }).end("<html>not a registry</html>");
  });
  const port = await listen(server);
  return { host: `127.0.0.1:${port}`, visits: () => visits, leaks, close: () => stop(server) };
}
