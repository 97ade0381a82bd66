import type { Repository } from "../oci/reference.ts";
import type { History } from "../plan/git.ts";
import type { Plan } from "../plan/plan.ts";
import type { Location } from "../plan/source.ts";
import type { CiRun, Environment } from "./run.ts";

/** What is known of the place where a plan is to be carried out. */
export interface PipelineFacts {
  /** Absent outside of CI. */
  readonly run?: CiRun;
  readonly env: Environment;
  readonly plan: Plan;
  /** Every repository that was asked whether it takes a push. */
  readonly push: readonly AskedRepository[];
  readonly history: History;
}

/** What one repository answered. */
export interface AskedRepository {
  readonly repository: Repository;
  /** Absent where it takes a push. */
  readonly finding?: {
    readonly severity: "error" | "warning" | "note";
    readonly message: string;
    readonly fix?: string;
    readonly location?: Location;
  };
  /** Present where it is for want of a login or a permission; `credential` says where the login that was tried came from. */
  readonly denied?: { readonly credential?: string };
}
