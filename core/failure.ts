import type { CopyFailure } from "./images/copy.ts";
import type { GcFailure } from "./images/gc.ts";
import type { LayoutReferenceInvalid } from "./oci/layout-reference.ts";
import type { StitchFailure } from "./images/stitch.ts";
import type { SolveFailure, ToolFailure } from "./buildkit/buildkit.ts";
import type { InstallFailure } from "./buildkit/install.ts";
import type { InspectFailure } from "./images/inspected-image.ts";
import type { ReferenceInvalid } from "./oci/reference.ts";
import type { LayoutFailure } from "./oci/layout-failure.ts";
import type { InitFailure } from "./init/init-failure.ts";
import type { PlanFailure } from "./plan/plan.ts";
import type { DeliveryFailure } from "./deliver.ts";
import type { ReleaseFailure } from "./publish/release-failure.ts";
import type { RecordUnusable } from "./publish/record-file.ts";
import type { RollbackIncomplete } from "./publish/rollback.ts";
import type { RegistryFailure } from "./registry/registry-failure.ts";
import type { PreflightFailed } from "./preflight/preflight-failed.ts";
import type { VerificationFailed } from "./verify/verified.ts";
import type { ScanGateFailure } from "./scan/gate.ts";
import type { SignFailure } from "./sign/sign.ts";
import type { SmokeFailure } from "./smoke/smoke.ts";
import type { RouteRefused } from "./route/route.ts";
import type { StagingContended } from "./staging/hold.ts";
import type { VariantNotStaged } from "./taking-over/take-over.ts";

/** Every expected failure of every stage: what cli/describe.ts must have words for. */
export type Failure =
  | PlanFailure
  | InitFailure
  | RouteRefused
  | ToolFailure
  | InstallFailure
  | SolveFailure
  | DeliveryFailure
  | ReleaseFailure
  | RecordUnusable
  | RollbackIncomplete
  | RegistryFailure
  | LayoutFailure
  | InspectFailure
  | ReferenceInvalid
  | LayoutReferenceInvalid
  | CopyFailure
  | StitchFailure
  | GcFailure
  | SmokeFailure
  | SignFailure
  | ScanGateFailure
  | VerificationFailed
  | PreflightFailed
  | VariantNotStaged
  | StagingContended;
