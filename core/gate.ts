import type { Finding } from "./findings/finding.ts";
import type { Digest } from "./oci/digest.ts";
import type { Repository } from "./oci/reference.ts";
import type { PlannedRelease } from "./plan/plan.ts";
import type { ConfirmedImage, PublishedManifest } from "./publish/confirm.ts";
import type { Store, StoreFailure } from "./registry/store.ts";
import type { Result } from "./result.ts";
import type { Route } from "./route/route.ts";
import type { ScanGateFailure } from "./scan/gate.ts";
import type { SignFailure } from "./sign/sign.ts";
import type { SmokeFailure } from "./smoke/smoke.ts";
import type { VerificationFailed } from "./verify/verified.ts";

/** What stops a release although everything was built and pushed. */
export type GateFailure = VerificationFailed | StoreFailure | SmokeFailure | ScanGateFailure | SignFailure;

/** What must hold before tags move. Findings are told as they come; errors among them are the failure. */
export interface Gates {
  /** Looks into a variant that is where it belongs, and runs its test. */
  variant(checked: VariantToCheck): Promise<Result<Checked, GateFailure>>;
  /** Takes a variant that has passed all that before; only where what was found then is not known, it is looked into once more. */
  taken(checked: TakenToCheck): Promise<Result<void, GateFailure>>;
  /** Looks at a release all of whose variants have passed: across its platforms, its attestations, its vulnerabilities. */
  release(checked: ReleaseToCheck): Promise<Result<void, GateFailure>>;
  /** Signs releases that are stored under their digests, before any tag names them. */
  sign(signed: readonly ReleaseToSign[], signal: AbortSignal): Promise<Result<void, GateFailure>>;
}

/** A variant that has passed. `checked`: what was found in it, for whoever takes it over; absent where that is too much to keep. */
export interface Checked {
  readonly checked?: string;
}

/** A variant that an earlier run, or another machine, has finished. */
export interface TakenToCheck extends Omit<VariantToCheck, "onLine" | "onNode">, Checked {}

/** A variant that was pushed and read back. */
export interface VariantToCheck {
  readonly route: Route;
  readonly image: ConfirmedImage;
  /** Where it is read from. */
  readonly store: Store;
  readonly onFinding: (finding: Finding) => void;
  /** A line that its test printed. */
  readonly onLine: (line: string) => void;
  /** Waits for room on the node that built it, and holds it while the task runs. */
  readonly onNode: <T>(task: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

/** A release whose index is made and not yet stored. */
export interface ReleaseToCheck {
  readonly release: PlannedRelease;
  readonly manifests: readonly PublishedManifest[];
  readonly store: Store;
  readonly onFinding: (finding: Finding) => void;
  readonly signal: AbortSignal;
}

/** A release whose index is stored by digest. */
export interface ReleaseToSign {
  readonly release: PlannedRelease;
  readonly repositories: readonly Repository[];
  readonly index: Digest;
  readonly images: readonly Digest[];
  /** A line that the signing tool tells people: without a key, where somebody must sign in. */
  readonly onLine: (line: string) => void;
}
