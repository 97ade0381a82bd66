/**
 * One challenge of a WWW-Authenticate header, names in lower case.
 *
 *     header    = challenge *( "," challenge )
 *     challenge = scheme [ SP ( token68 / param *( "," param ) ) ]
 *     param     = name BWS "=" BWS ( word / quoted-string )
 *
 * Stricter than RFC 9110 in one point (no parameter twice), laxer in two that registries need: a value without quotes may
 * hold any character but space, comma and quote (`realm=/`), and scheme and names may stand in quotes.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-authentication-scheme
 */
export interface Challenge {
  readonly scheme: string;
  readonly params: Readonly<Record<string, string>>;
}

/** What a registry's 401 asks for, of the schemes that we speak. */
export type Demand =
  | {
      readonly kind: "bearer";
      readonly realm: string;
      readonly service?: string;
      readonly scope?: string;
      readonly error?: string;
    }
  | { readonly kind: "basic" };

const NAME = /(?:"([!#$%&'*+.^_`|~0-9A-Za-z-]+)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const WORD = /[^\s,"]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const SPACES = /[ \t]+/y;
const COMMAS = /[ \t]*(?:,[ \t]*)+/y;
const END = /[ \t]*$/y;

/**
 * Reads the values of all WWW-Authenticate headers of one answer, or undefined where any of them breaks the grammar:
 * nothing may be sent to a realm that was only half understood.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] | undefined {
  const all: Challenge[] = [];
  for (const header of headers) {
    const challenges = parseHeader(header);
    if (challenges === undefined) return undefined;
    all.push(...challenges);
  }
  return all;
}

/** The challenge to answer: Bearer if it is offered with a realm, else Basic, else none. */
export function chooseDemand(challenges: readonly Challenge[]): Demand | undefined {
  const bearer = challenges.find(({ scheme, params }) => scheme === "bearer" && params["realm"]);
  if (bearer !== undefined) {
    const { realm = "", service, scope, error } = bearer.params;
    return {
      kind: "bearer",
      realm,
      ...(service === undefined ? {} : { service }),
      ...(scope === undefined ? {} : { scope }),
      ...(error === undefined ? {} : { error }),
    };
  }
  return challenges.some(({ scheme }) => scheme === "basic") ? { kind: "basic" } : undefined;
}

/**
 * The scope that a 401 to a fresh token asks for, or undefined where another token would not help: only
 * `insufficient_scope` with well-formed scopes says that it would.
 */
export function missingScope(demand: Demand): string | undefined {
  if (demand.kind !== "bearer" || demand.error !== "insufficient_scope") return undefined;
  const scopes = demand.scope?.split(" ") ?? [];
  const wellFormed = scopes.length > 0 && scopes.every((scope) => /^[^:\s]+:[^\s]+:[^:\s]+$/.test(scope));
  return wellFormed ? demand.scope : undefined;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function parseHeader(text: string): readonly Challenge[] | undefined {
  const cursor: Cursor = { text, at: 0 };
  const challenges: Challenge[] = [];
  take(cursor, COMMAS);
  take(cursor, SPACES);
  while (take(cursor, END) === undefined) {
    const challenge = parseChallenge(cursor);
    if (challenge === undefined) return undefined;
    challenges.push(challenge);
  }
  return challenges;
}

function parseChallenge(cursor: Cursor): Challenge | undefined {
  const scheme = takeName(cursor);
  if (scheme === undefined) return undefined;
  if (isEnd(cursor)) return { scheme, params: {} };
  if (take(cursor, SPACES) === undefined) return undefined;
  if (take(cursor, TOKEN68) !== undefined) return isEnd(cursor) ? { scheme, params: {} } : undefined;
  const params = parseParams(cursor);
  return params === undefined ? undefined : { scheme, params };
}

// A comma may end a parameter or the challenge: what follows it is a parameter only if it has an equals sign.
function parseParams(cursor: Cursor): Readonly<Record<string, string>> | undefined {
  const params = new Map<string, string>();
  do {
    const start = cursor.at;
    const name = takeName(cursor);
    if (name === undefined) return undefined;
    if (take(cursor, EQUALS) === undefined) {
      cursor.at = start;
      return params.size > 0 && followedByChallenge(cursor) ? Object.fromEntries(params) : undefined;
    }
    const value = takeValue(cursor);
    if (value === undefined || params.has(name)) return undefined;
    params.set(name, value);
    if (take(cursor, END) !== undefined) return Object.fromEntries(params);
  } while (take(cursor, COMMAS) !== undefined && take(cursor, END) === undefined);
  return cursor.at === cursor.text.length ? Object.fromEntries(params) : undefined;
}

// `Bearer realm="x",service` breaks off in a parameter; `Negotiate` alone after a comma could be a scheme, but no registry
// writes that, and a parameter taken for a scheme would leave a half-read challenge.
function followedByChallenge(cursor: Cursor): boolean {
  const ahead: Cursor = { ...cursor };
  return takeName(ahead) !== undefined && take(ahead, SPACES) !== undefined && take(ahead, END) === undefined;
}

function takeName(cursor: Cursor): string | undefined {
  const match = take(cursor, NAME);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function takeValue(cursor: Cursor): string | undefined {
  const quoted = take(cursor, QUOTED)?.[1];
  return quoted === undefined ? take(cursor, WORD)?.[0] : quoted.replace(/\\(.)/g, "$1");
}

function isEnd(cursor: Cursor): boolean {
  return take(cursor, END) !== undefined || take(cursor, COMMAS) !== undefined;
}

function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match === null) return undefined;
  cursor.at = pattern.lastIndex;
  return match;
}
