import type { Finding } from "../findings/finding.ts";
import type { Repository } from "../oci/reference.ts";
import type { History } from "../plan/git.ts";
import type { Plan } from "../plan/plan.ts";
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
  /** How many base images were looked up, and what is wrong with those that could not be read. */
  readonly bases: { readonly looked: number; readonly findings: readonly RegistryWord[] };
}

/** What one repository answered. */
export interface AskedRepository {
  readonly repository: Repository;
  /** Absent where it takes a push. */
  readonly finding?: RegistryWord;
  /** Present where it is for want of a login or a permission; `credential` says where the login that was tried came from. */
  readonly denied?: { readonly credential?: string };
}

/** What preflight says of a registry's answer. */
export type RegistryWord = Pick<Finding, "severity" | "message" | "fix" | "location">;
