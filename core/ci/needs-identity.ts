import type { Finding } from "../host/finding.ts";
import type { PipelineFacts } from "./pipeline-facts.ts";
import { isSet, type CiKind, type Environment } from "./run.ts";

/**
 * Whether there is an identity for `sign: keyless`, where any image is signed so. A CI gives it to those jobs only that ask for it.
 * @see https://docs.sigstore.dev/cosign/signing/overview/
 */
export function identityFindings({ run, env, plan }: PipelineFacts): readonly Finding[] {
  const signed = plan.releases.find(({ sign }) => sign?.key.kind === "keyless");
  if (signed?.sign === undefined) return [];
  const check = "identity";
  const source = sourceOf(env, run?.kind);
  if (source !== undefined) return [{ check, state: "ok", detail: `for signing, from ${source}` }];
  if (run === undefined)
    return [{ check, state: "ok", detail: "for signing: cosign will ask a person to log in with a browser" }];
  return [
    {
      check,
      state: "problem",
      detail: `nothing tells who signs ${signed.name}: \`sign: keyless\` needs an identity token, and this job has none`,
      location: signed.sign.location,
      ...MENDS[run.kind](plan.releases.some(isOnGhcr)),
    },
  ];
}

/** Where cosign finds a token by itself. */
function sourceOf(env: Environment, kind: CiKind | undefined): string | undefined {
  if (isSet(env["SIGSTORE_ID_TOKEN"])) return "SIGSTORE_ID_TOKEN";
  if (isSet(env["ACTIONS_ID_TOKEN_REQUEST_URL"]) && isSet(env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]))
    return "ACTIONS_ID_TOKEN_REQUEST_URL";
  return kind === "buildkite" && isSet(env["BUILDKITE_AGENT_ACCESS_TOKEN"]) ? "Buildkite's agent" : undefined;
}

function isOnGhcr({
  repositories,
}: {
  readonly repositories: readonly { readonly registry: string }[];
}): boolean {
  return repositories.some(({ registry }) => registry === "ghcr.io");
}

type Mend = Pick<Finding, "mend" | "notes">;

const BY_KEY: Mend = {
  mend: "sign: { key-env: COSIGN_KEY, password-env: COSIGN_KEY_PASSWORD }   # of the plan",
  notes: [
    "cosign finds no identity of this CI by itself: sign with a key, or set SIGSTORE_ID_TOKEN to a token with the audience sigstore, of an issuer that Sigstore knows.",
  ],
};

const MENDS: Readonly<Record<CiKind, (isOnGhcr: boolean) => Mend>> = {
  github: (isOnRegistry) => ({
    mend: `permissions: { contents: read, ${isOnRegistry ? "packages: write, " : ""}id-token: write }   # of the job`,
  }),
  gitlab: () => ({ mend: "id_tokens:   # of the job\n  SIGSTORE_ID_TOKEN: { aud: sigstore }" }),
  buildkite: () => ({
    mend: "env BUILDKITE_AGENT_ACCESS_TOKEN, which the agent gives each command: pass it on to where buildx-plan runs",
  }),
  forgejo: () => BY_KEY,
  azure: () => BY_KEY,
  circleci: () => BY_KEY,
  jenkins: () => BY_KEY,
};
