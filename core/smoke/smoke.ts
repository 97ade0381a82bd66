import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildKit, SolveFailure } from "../buildkit/buildkit.ts";
import { privateFolder } from "../buildkit/private-folder.ts";
import { isStep } from "../buildkit/status.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import type { Build } from "../plan/build.ts";
import type { RegistrySettings, SmokeTest } from "../plan/plan.ts";
import type { TransferFailure } from "../publish/transfer-failure.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Route } from "../route/route.ts";
import { formatCommand, smokeDockerfile, TESTED } from "./dockerfile.ts";
import { offerImage } from "./image.ts";
import { Output } from "./output.ts";

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
 * holds a slot of the node. What `RUN` gives a command is what it gets: user, folder and environment of the image, the build's
 * network, and not the entrypoint.
 */
export async function runSmokeTest(run: SmokeRun): Promise<Result<SmokePassed, SmokeFailure>> {
  const folder = await privateFolder();
  if (!folder.ok) return folder;
  try {
    return await runIn(folder.value.path, run);
  } finally {
    await folder.value.remove();
  }
}

async function runIn(folder: string, run: SmokeRun): Promise<Result<SmokePassed, SmokeFailure>> {
  const { route, test, source, registries, signal } = run;
  const image = await offerImage({ ...source, variant: route.variant, registries, signal }, folder);
  if (!image.ok) return image;
  const context = join(folder, "context");
  const dockerfile = join(context, "Dockerfile");
  await mkdir(context);
  await writeFile(dockerfile, smokeDockerfile(test.command));
  const output = new Output(test.output);
  const solved = await run.buildkit.solve(
    {
      node: route.node,
      platform: route.variant.platform,
      build: {
        ...NOTHING,
        context: { kind: "local", path: context },
        dockerfile,
        contexts: { [TESTED]: image.value },
      },
      image: { kind: "none" },
      registries,
      timeoutMs: test.timeoutMs,
    },
    ({ logs }) => {
      for (const { line } of logs) {
        output.line(line);
        run.onLine?.(line);
      }
    },
    signal,
  );
  return solved.ok ? judge(run, output, { exitCode: 0 }) : judgeFailure(run, output, solved.error);
}

/** A build that makes nothing, and takes nothing from the cache: the command runs each time. */
const NOTHING: Omit<Build, "context" | "dockerfile" | "contexts"> = {
  args: {},
  labels: {},
  annotations: { manifest: {}, manifestDescriptor: {} },
  secrets: [],
  ssh: [],
  cacheFrom: [],
  cacheTo: [],
  attest: {},
  noCache: true,
  pull: false,
  repositories: [],
  push: "client",
  image: {},
  outputs: [],
};

/** How the command ended. Without an exit code it was never started, or did not end by itself. */
interface End {
  readonly exitCode?: number;
  readonly detail?: string;
}

function judgeFailure(
  run: SmokeRun,
  output: Output,
  failure: SolveFailure,
): Result<SmokePassed, SmokeFailure> {
  if (failure.kind === "solve-timed-out") {
    const detail = isCommand(failure.step) ? undefined : "it was still being prepared, and had not begun";
    return fail(failed(run, output, { reason: "timeout", ...(detail === undefined ? {} : { detail }) }));
  }
  if (failure.kind === "solve-refused") return fail(notRun(failure.message));
  if (failure.kind !== "step-failed") return fail(failure);
  if (!isCommand(failure.step)) return fail(notRun(`${failure.step}: ${failure.message}`));
  const why = output.last().findLast(isStartFailure);
  if (why !== undefined) return judge(run, output, { detail: why });
  const { exitCode, message } = failure;
  return judge(run, output, exitCode === undefined ? { detail: message } : { exitCode });
}

/** Without the place in our own Dockerfile, which would lead nobody anywhere. */
function notRun(why: string): SolveFailure {
  return { kind: "solve-refused", message: `its test could not be run: ${why}` };
}

function isCommand(step: string | undefined): boolean {
  return step !== undefined && isStep({ name: step }) && step.includes("] RUN ");
}

/**
 * What a program that cannot be started leaves in the log, with an exit code that it could have had itself: by runc, by crun, by
 * the kernel, and by BuildKit's emulators.
 */
function isStartFailure(line: string): boolean {
  return /^(?:runc run failed: |.*executable file `.*` not found|exec \S+: exec format error|\.buildkit_qemu_emulator: )/.test(
    line,
  );
}

function judge(run: SmokeRun, output: Output, end: End): Result<SmokePassed, TestFailed> {
  const { route, test } = run;
  if (end.exitCode !== test.exitCode) return fail(failed(run, output, { reason: "exit-code", ...end }));
  if (!output.isFound()) {
    const detail = output.isCut() ? "BuildKit has left out a part of what it printed" : undefined;
    return fail(
      failed(run, output, { reason: "output", ...end, ...(detail === undefined ? {} : { detail }) }),
    );
  }
  const command = formatCommand(test.command);
  return ok({ variant: route.variant.id, command, execution: route.execution });
}

function failed(
  { route, test }: SmokeRun,
  output: Output,
  how: Pick<TestFailed, "reason" | "exitCode" | "detail">,
): TestFailed {
  const { exitCode, timeoutMs } = test;
  return {
    kind: "test-failed",
    variant: route.variant.id,
    command: formatCommand(test.command),
    node: route.node.name,
    execution: route.execution,
    ...how,
    expected: { exitCode, timeoutMs, ...(test.output === undefined ? {} : { output: test.output }) },
    log: output.last(),
  };
}
