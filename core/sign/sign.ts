import type { ToolFailure } from "../buildkit/buildkit.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import type { RegistrySettings, SignSettings } from "../plan/plan.ts";
import type { Result } from "../result.ts";

/** The environment of this program, of which cosign gets what it needs. */
export type SigningEnvironment = Readonly<Record<string, string | undefined>>;

/** An index or image in the repository that it is released in. */
export interface SignSubject {
  readonly repository: Repository;
  readonly digest: Digest;
}

/** What there is to sign with. */
export interface SigningTool {
  /** Path of cosign. */
  readonly path: string;
  readonly major: number;
}

/** Signing did not come to an end: no tag has moved. */
export interface SignFailed {
  readonly kind: "sign-failed";
  /** `registry/path@digest` */
  readonly subject: string;
  /** The last lines that cosign printed. */
  readonly log: readonly string[];
}

/** A signature is there and does not hold, or not for whom the plan names: no tag has moved. */
export interface SignatureUnverified {
  readonly kind: "signature-unverified";
  readonly subject: string;
  readonly log: readonly string[];
}

/** The run was interrupted while it signed. */
export interface SignCancelled {
  readonly kind: "sign-cancelled";
}

export type SignFailure = SignFailed | SignatureUnverified | SignCancelled;

/** What is signed, with what, and what cosign may know of the world. */
export interface Signing {
  readonly settings: SignSettings;
  /** The index and its images in each repository; attestations are left to the index, which names them by digest. */
  readonly subjects: readonly SignSubject[];
  readonly tool: SigningTool;
  readonly registries: readonly RegistrySettings[];
  readonly env: SigningEnvironment;
  readonly signal: AbortSignal;
}

/** Is there a cosign, and is what the plan wants it to read from the environment there? To be asked before anything is built. */
export async function checkSigning(
  settings: SignSettings,
  env: SigningEnvironment,
  signal: AbortSignal,
): Promise<Result<SigningTool, ToolFailure | SignFailure>> {
  throw new Error(`Internal error: ${settings.key.kind} ${Object.keys(env).length} ${signal.aborted}`);
}

/** Signs all subjects by digest, and verifies each signature as its users will. Called before the tags move. */
export async function signRelease(signing: Signing): Promise<Result<void, SignFailure>> {
  throw new Error(`Internal error: ${signing.subjects.length} subjects cannot be signed yet`);
}
