import { sendPatiently } from "./attempts.ts";
import {
  createAuthorizer,
  type AuthorizationFault,
  type Authorizer,
  type Grant,
  type Refused,
} from "./authorizer.ts";
import { failureOfAnswer, failureOfAuthorization, failureOfFault, type RequestFacts } from "./failures.ts";
import type { HttpAnswer, HttpRequest } from "./http.ts";
import { createLogin, type Login } from "./login.ts";
import { createOrigin, type Origin, type PlainHttp } from "./origin.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { TokenTools } from "./token.ts";
import { createTokenStore, type TokenStore } from "./token-store.ts";
import type { TransportFault } from "./transport-fault.ts";
import type { CredentialProblem } from "./credential-entry.ts";
import type { CredentialAnswer } from "./credentials.ts";
import { registryHost } from "../oci/reference.ts";
import { fail, ok, type Result } from "../result.ts";

/** A request to a registry, before anything is known of scheme and login. */
export interface Call {
  readonly method: "GET" | "PUT";
  /** Path and query below the registry's base URL. */
  readonly path: string;
  readonly repository?: string;
  readonly reference?: string;
  /** Token scope that it needs, `repository:<path>:pull` for instance; empty where none. */
  readonly scope: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** A second look at a success: what it finds counts as if the transport had failed. */
  readonly check?: (answer: HttpAnswer) => TransportFault | undefined;
}

/** A success, with what a failure found in it later needs to name. */
export interface Called {
  readonly answer: HttpAnswer;
  readonly facts: RequestFacts;
}

/** Sends calls to one registry: finds its scheme, answers its challenges, and tries again where that helps. */
export interface Requester {
  call(call: Call): Promise<Result<Called, RegistryFailure>>;
  /** The facts of a call that is refused before it is sent. */
  facts(call: Call): RequestFacts;
}

export interface RequesterOptions {
  /** As in references: host[:port], `docker.io` for Docker Hub. */
  readonly registry: string;
  readonly plainHttp: PlainHttp;
  readonly tools: TokenTools;
  readonly credentials: () => Promise<Result<CredentialAnswer, CredentialProblem>>;
}

interface Parts {
  readonly registry: string;
  readonly origin: Origin;
  readonly login: Login;
  readonly tokens: TokenStore;
  readonly authorizer: Authorizer;
  readonly tools: TokenTools;
}

// Without a login, with a token that may be stale, with a new one, and once more with a wider scope.
const MAX_LOGIN_ROUNDS = 4;

/** Begins without a connection; the first call decides how the later ones are sent. */
export function createRequester(options: RequesterOptions): Requester {
  const { registry, tools } = options;
  const origin = createOrigin(registryHost(registry), tools.http, options.plainHttp);
  const login = createLogin(options.credentials);
  const tokens = createTokenStore(tools, (token) => login.onToken(token));
  const authorizer = createAuthorizer({ login, tokens, origin: () => origin.challenger() });
  const parts: Parts = { registry, origin, login, tokens, authorizer, tools };
  // Nearly every registry but a local one wants a login: its first answer is worth waiting for, or all requests that start
  // together would be refused once.
  let first: Promise<unknown> | undefined;
  return {
    facts: (call) => factsOfCall(call, parts, 0),
    call: async (call) => {
      if (origin.loopback) return run(call, parts);
      if (first !== undefined) {
        await raceAbort(first, call.signal);
        return run(call, parts);
      }
      const running = run(call, parts);
      first = running;
      return running;
    },
  };
}

async function run(call: Call, parts: Parts): Promise<Result<Called, RegistryFailure>> {
  const startSerial = parts.tokens.newest();
  let attempts = 0;
  for (let round = 1; ; round += 1) {
    const granted = await unlessAborted(parts.authorizer.authorize(call.scope), call.signal);
    if (!granted.ok)
      return fail(authorizationFailure(granted.error, factsOfCall(call, parts, attempts), parts));
    const sent = await sendPatiently(() => sendOnce(call, parts, granted.value), {
      ...parts.tools,
      signal: call.signal,
    });
    attempts += sent.attempts;
    const facts = factsOfCall(call, parts, attempts);
    if (!sent.outcome.ok) return fail(failureOfFault(sent.outcome.error, facts));
    const answer = sent.outcome.value;
    if (answer.status >= 200 && answer.status < 300) return ok({ answer, facts });
    const refused = { scope: call.scope, grant: granted.value, startSerial };
    const learned = await learnFrom(answer, refused, { call, parts, mayLearn: round < MAX_LOGIN_ROUNDS });
    if (!learned.ok) return fail(authorizationFailure(learned.error, facts, parts));
    if (!learned.value) return fail(failureOfAnswer(answer, facts, loginFacts(parts)));
  }
}

// After a redirect it is another server's 401: its challenge is not the registry's, and gets no login.
async function learnFrom(
  answer: HttpAnswer,
  refused: Refused,
  { call, parts, mayLearn }: { readonly call: Call; readonly parts: Parts; readonly mayLearn: boolean },
): Promise<Result<boolean, AuthorizationFault | "cancelled">> {
  const isOurs = answer.url.origin === parts.origin.base().origin;
  if (answer.status !== 401 || !mayLearn || !isOurs) return ok(false);
  const challenges = answer.header("www-authenticate");
  return unlessAborted(parts.authorizer.learn(challenges, refused), call.signal);
}

async function sendOnce(call: Call, parts: Parts, grant: Grant): Promise<Result<HttpAnswer, TransportFault>> {
  const authorization = grant.header === undefined ? {} : { authorization: grant.header };
  const result = await parts.origin.send((base): HttpRequest => ({
    method: call.method,
    url: new URL(call.path, base),
    headers: { ...call.headers, ...authorization },
    maxBytes: call.maxBytes,
    signal: call.signal,
    ...(call.body === undefined ? {} : { body: call.body }),
  }));
  if (!result.ok || result.value.status >= 300) return result;
  const found = call.check?.(result.value);
  return found === undefined ? result : fail(found);
}

function factsOfCall(call: Call, parts: Parts, attempts: number): RequestFacts {
  return {
    registry: parts.registry,
    ...(call.repository === undefined ? {} : { repository: call.repository }),
    ...(call.reference === undefined ? {} : { reference: call.reference }),
    method: call.method,
    url: new URL(call.path, parts.origin.base()),
    attempts,
  };
}

function loginFacts({ login }: Parts): {
  readonly found: CredentialAnswer;
  readonly secrets: readonly string[];
} {
  return { found: login.found(), secrets: login.secrets() };
}

function authorizationFailure(
  fault: AuthorizationFault | "cancelled",
  facts: RequestFacts,
  parts: Parts,
): RegistryFailure {
  if (fault !== "cancelled") return failureOfAuthorization(fault, facts, loginFacts(parts));
  return failureOfFault({ kind: "cancelled", detail: "cancelled", transient: false }, facts);
}

// Tokens and first answers are shared by requests of several callers: one that is cancelled stops waiting, no more.
async function unlessAborted<T, E>(
  work: Promise<Result<T, E>>,
  signal: AbortSignal | undefined,
): Promise<Result<T, E | "cancelled">> {
  await raceAbort(work, signal);
  return signal?.aborted === true ? fail("cancelled") : work;
}

async function raceAbort(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined || signal.aborted) {
    if (signal === undefined) await work;
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await Promise.race([work, promise]);
  signal.removeEventListener("abort", stop);
}
