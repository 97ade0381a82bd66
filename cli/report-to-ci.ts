import { maskCommands } from "./render/ci-commands.ts";
import type { Ended, ReportOptions } from "./render/ci-report.ts";
import type { ProgressStyle } from "./render/create.ts";
import type { Failure } from "../core/failure.ts";
import { reportFailures, shownSecrets } from "./report.ts";
import type { Shell } from "./shell.ts";

/**
 * Tells CI how a command has ended: annotations, the summary and outputs of the step where the environment names files for them,
 * and the reports that the command line asks for. Answers the exit code: 0, unless one of the latter cannot be written.
 */
export async function reportToCi(ended: Ended, options: ReportOptions, shell: Shell): Promise<number> {
  const { reportDotenv, reportCodequality } = options;
  if (shell.ci === undefined && reportDotenv === undefined && reportCodequality === undefined) return 0;
  // Imported late: laptops need none of it.
  const { writeReports } = await import("./ci-files.ts");
  return await writeReports(ended, options, shell);
}

/** Ends a command that has released nothing, in words and for CI; see {@link reportFailures}. Answers the exit code. */
export async function reportRefusal(
  failures: readonly Failure[],
  { redact, ...options }: RefusalOptions,
  shell: Shell,
): Promise<number> {
  const secrets = redact === undefined ? {} : { redact };
  const exitCode = await reportFailures(failures, shell, { json: options.json === true, ...secrets });
  const failed = failures.map((failure) => ({ failure }));
  await reportToCi({ ok: false, releases: [], failures: failed, ...secrets }, options, shell);
  return exitCode;
}

interface RefusalOptions extends ReportOptions {
  readonly json?: boolean;
  readonly redact?: (text: string) => string;
}

/**
 * Has CI mask the values of secret variables in all that is printed after this, by whoever prints it. Only where progress is
 * written for CI, and never into a file: that would keep them.
 */
export function maskSecrets(values: readonly string[], style: ProgressStyle, shell: Shell): void {
  const { ci } = shell;
  if (ci === undefined || style !== "auto" || ci.intoFile) return;
  ci.command(maskCommands(ci.run.kind, shownSecrets(values)));
}
