import { formatBytes } from "../text/units.ts";
import { loginAdvice, tlsAdvice } from "./advice.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import type {
  DigestMismatch,
  ManifestUnknown,
  RegistryDenied,
  RegistryErrorCode,
  RegistryFailure,
  RegistryRejected,
  RegistryUnreachable,
} from "../../core/registry/registry-failure.ts";

/** Why a registry did not do what it was asked, in words: which one, which request, what it said, what to do. */
export function explainRegistry(failure: RegistryFailure): Explanation {
  switch (failure.kind) {
    case "registry-unreachable":
      return explain(
        failure,
        `${failure.registry} does not answer`,
        [failure.detail],
        unreachableAdvice(failure),
      );
    case "registry-tls-failed":
      return explain(
        failure,
        `no secure connection to ${failure.registry}`,
        [failure.detail],
        [tlsAdvice(failure.registry)],
      );
    case "registry-denied":
      return explainDenied(failure);
    case "credentials-unusable":
      return explain(
        failure,
        `the credentials for ${failure.registry} cannot be used`,
        [`${failure.source}: ${failure.detail}`],
        [`Mend or remove that entry, or log in anew: docker login ${failure.registry}`],
      );
    case "manifest-unknown":
      return explain(failure, `${subject(failure)} does not exist`, answer(failure), [
        "Check name and tag; some registries also answer this way where a login is missing.",
      ]);
    case "registry-rejected":
      return explainRejected(failure);
    case "digest-mismatch":
      return explainMismatch(failure);
    case "registry-answer-invalid":
      return explain(
        failure,
        `${failure.registry} gave an answer that cannot be used`,
        [failure.detail],
        ["Is this a registry, and the right port? A proxy's or portal's page in between looks the same."],
      );
    case "outgoing-blob-invalid":
      return explain(
        failure,
        `${subject(failure)} is not as long as its manifest says`,
        [`expected ${failure.size} bytes`, `got      ${failure.actual} bytes`],
        ["What it is copied from is damaged: nothing was stored. Build or export it again."],
      );
    case "registry-cancelled":
      return explain(failure, `interrupted while talking to ${failure.registry}`, [], []);
    default:
      return unreachable(failure);
  }
}

function explain(
  failure: RegistryFailure,
  headline: string,
  facts: readonly string[],
  advice: readonly string[],
): Explanation {
  const { method, url, attempts } = failure.request;
  const tries = attempts > 1 ? ` (${attempts} attempts)` : "";
  return { headline, facts: [`${method} ${url}${tries}`, ...facts], advice };
}

function explainDenied(failure: RegistryDenied): Explanation {
  const used = failure.credential === undefined ? [] : [`with the credentials from ${failure.credential}`];
  const problem = failure.credentialProblem;
  const broken =
    problem === undefined ? [] : [`${problem.source} should have had credentials: ${problem.detail}`];
  const headline = `${writes(failure) ? "writing" : "reading"} ${subject(failure)} was refused`;
  return explain(failure, headline, [...answer(failure), ...used, ...broken], [deniedAdvice(failure)]);
}

function deniedAdvice(failure: RegistryDenied): string {
  if (failure.credential === undefined) return loginAdvice(failure.registry);
  if (failure.status === 401)
    return `These credentials were not accepted: log in anew with docker login ${failure.registry}`;
  return writes(failure)
    ? "The account may not push there: ask for write permission to this repository, or check that it exists and its name is right."
    : "The account may not read there: ask for permission to this repository, or check its name.";
}

function explainRejected(failure: RegistryRejected): Explanation {
  const body = failure.codes.length === 0 && failure.body !== undefined ? [`it said: ${failure.body}`] : [];
  const headline = `${failure.registry} answered ${failure.status}${of(failure)}`;
  return explain(failure, headline, [...failure.codes.map(nameCode), ...body], [rejectedAdvice(failure)]);
}

function rejectedAdvice({ status, registry, request, codes }: RegistryRejected): string {
  if (status === 429)
    return `${registry} limits requests: wait, or log in for a higher limit (docker login ${registry}).`;
  if (status >= 500) return "The registry itself has a problem: run again later, what was pushed is kept.";
  if (status === 404)
    return "Check that the repository exists: some registries do not create it on the first push.";
  if (status === 413) return "A proxy in front of the registry limits the size of requests: raise its limit.";
  if (request.method === "DELETE" && (status === 405 || codes.some(({ code }) => code === "UNSUPPORTED")))
    return `${registry} does not delete this way: deletion may be switched off there, or it only deletes by digest.`;
  return "The registry does not take this request: its own log tells more.";
}

function explainMismatch(failure: DigestMismatch): Explanation {
  return explain(
    failure,
    `${failure.registry} sent other content than was asked for`,
    [`expected ${failure.expected}`, `got      ${failure.actual} (${formatBytes(failure.bytes)})`],
    [
      "A cut connection, a caching proxy or a damaged registry: run again, and do not trust that content if it stays.",
    ],
  );
}

function unreachableAdvice({ detail, registry }: RegistryUnreachable): readonly string[] {
  if (/ENOTFOUND|EAI_AGAIN/.test(detail))
    return [`The name ${registry} was not found: check its spelling, DNS and proxy.`];
  if (/ECONNREFUSED/.test(detail))
    return ["Nothing listens there: is the registry running, and is this its port?"];
  return [
    "Check the network and proxy between here and the registry, then run again: what was pushed is kept.",
  ];
}

/** The registry's own words: status and the distribution specification's error codes. */
function answer(failure: RegistryDenied | ManifestUnknown): readonly string[] {
  return [`status ${failure.status}`, ...failure.codes.map(nameCode)];
}

function nameCode({ code, message }: RegistryErrorCode): string {
  return message === "" ? code : `${code}: ${message}`;
}

function writes({ request }: RegistryFailure): boolean {
  return ["PUT", "POST", "PATCH", "DELETE"].includes(request.method);
}

function of(failure: RegistryFailure): string {
  return failure.repository === undefined ? "" : ` for ${subject(failure)}`;
}

function subject({ registry, repository, reference }: RegistryFailure): string {
  if (repository === undefined) return registry;
  if (reference === undefined) return `${registry}/${repository}`;
  return `${registry}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
}
