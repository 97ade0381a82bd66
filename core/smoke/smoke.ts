import type { BuildKit, SolveFailure } from "../buildkit/buildkit.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import type { RegistrySettings, SmokeTest } from "../plan/plan.ts";
import type { TransferFailure } from "../publish/transfer-failure.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";
import type { Route } from "../route/route.ts";

/** One variant that was published, and the command that is to succeed in it. */
export interface SmokeRun {
  /** Where it was built: the test runs on that node, and needs a slot of it. */
  readonly route: Route;
  readonly test: SmokeTest;
  /** The image manifest as it was confirmed, and the store that it was read back from. */
  readonly source: SmokeSource;
  readonly buildkit: BuildKit;
  readonly registries: readonly RegistrySettings[];
  /** Hears what the command prints, line by line. */
  readonly onLine?: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface SmokeSource {
  /** Where BuildKit can fetch it; undefined for a layout. */
  readonly repository?: Repository;
  readonly digest: Digest;
  readonly store: Store;
}

/** The command did what the plan expects of it. Under emulation that proves nothing about the architecture of its programs. */
export interface SmokePassed {
  readonly variant: string;
  /** As people would type it. */
  readonly command: string;
  readonly execution: Route["execution"];
}

/** The command did not do what the plan expects of it: the release is stopped. */
export interface TestFailed {
  readonly kind: "test-failed";
  readonly variant: string;
  /** As people would type it. */
  readonly command: string;
  readonly node: string;
  readonly execution: Route["execution"];
  /** `exit-code`: it ended with another code, or could not be started; `output`: the text was not printed; `timeout`: it took longer. */
  readonly reason: "exit-code" | "output" | "timeout";
  /** Absent where it did not end, or could not be started. */
  readonly exitCode?: number;
  /** What the plan expects. */
  readonly expected: {
    readonly exitCode: number;
    readonly output?: string;
    readonly timeoutMs: number;
  };
  /** BuildKit's own words, where they say more than an exit code: why the program could not be started. */
  readonly detail?: string;
  /** The last lines that it printed. */
  readonly log: readonly string[];
}

/** The test failed, or could not be run: BuildKit, or bringing the image to it, failed. */
export type SmokeFailure = TestFailed | SolveFailure | TransferFailure | StoreFailure;

/**
 * Runs a command in a published variant on the node that built it, through BuildKit alone, natively or emulated. The caller
 * holds a slot of the node.
 */
export async function runSmokeTest(run: SmokeRun): Promise<Result<SmokePassed, SmokeFailure>> {
  throw new Error(`Internal error: ${run.route.variant.id} cannot be tested yet`);
}
