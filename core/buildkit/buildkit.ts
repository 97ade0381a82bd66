import type { Platform } from "../../platforms/platform.ts";
import type { Build } from "../plan/build.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import type { Repository } from "../oci/reference.ts";
import type { Result } from "../result.ts";
import type { Digest } from "../oci/digest.ts";
import type { SolveStatus } from "./status.ts";

/** One BuildKit daemon that variants can be built on. */
export interface Node {
  /** `managed`, `arm`, or `<builder>/<node>` where a buildx builder has several; unique in a run. */
  readonly name: string;
  /** Name of the builder in the plan, or of the one that was chosen without it. */
  readonly builder: string;
  /** Platforms that run there on the CPU itself. */
  readonly native: readonly Platform[];
  /** All platforms that it takes, native ones first. */
  readonly platforms: readonly Platform[];
  /** Solves at the same time. */
  readonly maxParallelism: number;
  /** As the worker reports it, `v0.33.1` for instance; undefined where it is too old to say. */
  readonly buildkitVersion?: string;
  /** Is this the kernel that we run on ourselves, so that our own view of binfmt_misc tells which QEMU emulates? */
  readonly local: boolean;
  /** It belongs to a Docker Engine or containerd, whose own images builds may start from though no registry has them. */
  readonly keepsImages?: true;
}

/** The daemons of a run, and what they are asked to do. */
export interface BuildKit {
  readonly nodes: readonly Node[];
  /** Builds one variant on one node and pushes it by digest. Status comes as it happens; cancelling ends it within seconds. */
  solve(
    request: SolveRequest,
    onStatus: (status: SolveStatus) => void,
    signal: AbortSignal,
  ): Promise<Result<BuildResult, SolveFailure>>;
  /** What BuildKit's own checks of the Dockerfile say; nothing is built, but base images are looked up. */
  lint(request: LintRequest, signal: AbortSignal): Promise<Result<readonly LintWarning[], SolveFailure>>;
  /** Does the daemon answer? Asked where a solve on it has gone silent, or ended as if the daemon had. */
  isAlive(node: Node, signal: AbortSignal): Promise<boolean>;
  /** Ends bridges and children; leaves a managed daemon running for the next run. */
  close(): Promise<void>;
}

export interface SolveRequest {
  readonly node: Node;
  readonly platform: Platform;
  readonly build: Build;
  readonly image: ImageResult;
  /** What the plan says of registries, as far as a build can be told. */
  readonly registries?: readonly RegistrySettings[];
  readonly timeoutMs?: number;
  /** The longest time without any sign of life: no progress, no output. */
  readonly stallMs?: number;
  /** Are its steps run by an emulator? Then crashes are told from failures; absent: nobody asks. See emulator-crash.ts. */
  readonly isEmulated?: boolean;
}

/** What is checked, as it would be built. */
export type LintRequest = Omit<SolveRequest, "image">;

/** One warning of BuildKit's own checks (https://docs.docker.com/reference/build-checks/). */
export interface LintWarning {
  /** `StageNameCasing` */
  readonly rule: string;
  readonly message: string;
  readonly url?: string;
  /** Lines of the Dockerfile, 1-based and both included. BuildKit names no columns. */
  readonly lines?: { readonly first: number; readonly last: number };
}

/** What becomes of the image that a solve makes, besides the plan's own outputs. */
export type ImageResult =
  /** BuildKit pushes it by digest into these repositories. */
  | { readonly kind: "push"; readonly repositories: readonly Repository[] }
  /** It is handed over as an OCI layout: {@link BuildResult.file}, a folder. */
  | { readonly kind: "layout" }
  /** It is handed over as an archive that `docker load` takes, under these names: {@link BuildResult.file}. */
  | { readonly kind: "docker"; readonly names: readonly string[] }
  | { readonly kind: "none" };

/** What a solve reported. `digest` is undefined where no image was asked for. It may name an index: image and attestations. */
export interface BuildResult {
  readonly digest?: Digest;
  /** What the export named on its way: good for asking early, never to be trusted. */
  readonly exported?: ExportedDigests;
  readonly size?: number;
  readonly mediaType?: string;
  /** What was handed over; whoever gets it removes it. */
  readonly file?: HandedOver;
}

