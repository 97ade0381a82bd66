import type { CiRun } from "../../core/ci/run.ts";
import type { Problem, Trouble } from "./problems.ts";
import type { ReleaseView } from "./release-table.ts";

/** Files that the command line asks for, relative to where the command was called. */
export interface ReportOptions {
  readonly reportDotenv?: string;
  readonly reportCodequality?: string;
}

/** How a command that releases something has ended. */
export interface Ended extends Trouble {
  readonly ok: boolean;
  readonly releases: readonly ReportedRelease[];
  readonly interrupted?: boolean;
  /** It failed before any tag was moved; absent where that is not so, or not known. */
  readonly untagged?: true;
  /** Replaces secret values; absent where none is known. */
  readonly redact?: (text: string) => string;
}

/** The same, as summaries, outputs and reports are made of it: safe to show, without secrets. */
export interface CiReport {
  readonly ok: boolean;
  readonly untagged?: true;
  readonly releases: readonly ReportedRelease[];
  /** What stopped it, with the last lines that were printed. */
  readonly failures: readonly ReportedFailure[];
  /** Findings and warnings of the plan. */
  readonly findings: readonly Problem[];
  /** Absent outside of CI. */
  readonly run?: CiRun;
}

/** A release; the time, node and cache of its variants are known where they were built. */
export interface ReportedRelease extends Pick<ReleaseView, "name" | "index" | "tags"> {
  readonly variants: readonly ReportedVariant[];
}

export type ReportedVariant = Pick<ReleaseView["variants"][number], "platform" | "state"> &
  Partial<ReleaseView["variants"][number]>;

/** A failure in words. */
export interface ReportedFailure {
  /** One line. */
  readonly headline: string;
  /** The rest of what there is to say: facts, log, advice, a line each. */
  readonly lines: readonly string[];
}
