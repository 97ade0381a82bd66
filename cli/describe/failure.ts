import type { SolveFailure } from "../../core/buildkit/buildkit.ts";
import type { InstallFailure } from "../../core/buildkit/install.ts";
import type { Failure } from "../../core/failure.ts";
import type { ConfirmFailure } from "../../core/publish/confirm.ts";

/** Every failure that there are words for: those that end a command, and those that end a variant. */
export type DescribedFailure = Failure | SolveFailure | ConfirmFailure | InstallFailure;
