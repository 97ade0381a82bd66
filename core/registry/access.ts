import { factsOf } from "./failures.ts";
import type { Call, Called, Requester } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Patience, Timing } from "./retry.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import { fail, type Result } from "../result.ts";

/** One repository, and what it takes to speak to it. */
export interface Access {
  readonly requester: Requester;
  readonly repository: Repository;
  /** Ask for tokens that may also push, so that one serves a whole publish. */
  readonly writes: boolean;
  readonly timing: Timing;
  readonly patience: Patience;
}

/** Cap of answers that are not content: they are only looked at for what they say of themselves. */
export const MAX_OTHER_BYTES = 64 * 1024;

/** The parts of a call that its target decides. */
export function target(
  { path }: Repository,
  kind: "manifests" | "blobs",
  reference: string,
): { readonly path: string; readonly repository: string; readonly reference: string } {
  return { path: `/v2/${path}/${kind}/${reference}`, repository: path, reference };
}

/** The token scope for a repository; `source` is one that is only read from, for a mount. */
export function scopeOf({ path }: Repository, writes: boolean, source?: string): string {
  const own = `repository:${path}:${writes ? "pull,push" : "pull"}`;
  return source === undefined || source === path ? own : `${own} repository:${source}:pull`;
}

/** An answer that cannot be used. */
export function invalid(called: Called, detail: string): Result<never, RegistryFailure> {
  return fail({ kind: "registry-answer-invalid", ...factsOf(called.facts), detail });
}

/** Content that is not what its digest says. */
export function mismatch(
  called: Called,
  wrong: { readonly expected: Digest; readonly actual: Digest; readonly bytes: number },
): Result<never, RegistryFailure> {
  return fail({ kind: "digest-mismatch", ...factsOf(called.facts), ...wrong });
}

/** A call that is not even sent. */
export function refused({ requester }: Access, call: Call, detail: string): Result<never, RegistryFailure> {
  return fail({ kind: "registry-answer-invalid", ...factsOf(requester.facts(call)), detail });
}

/** The status of the answer that a failure is about, if there was one. */
export function statusOf(failure: RegistryFailure): number | undefined {
  return "status" in failure ? failure.status : undefined;
}

/** Did the registry say this code? */
export function hasCode(failure: RegistryFailure, ...wanted: readonly string[]): boolean {
  return "codes" in failure && failure.codes.some(({ code }) => wanted.includes(code));
}
