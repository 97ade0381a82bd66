import type { Credential, CredentialProblem } from "./credential-entry.ts";
import type { CredentialAnswer } from "./credentials.ts";
import { basicAuthorization, type Token } from "./token.ts";
import { ok, type Result } from "../result.ts";

/** The credential of one registry, looked up once and only when it is needed. */
export interface Login {
  credential(): Promise<Result<Credential | undefined, CredentialProblem>>;
  /** Takes over a refresh token that the token server handed out in place of the identity token. */
  onToken(token: Token): void;
  /** What the lookup found so far: to be named when a registry refuses. */
  found(): CredentialAnswer;
  /** Every secret that was or may be sent, for redaction. */
  secrets(): readonly string[];
}

/** Begins without having asked anyone; `lookup` is called once at most. */
export function createLogin(lookup: () => Promise<Result<CredentialAnswer, CredentialProblem>>): Login {
  const secrets = new Set<string>();
  let answer: Promise<Result<CredentialAnswer, CredentialProblem>> | undefined;
  let found: CredentialAnswer = {};
  const first = async (): Promise<Result<CredentialAnswer, CredentialProblem>> => {
    const result = await lookup();
    if (result.ok) found = result.value;
    for (const secret of secretsOf(found.credential)) secrets.add(secret);
    return result;
  };
  return {
    credential: async () => {
      answer ??= first();
      const result = await answer;
      // Not what the lookup said: its identity token may have been replaced meanwhile.
      return result.ok ? ok(found.credential) : result;
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

function secretsOf(credential: Credential | undefined): readonly string[] {
  if (credential === undefined) return [];
  const { username = "", password = "", identityToken = "", registryToken = "" } = credential;
  const encoded = password === "" ? "" : basicAuthorization(username, password).slice("Basic ".length);
  return [password, encoded, identityToken, registryToken].filter((secret) => secret !== "");
}
