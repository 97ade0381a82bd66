import { sendPatiently } from "./attempts.ts";
import {
  createAuthorizer,
  type AuthorizationFault,
  type Authorizer,
  type Grant,
  type Lesson,
  type Refused,
} from "./authorizer.ts";
import { failureOfAnswer, failureOfAuthorization, failureOfFault, type RequestFacts } from "./failures.ts";
import type { HttpAnswer, HttpMethod, HttpRequest } from "./http.ts";
import type { StreamedBody } from "./http-body.ts";
import { raceAbort } from "./share.ts";
import { createLogin, type Login } from "./login.ts";
import { createOrigin, type Origin, type PlainHttp } from "./origin.ts";
import { isTransientStatus, parseRetryAfter, type Patience } from "./retry.ts";
import type { ChallengeOrigin } from "./realm.ts";
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
  readonly method: HttpMethod;
  /** Path and query below the registry's base URL, or a whole URL that it named. Another server than itself gets no login. */
  readonly path: string;
  readonly repository?: string;
  readonly reference?: string;
  /** Token scope that it needs, `repository:<path>:pull` for instance; empty where none. */
  readonly scope: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody;
  readonly maxBytes: number;
  /** See `HttpRequest`. */
  readonly streams?: boolean;
  readonly slow?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** A second look at a success: what it finds counts as if the transport had failed. */
  readonly check?: (answer: HttpAnswer) => TransportFault | undefined;
}

/** A success, with what a failure found in it later needs to name. */
export interface Called {
  readonly answer: HttpAnswer;
  readonly facts: RequestFacts;
}

/** Why a call failed, with what whoever tries again by other requests has to know. */
export interface Setback {
  readonly failure: RegistryFailure;
  /** May the same call succeed in a moment? */
  readonly transient: boolean;
  readonly retryAfterMs?: number;
}

/** Sends calls to one registry: finds its scheme, answers its challenges, and tries again where that helps. */
export interface Requester {
  call(call: Call): Promise<Result<Called, RegistryFailure>>;
  /** Without second attempts, other than for a login: for calls that cannot be repeated as they are. */
  callOnce(call: Call): Promise<Result<Called, Setback>>;
  /** Whom the registry's own words (challenges, locations) come from. */
  challenger(): ChallengeOrigin;
  /** The facts of a call that is refused before it is sent. */
  facts(call: Call): RequestFacts;
}

export interface RequesterOptions {
  /** As in references: host[:port], `docker.io` for Docker Hub. */
  readonly registry: string;
  readonly plainHttp: PlainHttp;
  readonly tools: TokenTools;
  readonly credentials: () => Promise<Result<CredentialAnswer, CredentialProblem>>;
  /** Sees the `Warning` headers of every answer of the registry itself; `secrets` must not be shown. */
  readonly onWarning?: (headers: readonly string[], secrets: readonly string[]) => void;
}

interface Parts {
  readonly registry: string;
  readonly origin: Origin;
  readonly login: Login;
  readonly tokens: TokenStore;
  readonly authorizer: Authorizer;
  readonly tools: TokenTools;
  readonly onWarning: RequesterOptions["onWarning"];
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
  const { onWarning } = options;
  const parts: Parts = { registry, origin, login, tokens, authorizer, tools, onWarning };
  // Nearly every registry but a local one wants a login: its first answer is worth waiting for, or all requests that start
  // together would be refused once.
  let first: Promise<unknown> | undefined;
  const inTurn = async (call: Call, patience: Patience): Promise<Result<Called, Setback>> => {
    if (origin.loopback) return run(call, parts, patience);
    if (first !== undefined) {
      await raceAbort(first, call.signal);
      return run(call, parts, patience);
    }
    const running = run(call, parts, patience);
    first = running;
    return running;
  };
  return {
    facts: (call) => factsOfCall(call, parts, 0),
    challenger: () => origin.challenger(),
    call: async (call) => {
      const called = await inTurn(call, tools.patience);
      return called.ok ? called : fail(called.error.failure);
    },
    callOnce: (call) => inTurn(call, { ...tools.patience, attempts: 1 }),
  };
}

async function run(call: Call, parts: Parts, patience: Patience): Promise<Result<Called, Setback>> {
  const startSerial = parts.tokens.newest();
  let attempts = 0;
  let mayRenew = true;
  for (let round = 1; ; round += 1) {
    const granted = await unlessAborted(parts.authorizer.authorize(call.scope), call.signal);
    if (!granted.ok)
      return final(authorizationFailure(granted.error, factsOfCall(call, parts, attempts), parts));
    const sent = await sendPatiently(() => sendOnce(call, parts, granted.value), {
      ...parts.tools,
      patience,
      signal: call.signal,
    });
    attempts += sent.attempts;
    const facts = factsOfCall(call, parts, attempts);
    if (!sent.outcome.ok) {
      const { transient } = sent.outcome.error;
      return fail({ failure: failureOfFault(sent.outcome.error, facts), transient });
    }
    const answer = sent.outcome.value;
    if (answer.status >= 200 && answer.status < 300) return ok({ answer, facts });
    const refused = { scope: call.scope, grant: granted.value, startSerial, mayRenew };
    const learned = await learnFrom(answer, refused, { call, parts, mayLearn: round < MAX_LOGIN_ROUNDS });
    if (!learned.ok) return final(authorizationFailure(learned.error, facts, parts));
    if (learned.value === "final") return fail(setbackOf(answer, facts, parts));
    if (learned.value === "renewed") mayRenew = false;
  }
}

function final(failure: RegistryFailure): Result<never, Setback> {
  return fail({ failure, transient: false });
}

function setbackOf(answer: HttpAnswer, facts: RequestFacts, parts: Parts): Setback {
  const failure = failureOfAnswer(answer, facts, loginFacts(parts));
  const retryAfterMs = parseRetryAfter(answer.header("retry-after")[0], parts.tools.timing.now());
  const transient = isTransientStatus(answer.status);
  return { failure, transient, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

// After a redirect it is another server's 401: its challenge is not the registry's, and gets no login.
async function learnFrom(
  answer: HttpAnswer,
  refused: Refused,
  { call, parts, mayLearn }: { readonly call: Call; readonly parts: Parts; readonly mayLearn: boolean },
): Promise<Result<Lesson, AuthorizationFault | "cancelled">> {
  const isOurs = answer.url.origin === parts.origin.base().origin;
  if (answer.status !== 401 || !mayLearn || !isOurs) return ok("final");
  const challenges = answer.header("www-authenticate");
  return unlessAborted(parts.authorizer.learn(challenges, refused), call.signal);
}

async function sendOnce(call: Call, parts: Parts, grant: Grant): Promise<Result<HttpAnswer, TransportFault>> {
  const result = await parts.origin.send((base) => requestOf(call, base, grant));
  if (result.ok && result.value.url.origin === parts.origin.base().origin)
    parts.onWarning?.(result.value.header("warning"), parts.login.secrets());
  if (!result.ok || result.value.status >= 300) return result;
  const found = call.check?.(result.value);
  return found === undefined ? result : fail(found);
}

function requestOf(call: Call, base: URL, grant: Grant): HttpRequest {
  const { method, headers, maxBytes, signal, body, streams = false, slow = false } = call;
  const url = new URL(call.path, base);
  const isOurs = url.origin === base.origin;
  const authorization = grant.header === undefined || !isOurs ? {} : { authorization: grant.header };
  return {
    method,
    url,
    headers: { ...headers, ...authorization },
    maxBytes,
    signal,
    streams,
    slow,
    ...(body === undefined ? {} : { body }),
  };
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
