import * as z from "zod/mini";
import type { AuthorizationFault } from "./authorizer.ts";
import type { CredentialAnswer } from "./credentials.ts";
import type { HttpAnswer } from "./http.ts";
import type { FailedRequest, RegistryErrorCode, RegistryFailure } from "./registry-failure.ts";
import type { TransportFault } from "./transport-fault.ts";

/** The request that a failure is about; `url` may still hold a query, which is never shown. */
export interface RequestFacts {
  readonly registry: string;
  readonly repository?: string;
  readonly reference?: string;
  readonly method: string;
  readonly url: URL;
  readonly attempts: number;
}

/** What is needed to tell a refusal without telling a secret. */
export interface LoginFacts {
  readonly found: CredentialAnswer;
  readonly secrets: readonly string[];
}

const MAX_SHOWN_BODY = 2_000;
const MAX_SHOWN_MESSAGE = 500;
const MAX_CODES = 20;
// To these, 404 says that what they ask for is not there; to a write it says that something which it needs is not.
const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE"]);

const FAILURE_OF_FAULT = {
  tls: "registry-tls-failed",
  refused: "registry-answer-invalid",
  unreachable: "registry-unreachable",
} as const;

/** The facts that every registry failure carries. */
export function factsOf(facts: RequestFacts): {
  readonly registry: string;
  readonly repository?: string;
  readonly reference?: string;
  readonly request: FailedRequest;
} {
  const { registry, repository, reference, method, url, attempts } = facts;
  return {
    registry,
    ...(repository === undefined ? {} : { repository }),
    ...(reference === undefined ? {} : { reference }),
    request: { method, url: `${url.origin}${url.pathname}`, attempts },
  };
}

/** There was no answer. */
export function failureOfFault(fault: TransportFault, facts: RequestFacts): RegistryFailure {
  const common = factsOf(facts);
  if (fault.kind === "cancelled") return { kind: "registry-cancelled", ...common };
  const kind = FAILURE_OF_FAULT[fault.kind];
  return { kind, ...common, detail: fault.detail };
}

/** There was an answer, and it was not success. */
export function failureOfAnswer(answer: HttpAnswer, facts: RequestFacts, login: LoginFacts): RegistryFailure {
  const common = factsOf(facts);
  const { status } = answer;
  const text = redact(Buffer.from(answer.body).toString("utf8"), login.secrets);
  const codes = parseErrorCodes(text);
  if (status === 401 || status === 403) return denied(status, codes, { facts, login });
  if (status === 404 && facts.reference !== undefined && READS.has(facts.method))
    return {
      kind: "manifest-unknown",
      ...common,
      status,
      codes,
      ...(isPage(answer, codes) ? { page: true } : {}),
    };
  const shown = codes.length > 0 ? "" : plain(text).slice(0, MAX_SHOWN_BODY);
  return { kind: "registry-rejected", ...common, status, codes, ...(shown === "" ? {} : { body: shown }) };
}

/** The login itself failed. `facts` are those of the request to the registry that needed it. */
export function failureOfAuthorization(
  fault: AuthorizationFault,
  facts: RequestFacts,
  login: LoginFacts,
): RegistryFailure {
  if (fault.kind === "credentials")
    return { kind: "credentials-unusable", ...factsOf(facts), ...fault.problem };
  if (fault.kind === "realm-refused") {
    const detail = `it sends logins to a token server that is not allowed: ${shownRealm(fault.realm)}`;
    return { kind: "registry-answer-invalid", ...factsOf(facts), detail };
  }
  const { method, url, attempts } = fault;
  const asked: RequestFacts = { ...facts, method, url, attempts };
  if (fault.kind === "no-answer") return failureOfFault(fault.fault, asked);
  if (fault.answer.status !== 200) return refusedByTokenServer(fault.answer, asked, login);
  const detail = "the token server's answer holds no token";
  return { kind: "registry-answer-invalid", ...factsOf(asked), detail };
}

/** The codes of a distribution-spec error body; none where it is something else. */
export function parseErrorCodes(text: string): readonly RegistryErrorCode[] {
  const parsed = errorBody.safeParse(parseJson(text));
  if (!parsed.success) return [];
  return parsed.data.errors.slice(0, MAX_CODES).map(({ code, message }) => ({
    code: plain(code).slice(0, MAX_SHOWN_MESSAGE),
    message: plain(message ?? "").slice(0, MAX_SHOWN_MESSAGE),
  }));
}

/** Replaces every secret in a text that somebody else wrote, as it is and as it stands in URLs and JSON. */
export function redact(text: string, secrets: readonly string[]): string {
  const spellings = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ]);
  // Longest first, so that a secret within another does not leave the rest of it standing.
  const ordered = [...new Set(spellings)].filter(Boolean).toSorted((a, b) => b.length - a.length);
  return ordered.reduce((redacted, secret) => redacted.replaceAll(secret, "***"), text);
}

const errorBody = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.nullish(z.string()) })),
});

function isPage(answer: HttpAnswer, codes: readonly RegistryErrorCode[]): boolean {
  return codes.length === 0 && answer.header("content-type")[0]?.startsWith("text/html") === true;
}

// A token server that refuses, with whatever status, refuses the login.
function refusedByTokenServer(answer: HttpAnswer, facts: RequestFacts, login: LoginFacts): RegistryFailure {
  const { status } = answer;
  if (status < 400 || status >= 500 || status === 429) return failureOfAnswer(answer, facts, login);
  const text = redact(Buffer.from(answer.body).toString("utf8"), login.secrets);
  return denied(status, parseErrorCodes(text), { facts, login });
}

function denied(
  status: number,
  codes: readonly RegistryErrorCode[],
  { facts, login }: { readonly facts: RequestFacts; readonly login: LoginFacts },
): RegistryFailure {
  const { credential, problem } = login.found;
  return {
    kind: "registry-denied",
    ...factsOf(facts),
    status,
    codes,
    ...(credential === undefined ? {} : { credential: credential.source }),
    ...(problem === undefined ? {} : { credentialProblem: problem }),
  };
}

function shownRealm(realm: string): string {
  return URL.canParse(realm) ? new URL(realm).origin : "not a URL";
}

/** What a server says goes to terminals: no control characters, no runs of white space. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").trim();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
