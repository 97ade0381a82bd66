import type { LostNode } from "../core/buildkit/lost.ts";
import type { Failure } from "../core/failure.ts";
import type { Finding } from "../core/findings/finding.ts";
import type { Diagnostic } from "../core/plan/source.ts";
import type { Registry } from "../core/registry/registry.ts";
import type { RouteRefused } from "../core/route/route.ts";
import { harmlessJson } from "./render/ci-commands.ts";
import type { Trouble } from "./render/problems.ts";
import type { Shell, Terminal } from "./shell.ts";
import { palette } from "./text/colour.ts";
import { visible } from "./text/safe.ts";

/*
 * The words for failures are many and seldom needed: they are imported when there is something to tell, so that commands
 * start faster.
 */

/** Version of every `--json` answer; grows with each change that a reader could stumble over. */
export const SCHEMA_VERSION = 1;

/** How wide text for people may be: a terminal's width, and no bound for a file. */
export function widthOf(terminal: Terminal): number {
  return terminal.isTerminal ? terminal.columns() : Number.POSITIVE_INFINITY;
}

/**
 * Ends a command that could not do its work: words on stderr, with `json` the facts on stdout too. Answers the exit code.
 */
export async function reportFailures(
  failures: readonly Failure[],
  shell: Shell,
  options: { readonly json: boolean; readonly redact?: (text: string) => string },
): Promise<number> {
  const { describe } = await import("./describe.ts");
  const { exitCodeOf } = await import("./describe/exit-code.ts");
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
  await annotateFor({ failures: failures.map((failure) => ({ failure })) }, shell, options.redact);
  if (options.json) {
    const { failureJson } = await import("./describe/json.ts");
    printJson(shell, { ok: false, failures: failures.map(failureJson) }, options.redact);
  }
  return exitCodeOf(failures);
}

/** Prints an answer for machines; every text in it passes through `redact`. */
export function printJson(
  shell: Shell,
  answer: Readonly<Record<string, unknown>>,
  redact: (text: string) => string = (text) => text,
): void {
  const safe = (_: string, value: unknown): unknown => (typeof value === "string" ? redact(value) : value);
  const json = JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...answer }, safe, 2);
  shell.stdout.write(`${harmlessJson(json)}\n`);
}

/** Shows what is allowed in the plan but deserves a look. */
export async function reportWarnings(warnings: readonly Diagnostic[], shell: Shell): Promise<void> {
  if (warnings.length === 0) return;
  const { describeWarnings } = await import("./describe.ts");
  const { stderr } = shell;
  stderr.write(`${describeWarnings(warnings, { width: widthOf(stderr), colour: stderr.colour })}\n`);
  await annotateFor({ diagnostics: warnings }, shell);
}

/** Shows trouble beside the code, in a CI that can. */
export async function annotateFor(
  trouble: Trouble,
  shell: Shell,
  redact: (text: string) => string = (text) => text,
): Promise<void> {
  if (shell.ci === undefined) return;
  const { annotate } = await import("./annotate.ts");
  annotate(trouble, shell, redact);
}

/** Shows what checks found before or beside a build; notes are for `check`. */
export async function reportFindings(
  findings: readonly Finding[],
  shell: Shell,
  redact: (text: string) => string,
): Promise<void> {
  const { stderr } = shell;
  const shown = findings.filter(({ severity }) => severity !== "note");
  if (shown.length === 0) return;
  const { describeFindings } = await import("./describe/findings.ts");
  const text = describeFindings(shown, { width: widthOf(stderr), colour: stderr.colour });
  stderr.write(`${redact(text)}\n`);
  await annotateFor({ findings: shown }, shell, redact);
}

/** Replaces every secret value of a plan in text that is about to be shown; the longest first, so that none shines through. */
export function redactor(secretValues: readonly string[]): (text: string) => string {
  const values = shownSecrets(secretValues);
  return (text) => values.reduce((shown, value) => shown.replaceAll(value, "***"), text);
}

/** What is looked for of secret values: each line of them, too, and nothing that is too short to be one. The longest first. */
export function shownSecrets(secretValues: readonly string[]): readonly string[] {
  return [...new Set(secretValues.flatMap((value) => [value, ...value.split("\n")]))]
    .filter((value) => value.trim().length > 3)
    .toSorted((a, b) => b.length - a.length);
}

/** Says which optional variants no node may build: the release goes on without them, but never silently. */
export async function reportLeftOut(refused: readonly RouteRefused[], shell: Shell): Promise<void> {
  if (refused.length === 0) return;
  const { describe } = await import("./describe.ts");
  const { stderr } = shell;
  for (const refusal of refused) {
    const text = describe(refusal, { width: widthOf(stderr), colour: stderr.colour });
    stderr.write(`${text}\n  left out: the plan says \`required: false\`\n`);
  }
}

/** Says which caches are not exported, because nothing is pushed: the plan asks for it, so not silently. */
export function reportKeptBack(caches: readonly string[], { stderr }: Shell): void {
  if (caches.length === 0) return;
  const text = `nothing is pushed, so no cache is exported to ${caches.join(", ")} either`;
  stderr.write(`${palette(stderr.colour).faint("note:")} ${visible(text)}\n`);
}

/** Says which nodes could not be reached, though others were: the run goes on, but never silently. */
export async function reportLost(lost: readonly LostNode[], { stderr }: Shell): Promise<void> {
  if (lost.length === 0) return;
  const { describeLost } = await import("./describe/lost.ts");
  stderr.write(`${describeLost(lost, stderr.colour)}\n`);
}

/** Passes on what registries told their users, a planned end of service for instance; a line each, and none without any. */
export function reportRegistryWarnings({ warnings }: Pick<Registry, "warnings">, { stderr }: Shell): void {
  const { warning } = palette(stderr.colour);
  for (const { registry, text } of warnings())
    stderr.write(`${warning("warning:")} ${visible(`${registry} says: ${text}`)}\n`);
}
