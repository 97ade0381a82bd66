import { chooseDemand, missingScope, parseChallenges, type Demand } from "./challenge.ts";
import type { Credential, CredentialProblem } from "./credential-entry.ts";
import type { Login } from "./login.ts";
import type { ChallengeOrigin } from "./realm.ts";
import { basicAuthorization, type TokenFault } from "./token.ts";
import type { TokenStore } from "./token-store.ts";
import { fail, ok, type Result } from "../result.ts";

/** What a request is sent with. `serial` is the number of its token's fetch; 0 where it has none. */
export interface Grant {
  readonly header?: string;
  readonly serial: number;
  /** The credential that it is or was fetched with. */
  readonly credential?: Credential;
}

/** Why a request cannot be authorised. */
export type AuthorizationFault =
  | { readonly kind: "credentials"; readonly problem: CredentialProblem }
  | TokenFault;

/** A request that met a 401: its scope, what it was sent with, and the newest token when it began. */
export interface Refused {
  readonly scope: string;
  readonly grant: Grant;
  readonly startSerial: number;
  /** May the sources of credentials be asked once more? */
  readonly mayRenew: boolean;
}

/** What a 401 taught: `again` and `renewed` say that another attempt makes sense, the latter with a login found anew. */
export type Lesson = "final" | "again" | "renewed";

/** How requests to one registry are authorised, learned from its own challenges. */
export interface Authorizer {
  /** What to send with a request that needs this scope; nothing while the registry has not asked. */
  authorize(scope: string): Promise<Result<Grant, AuthorizationFault>>;
  /** Takes in a 401's WWW-Authenticate headers, before another attempt with a new `authorize`. */
  learn(challenges: readonly string[], refused: Refused): Promise<Result<Lesson, AuthorizationFault>>;
}

export interface AuthorizerOptions {
  readonly login: Login;
  readonly tokens: TokenStore;
  /** Whom the challenges come from; asked late, since the scheme is only known after the first answer. */
  readonly origin: () => ChallengeOrigin;
}

type BearerDemand = Extract<Demand, { readonly kind: "bearer" }>;

// A credential that is no token of ours: it is never renewed, so a 401 to it is final.
const FIXED_SERIAL = Number.MAX_SAFE_INTEGER;

/** Begins an authorizer that sends nothing until the registry has asked. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { login, tokens } = options;
  const extraScopes = new Map<string, ReadonlySet<string>>();
  let demand: Demand | undefined;

  const bearer = async (
    scope: string,
    asked: BearerDemand,
    credential: Credential | undefined,
  ): Promise<Result<Grant, AuthorizationFault>> => {
    if (credential?.registryToken !== undefined)
      return ok({ header: `Bearer ${credential.registryToken}`, serial: FIXED_SERIAL, credential });
    const scopes = [...scope.split(" "), ...(extraScopes.get(scope) ?? [])].filter((each) => each !== "");
    const { realm, service } = asked;
    const request = { realm, service, scopes, credential, origin: options.origin() };
    const { serial, result } = await tokens.token(scope, request);
    if (!result.ok) return result;
    const used = credential === undefined ? {} : { credential };
    return ok({ header: `Bearer ${result.value.value}`, serial, ...used });
  };

  const authorize = async (scope: string): Promise<Result<Grant, AuthorizationFault>> => {
    if (demand === undefined) return ok({ serial: 0 });
    const asked = demand;
    const credential = await login.credential();
    if (!credential.ok) return fail({ kind: "credentials", problem: credential.error });
    if (asked.kind === "basic") return ok(basic(credential.value));
    const granted = await bearer(scope, asked, credential.value);
    if (granted.ok || !isRefusedLogin(granted.error) || credential.value === undefined) return granted;
    // An identity token or password may have ended during a long build: its source may have another by now.
    if (!(await login.renew(credential.value))) return granted;
    const renewed = await login.credential();
    return renewed.ok ? bearer(scope, asked, renewed.value) : granted;
  };

  const learn: Authorizer["learn"] = async (challenges, refused) => {
    const { scope, grant, startSerial, mayRenew } = refused;
    const asked = chooseDemand(parseChallenges(challenges) ?? []);
    if (asked === undefined) return ok("final");
    if (grant.header === undefined) {
      demand = asked;
      addScopes(extraScopes, scope, asked.kind === "bearer" ? asked.scope : undefined);
      const next = await authorize(scope);
      return next.ok ? ok(next.value.header === undefined ? "final" : "again") : next;
    }
    const adds = addScopes(extraScopes, scope, missingScope(asked));
    const isFresh = grant.serial > startSerial;
    if (isFresh && !adds) {
      const renews = mayRenew && grant.credential !== undefined && (await login.renew(grant.credential));
      if (!renews) return ok("final");
    }
    tokens.forget(scope, grant.serial);
    return ok(isFresh && !adds ? "renewed" : "again");
  };

  return { authorize, learn };
}

function basic(credential: Credential | undefined): Grant {
  const { username, password } = credential ?? {};
  if (username === undefined || password === undefined) return { serial: 0 };
  return {
    header: basicAuthorization(username, password),
    serial: FIXED_SERIAL,
    ...(credential === undefined ? {} : { credential }),
  };
}

// The token server's no to whoever asks, not to what is asked for.
function isRefusedLogin(fault: AuthorizationFault): boolean {
  return fault.kind === "no-token" && [400, 401, 403].includes(fault.answer.status);
}

// True where the challenge names something that was not asked for yet.
function addScopes(
  extra: Map<string, ReadonlySet<string>>,
  scope: string,
  challenged: string | undefined,
): boolean {
  const known = extra.get(scope) ?? new Set();
  const added = (challenged ?? "")
    .split(" ")
    .filter((each) => each !== "" && !known.has(each) && !covers(scope, each));
  extra.set(scope, new Set([...known, ...added]));
  return added.length > 0;
}

// `repository:a/b:pull,push` covers `repository:a/b:pull`; a mount needs scopes of two repositories, with a space between.
function covers(scopes: string, other: string): boolean {
  const [otherResource, otherActions] = splitActions(other);
  return scopes.split(" ").some((scope) => {
    const [resource, actions] = splitActions(scope);
    return resource === otherResource && otherActions.every((action) => actions.includes(action));
  });
}

function splitActions(scope: string): readonly [string, readonly string[]] {
  const colon = scope.lastIndexOf(":");
  return [scope.slice(0, colon), scope.slice(colon + 1).split(",")];
}
