import type { Credential, CredentialProblem } from "./credential-entry.ts";
import type { CredentialAnswer } from "./credentials.ts";
import { basicAuthorization, type Token } from "./token.ts";
import { ok, type Result } from "../result.ts";

/** The credential of one registry, looked up only when it is needed, and again only when it was refused. */
export interface Login {
  credential(): Promise<Result<Credential | undefined, CredentialProblem>>;
  /**
   * Asks the sources once more, since the registry has refused this credential: a helper's answer, a password or an identity
   * token may have ended during a long build. True where there is another one now; all who ask together ask once.
   */
  renew(refused: Credential): Promise<boolean>;
  /** Takes over a refresh token that the token server handed out in place of the identity token. */
  onToken(token: Token): void;
  /** What the lookup found so far: to be named when a registry refuses. */
  found(): CredentialAnswer;
  /** Every secret that was or may be sent, for redaction. */
  secrets(): readonly string[];
}

/** Begins without having asked anyone. */
export function createLogin(lookup: () => Promise<Result<CredentialAnswer, CredentialProblem>>): Login {
  const secrets = new Set<string>();
  let answer: Promise<Result<CredentialAnswer, CredentialProblem>> | undefined;
  let found: CredentialAnswer = {};
  // As the sources said it, before a token server handed out a refresh token in its place.
  let original: Credential | undefined;
  let renewing: Promise<boolean> | undefined;
  const take = (answered: CredentialAnswer): void => {
    found = answered;
    original = answered.credential;
    for (const secret of secretsOf(found.credential)) secrets.add(secret);
  };
  const first = async (): Promise<Result<CredentialAnswer, CredentialProblem>> => {
    const result = await lookup();
    if (result.ok) take(result.value);
    return result;
  };
  const lookAgain = async (): Promise<boolean> => {
    const result = await lookup();
    renewing = undefined;
    if (!result.ok || result.value.credential === undefined || isSame(result.value.credential, original))
      return false;
    take(result.value);
    return true;
  };
  return {
    credential: async () => {
      answer ??= first();
      const result = await answer;
      // Not what the lookup said: its identity token may have been replaced meanwhile.
      return result.ok ? ok(found.credential) : result;
    },
    renew: async (refused) => {
      if (found.credential !== refused) return true;
      renewing ??= lookAgain();
      return renewing;
    },
    onToken: (token) => {
      secrets.add(token.value);
      if (token.refreshToken === undefined || found.credential === undefined) return;
      secrets.add(token.refreshToken);
      found = { ...found, credential: { ...found.credential, identityToken: token.refreshToken } };
    },
    found: () => found,
    secrets: () => [...secrets],
  };
}

function isSame(one: Credential, other: Credential | undefined): boolean {
  return (
    one.username === other?.username &&
    one.password === other?.password &&
    one.identityToken === other?.identityToken &&
    one.registryToken === other?.registryToken
  );
}

function secretsOf(credential: Credential | undefined): readonly string[] {
  if (credential === undefined) return [];
  const { username = "", password = "", identityToken = "", registryToken = "" } = credential;
  const encoded = password === "" ? "" : basicAuthorization(username, password).slice("Basic ".length);
  return [password, encoded, identityToken, registryToken].filter((secret) => secret !== "");
}
