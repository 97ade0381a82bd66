import type { SignFailure } from "../../core/sign/sign.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";

/** Why a release is not signed, in words, and what to do. */
export function explainSign(failure: Exclude<SignFailure, { readonly kind: "solve-refused" }>): Explanation {
  switch (failure.kind) {
    case "signing-unready":
      return {
        headline: `the environment variable ${failure.variable} is not set: it is to hold ${WHAT[failure.role]}`,
        facts: ["nothing was built"],
        advice: [`Set it where this runs, or change \`${KEYS[failure.role]}\` under \`sign\` in the plan.`],
      };
    case "sign-failed":
      return {
        headline: `cosign could not sign${inRepository(failure.repository)}; no tag was moved`,
        facts: [],
        log: failure.log,
        advice: signAdvice(failure.log.join("\n")),
      };
    case "signature-unverified":
      return {
        headline: `the signature${inRepository(failure.repository)} does not hold; no tag was moved`,
        facts: ["cosign signed it, and then did not accept what it had signed"],
        log: failure.log,
        advice: verifyAdvice(failure.log.join("\n")),
      };
    case "sign-cancelled":
      return { headline: "interrupted while signing; no tag was moved", facts: [], advice: [] };
    default:
      return unreachable(failure);
  }
}

const WHAT = { key: "the key to sign with", password: "the password of the key" } as const;
const KEYS = { key: "key-env", password: "password-env" } as const;

function inRepository(repository: string | undefined): string {
  return repository === undefined ? "" : ` in ${repository}`;
}

interface Rule {
  readonly says: RegExp;
  readonly advice: string;
}

const SIGN_RULES: readonly Rule[] = [
  {
    says: /decryption failed|decrypt:/i,
    advice: "The password of the key is not right: `sign.password-env` names the variable that holds it.",
  },
  {
    says: /fulcio|oauth2|oidc|id.?token/i,
    advice:
      "Signing without a key needs an identity: in GitHub Actions `permissions: id-token: write`, in GitLab an `id_tokens` entry SIGSTORE_ID_TOKEN with the audience sigstore; elsewhere a person who signs in with a browser.",
  },
  {
    says: /unauthorized|denied|forbidden/i,
    advice: "cosign uses the logins of Docker: `docker login HOST` for the registry, with the right to push.",
  },
  {
    says: /rekor|tuf|sigstore\.dev/i,
    advice:
      "The services of Sigstore could not be reached: check the network, or set `transparency-log: false` to sign with a key and no log.",
  },
];

function signAdvice(text: string): readonly string[] {
  return [
    SIGN_RULES.find(({ says }) => says.test(text))?.advice ??
      "Mend what cosign says above, and run again: what was built is kept in the cache.",
  ];
}

const VERIFY_RULES: readonly Rule[] = [
  {
    says: /none of the expected identities matched|certificate identity|subject/i,
    advice: "`identity` and `issuer` under `sign` must be what the certificate says, letter by letter.",
  },
  {
    says: /invalid signature|no matching signatures|failed to verify signature/i,
    advice: "`public-key` under `sign` must be the one that belongs to the key.",
  },
  ...SIGN_RULES,
];

function verifyAdvice(text: string): readonly string[] {
  return [
    VERIFY_RULES.find(({ says }) => says.test(text))?.advice ??
      "Nobody else could verify it either: mend what cosign says above.",
  ];
}
