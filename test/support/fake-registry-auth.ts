import type { SeenRequest } from "./fake-registry.ts";
import type { Answer } from "./faults.ts";

/** What the fake registry asks for. In token mode it is its own token server, at `/token`. */
export type AuthMode =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | {
      readonly kind: "token";
      /** Without it, anonymous tokens are handed out. */
      readonly login?: { readonly username: string; readonly password: string };
      readonly identityToken?: string;
      /** Handed out with the first token in exchange for the identity token, and the only one taken afterwards. */
      readonly nextIdentityToken?: string;
      readonly expiresInS?: number;
      /** Instead of the registry's own `/token`. */
      readonly realm?: string;
      /** Added to every challenge's scope. */
      readonly extraScope?: string;
    };

/** The login side of a fake registry. */
export interface FakeAuth {
  /** The answer to a token request, or to one that lacks a login; undefined: the request may pass. */
  handle(seen: SeenRequest, base: string): Answer | undefined;
  /** Makes every token given out so far invalid. */
  revoke(): void;
  /** Tokens given out so far, in order. */
  readonly issued: readonly string[];
}

/** Begins a login side that has given out nothing. */
export function createFakeAuth(mode: AuthMode): FakeAuth {
  const issued: string[] = [];
  const valid = new Map<string, readonly string[]>();
  let identityToken = mode.kind === "token" ? mode.identityToken : undefined;
  const issue = (scopes: readonly string[]): object => {
    const token = `token-${issued.length + 1}-of-the-fake`;
    issued.push(token);
    valid.set(token, scopes);
    const rotated = mode.kind === "token" ? mode.nextIdentityToken : undefined;
    if (rotated !== undefined) identityToken = rotated;
    const expiry =
      mode.kind === "token" && mode.expiresInS !== undefined ? { expires_in: mode.expiresInS } : {};
    return { token, ...expiry, ...(rotated === undefined ? {} : { refresh_token: rotated }) };
  };
  const tokenAnswer = (seen: SeenRequest): object | undefined => {
    const form = new URLSearchParams(seen.body.toString("utf8"));
    const isPost = seen.method === "POST";
    const granted = isPost ? form.get("refresh_token") === identityToken : mayGet(mode, seen);
    if (!granted) return undefined;
    return issue(isPost ? (form.get("scope") ?? "").split(" ") : seen.query.getAll("scope"));
  };
  return {
    issued,
    revoke: () => valid.clear(),
    handle: (seen, base) => {
      if (mode.kind === "none") return undefined;
      if (mode.kind === "token" && seen.path === "/token") {
        const body = tokenAnswer(seen);
        return json(body === undefined ? 401 : 200, body ?? { details: "wrong login" });
      }
      if (isLoggedIn(mode, seen, valid)) return undefined;
      const errors = [{ code: "UNAUTHORIZED", message: "authentication required" }];
      return json(401, { errors }, { "www-authenticate": challenge(mode, seen, base) });
    },
  };
}

function mayGet(mode: AuthMode, seen: SeenRequest): boolean {
  if (mode.kind !== "token" || mode.login === undefined)
    return mode.kind === "token" && mode.identityToken === undefined;
  return seen.headers.authorization === basic(mode.login);
}

function isLoggedIn(
  mode: AuthMode,
  seen: SeenRequest,
  valid: ReadonlyMap<string, readonly string[]>,
): boolean {
  const { authorization = "" } = seen.headers;
  if (mode.kind === "basic") return authorization === basic(mode);
  const scopes = valid.get(authorization.replace(/^Bearer /, ""));
  return scopes !== undefined && neededScopes(mode, seen).every((needed) => isCovered(needed, scopes));
}

function neededScopes(mode: AuthMode, seen: SeenRequest): readonly string[] {
  const [, repository] = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(seen.path) ?? [];
  if (repository === undefined) return [];
  const extra = mode.kind === "token" && mode.extraScope !== undefined ? [mode.extraScope] : [];
  const source = seen.query.get("from");
  const mounted = source === null ? [] : [`repository:${source}:pull`];
  return [`repository:${repository}:${actionsOf(seen)}`, ...mounted, ...extra];
}

function actionsOf({ method, path }: SeenRequest): string {
  if (method === "DELETE" && path.includes("/manifests/")) return "pull,push,delete";
  return method === "GET" || method === "HEAD" ? "pull" : "pull,push";
}

function isCovered(needed: string, scopes: readonly string[]): boolean {
  return scopes.some((scope) => scope === needed || scope.startsWith(`${needed},`));
}

function challenge(mode: AuthMode, seen: SeenRequest, base: string): string {
  if (mode.kind !== "token") return 'Basic realm="fake"';
  const scope = neededScopes(mode, seen).join(" ");
  const error = seen.headers.authorization === undefined ? "" : ',error="insufficient_scope"';
  return `Bearer realm="${mode.realm ?? `${base}/token`}",service="fake",scope="${scope}"${error}`;
}

function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(body)),
  };
}
