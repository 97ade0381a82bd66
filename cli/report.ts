import { describe, describeWarnings } from "./describe.ts";
import { exitCodeOf } from "./describe/exit-code.ts";
import type { Failure } from "../core/failure.ts";
import { diagnosticJson, failureJson } from "./describe/json.ts";
import type { RouteRefused } from "../core/route/route.ts";
import type { Diagnostic } from "../core/plan/source.ts";
import type { Shell, Terminal } from "./shell.ts";

/** Version of every `--json` answer; grows with each change that a reader could stumble over. */
export const SCHEMA_VERSION = 1;

/** How wide text for people may be: a terminal's width, and no bound for a file. */
export function widthOf(terminal: Terminal): number {
  return terminal.isTerminal ? terminal.columns() : Number.POSITIVE_INFINITY;
}

/**
 * Ends a command that could not do its work: words on stderr, with `json` the facts on stdout too. Answers the exit code.
 */
export function reportFailures(
  failures: readonly Failure[],
  shell: Shell,
  options: { readonly json: boolean; readonly redact?: (text: string) => string },
): number {
  const { stderr } = shell;
  const text = failures
    .map((failure) =>
      describe(failure, {
        width: widthOf(stderr),
        colour: stderr.colour,
        ...(options.redact === undefined ? {} : { redact: options.redact }),
      }),
    )
    .join("\n\n");
  stderr.write(`${text}\n`);
  if (options.json) printJson(shell, { ok: false, failures: failures.map(failureJson) }, options.redact);
  return exitCodeOf(failures);
}

/** Prints an answer for machines; every text in it passes through `redact`. */
export function printJson(
  shell: Shell,
  answer: Readonly<Record<string, unknown>>,
  redact: (text: string) => string = (text) => text,
): void {
  const safe = (_: string, value: unknown): unknown => (typeof value === "string" ? redact(value) : value);
  shell.stdout.write(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...answer }, safe, 2)}\n`);
}

/** Shows what is allowed in the plan but deserves a look. */
export function reportWarnings(warnings: readonly Diagnostic[], shell: Shell): void {
  if (warnings.length === 0) return;
  const { stderr } = shell;
  stderr.write(`${describeWarnings(warnings, { width: widthOf(stderr), colour: stderr.colour })}\n`);
}

/** Warnings as `--json` gives them. */
export function warningsJson(warnings: readonly Diagnostic[]): readonly unknown[] {
  return warnings.map(diagnosticJson);
}

/** Replaces every secret value of a plan in text that is about to be shown; the longest first, so that none shines through. */
export function redactor(secretValues: readonly string[]): (text: string) => string {
  const values = secretValues
    .flatMap((value) => [value, ...value.split("\n")])
    .filter((value) => value.trim().length > 3)
    .toSorted((a, b) => b.length - a.length);
  return (text) => values.reduce((shown, value) => shown.replaceAll(value, "***"), text);
}

/** Says which optional variants no node may build: the release goes on without them, but never silently. */
export function reportLeftOut(refused: readonly RouteRefused[], shell: Shell): void {
  const { stderr } = shell;
  for (const refusal of refused) {
    const text = describe(refusal, { width: widthOf(stderr), colour: stderr.colour });
    stderr.write(`${text}\n  left out: the plan says \`required: false\`\n`);
  }
}
