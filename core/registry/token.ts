import * as z from "zod/mini";
import { sendPatiently, type Attempted } from "./attempts.ts";
import type { Credential } from "./credential-entry.ts";
import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import { realmAllowed, type ChallengeOrigin } from "./realm.ts";
import type { Patience, Timing } from "./retry.ts";
import type { TransportFault } from "./transport-fault.ts";
import { fail, ok, type Result } from "../result.ts";

/** A bearer token as the server gave it. */
export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch, by the server's own account. */
  readonly expiresAtMs: number;
  /** To be used instead of the identity token from now on. */
  readonly refreshToken?: string;
}

/** What to ask a token server for. */
export interface TokenRequest {
  readonly realm: string;
  readonly service?: string | undefined;
  readonly scopes: readonly string[];
  readonly credential?: Credential | undefined;
  readonly origin: ChallengeOrigin;
}

/** Why there is no token: the realm may not be asked, nothing answered, it said no, or what it said is no token. */
export type TokenFault =
  | { readonly kind: "realm-refused"; readonly realm: string }
  | {
      readonly kind: "no-answer";
      readonly fault: TransportFault;
      readonly method: string;
      readonly url: URL;
      readonly attempts: number;
    }
  | {
      readonly kind: "no-token";
      readonly answer: HttpAnswer;
      readonly method: string;
      readonly url: URL;
      readonly attempts: number;
    };

/** What fetching needs of the world. */
export interface TokenTools {
  readonly http: Http;
  readonly timing: Timing;
  readonly patience: Patience;
}

const MAX_TOKEN_BYTES = 256 * 1024;
const CLIENT_ID = "buildx-plan";
const MIN_LIFETIME_S = 60;

/**
 * Fetches a token: an identity token goes as OAuth2 POST (or, where a server has no such endpoint, its password as GET),
 * a password as Basic with GET, and without either the GET is anonymous.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 * @see https://distribution.github.io/distribution/spec/auth/oauth/
 */
export async function fetchToken(
  wanted: TokenRequest,
  tools: TokenTools,
): Promise<Result<Token, TokenFault>> {
  const realm = URL.canParse(wanted.realm) ? new URL(wanted.realm) : undefined;
  if (realm === undefined || !realmAllowed(realm, wanted.origin))
    return fail({ kind: "realm-refused", realm: wanted.realm });
  if (wanted.credential?.identityToken === undefined) return ask(getRequest(realm, wanted), tools);
  const posted = await ask(postRequest(realm, wanted, wanted.credential.identityToken), tools);
  const noEndpoint = !posted.ok && posted.error.kind === "no-token" && posted.error.answer.status === 404;
  return noEndpoint && wanted.credential.password !== undefined
    ? ask(getRequest(realm, wanted), tools)
    : posted;
}

const tokenAnswer = z.object({
  token: z.optional(z.string()),
  access_token: z.optional(z.string()),
  refresh_token: z.optional(z.string()),
  expires_in: z.optional(z.number()),
  issued_at: z.optional(z.string()),
});

/** Reads a token server's answer, or undefined where it holds no token that could stand in a header. */
export function parseToken(body: Uint8Array, nowMs: number): Token | undefined {
  const parsed = tokenAnswer.safeParse(parseJson(body));
  if (!parsed.success) return undefined;
  const { token, access_token: accessToken, refresh_token: refreshToken } = parsed.data;
  const value = token || accessToken;
  if (!value || !/^[\x21-\x7e]+$/.test(value)) return undefined;
  const issuedMs = Date.parse(parsed.data.issued_at ?? "");
  // Go writes a time that was never set as the year 1.
  const fromMs = Number.isNaN(issuedMs) || issuedMs <= 0 ? nowMs : issuedMs;
  const lifetimeMs = Math.max(parsed.data.expires_in ?? 0, MIN_LIFETIME_S) * 1000;
  return { value, expiresAtMs: fromMs + lifetimeMs, ...(refreshToken ? { refreshToken } : {}) };
}

/** The value of an Authorization header for user and password. */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function getRequest(realm: URL, wanted: TokenRequest): HttpRequest {
  const { username = "", password } = wanted.credential ?? {};
  const url = new URL(realm);
  if (wanted.service !== undefined) url.searchParams.set("service", wanted.service);
  for (const scope of wanted.scopes) url.searchParams.append("scope", scope);
  if (username !== "") url.searchParams.set("account", username);
  const authorization =
    password === undefined ? {} : { authorization: basicAuthorization(username, password) };
  return {
    method: "GET",
    url,
    headers: { accept: "application/json", ...authorization },
    maxBytes: MAX_TOKEN_BYTES,
    owner: wanted.origin.host,
    mayFollow: (to) => realmAllowed(to, wanted.origin),
  };
}

function postRequest(realm: URL, wanted: TokenRequest, identityToken: string): HttpRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    refresh_token: identityToken,
    service: wanted.service ?? "",
    scope: wanted.scopes.join(" "),
  });
  return {
    method: "POST",
    url: realm,
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    maxBytes: MAX_TOKEN_BYTES,
    owner: wanted.origin.host,
  };
}

async function ask(request: HttpRequest, tools: TokenTools): Promise<Result<Token, TokenFault>> {
  const { outcome, attempts }: Attempted = await sendPatiently(() => tools.http.send(request), tools);
  const facts = { method: request.method, url: request.url, attempts };
  if (!outcome.ok) return fail({ kind: "no-answer", fault: outcome.error, ...facts });
  const token = outcome.value.status === 200 ? parseToken(outcome.value.body, tools.timing.now()) : undefined;
  return token === undefined ? fail({ kind: "no-token", answer: outcome.value, ...facts }) : ok(token);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
