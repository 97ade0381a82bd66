import { fetchToken, type Token, type TokenFault, type TokenRequest, type TokenTools } from "./token.ts";
import type { Result } from "../result.ts";

/** The tokens of one registry, each fetched once for all requests that wait for it, and renewed before it ends. */
export interface TokenStore {
  /** Number of the newest fetch, counted from 1; 0 before the first. */
  newest(): number;
  /** The token held under this key, or what a fetch brings; `serial` numbers the fetch. */
  token(
    key: string,
    request: TokenRequest,
  ): Promise<{ readonly serial: number; readonly result: Result<Token, TokenFault> }>;
  /** Drops the token of that fetch, if it is still the one held: a registry has refused it. */
  forget(key: string, serial: number): void;
}

interface Held {
  readonly serial: number;
  readonly result: Promise<Result<Token, TokenFault>>;
  goodUntilMs: number;
}

// Renewed this long before its end, so that it does not expire on its way.
const MARGIN_MS = 10_000;
// A new token is taken as good for at least this long: the server's clock may be wrong, but it would not issue an expired one.
const TRUSTED_MS = 60_000;

/** Begins without tokens; `onToken` sees each new one, before whoever asked for it. */
export function createTokenStore(tools: TokenTools, onToken: (token: Token) => void): TokenStore {
  const held = new Map<string, Held>();
  let newest = 0;
  const forget = (key: string, serial: number): void => {
    if (held.get(key)?.serial === serial) held.delete(key);
  };
  const renew = (key: string, request: TokenRequest): Held => {
    newest += 1;
    const serial = newest;
    const fetched = async (): Promise<Result<Token, TokenFault>> => {
      const result = await fetchToken(request, tools);
      if (result.ok) onToken(result.value);
      else forget(key, serial);
      entry.goodUntilMs = result.ok ? goodUntilMs(result.value, tools.timing.now()) : 0;
      return result;
    };
    // While the fetch runs, everyone waits for it.
    const entry: Held = { serial, result: fetched(), goodUntilMs: Number.POSITIVE_INFINITY };
    held.set(key, entry);
    return entry;
  };
  return {
    newest: () => newest,
    forget,
    token: async (key, request) => {
      const present = held.get(key);
      const isGood = present !== undefined && tools.timing.now() < present.goodUntilMs;
      const entry = isGood ? present : renew(key, request);
      return { serial: entry.serial, result: await entry.result };
    },
  };
}

function goodUntilMs(token: Token, nowMs: number): number {
  return Math.max(token.expiresAtMs, nowMs + TRUSTED_MS) - MARGIN_MS;
}