/** A file or folder of the image, in a private place of this run. */
export interface HandedOver {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** The image below what was pushed, as BuildKit announced it. */
export interface ExportedDigests {
  readonly manifest?: Digest;
  readonly config?: Digest;
}

/** A step of the Dockerfile failed. */
export interface StepFailed {
  readonly kind: "step-failed";
  /** The step as BuildKit names it, `[2/4] RUN make`. */
  readonly step: string;
  readonly message: string;
  readonly exitCode?: number;
  /** The last lines that the step printed. */
  readonly log: readonly string[];
  /** Line (1-based) in the Dockerfile. */
  readonly dockerfile?: { readonly path: string; readonly line: number };
}
/** The build ended with an error that belongs to no step: frontend, export, push. */
export interface SolveRefused {
  readonly kind: "solve-refused";
  readonly message: string;
  readonly dockerfile?: { readonly path: string; readonly line: number };
}
/** BuildKit built it, but could not push it. `registry` is the host that it was pushed to. */
export interface PushFailed {
  readonly kind: "push-failed";
  readonly registry: string;
  readonly message: string;
}
/** The daemon went away, or the client could not reach it. */
export interface NodeLost {
  readonly kind: "node-lost";
  readonly node: string;
  readonly detail: string;
}
/** The client ended well but did not say what it pushed. */
export interface ResultMissing {
  readonly kind: "result-missing";
  readonly detail: string;
}
/** It took longer than the plan's `timeout` for this platform; `step` was running then. */
export interface SolveTimedOut {
  readonly kind: "solve-timed-out";
  readonly timeoutMs: number;
  readonly step?: string;
}
/** Nothing was heard of it for as long as the plan allows; `step` was running then. */
export interface SolveStalled {
  readonly kind: "solve-stalled";
  readonly stallMs: number;
  readonly step?: string;
  /** The last lines that the step printed. */
  readonly log: readonly string[];
}
/** The emulator crashed, or could not run a program at all; the failure that came of it is `step`'s. */
export interface EmulatorCrashed {
  readonly kind: "emulator-crashed";
  readonly crash: EmulatorCrash;
  readonly step: string;
  readonly exitCode?: number;
  /** The last lines that the step printed. */
  readonly log: readonly string[];
  /** Line (1-based) in the Dockerfile. */
  readonly dockerfile?: { readonly path: string; readonly line: number };
}
/**
 * How an emulator fails, as it shows in a step's output or exit code: `signal`: QEMU's `uncaught target signal N` (or exit 128+N);
 * `illegal-instruction`: signal 4; `exec-format`: no emulator took the program; `text-busy`: BuildKit's own emulator was still being
 * written. `isSilent`: the step went on without a word after its crash, and was cancelled.
 */
export interface EmulatorCrash {
  readonly signature: "signal" | "illegal-instruction" | "exec-format" | "text-busy";
  readonly signal?: number;
  /** The line that told it, where one did. */
  readonly line?: string;
  readonly isSilent?: true;
}
/** The run was interrupted. */
export interface SolveCancelled {
  readonly kind: "solve-cancelled";
}
export type SolveFailure =
  | StepFailed
  | SolveRefused
  | PushFailed
  | NodeLost
  | ResultMissing
  | SolveTimedOut
  | SolveStalled
  | EmulatorCrashed
  | SolveCancelled;

/** What is needed to build is not there, or the run was interrupted before it was found. */
export type ToolFailure =
  | { readonly kind: "connect-cancelled" }
  | {
      readonly kind: "tool-missing";
      readonly tool: string;
      readonly neededFor: string;
      readonly install: string;
    }
  | {
      readonly kind: "builder-unreachable";
      readonly builder: string;
      readonly address: string;
      readonly detail: string;
    }
  | { readonly kind: "builder-not-found"; readonly builder: string; readonly known: readonly string[] }
  | {
      readonly kind: "builder-unsuitable";
      readonly builder: string;
      readonly detail: string;
      readonly waysOut: readonly string[];
    }
  | {
      readonly kind: "managed-not-started";
      readonly detail: string;
      readonly log: readonly string[];
      readonly mend: string;
    };
