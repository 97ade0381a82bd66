import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Finding } from "../core/findings/finding.ts";
import type { OverrideInvalid } from "../core/plan/select.ts";
import { readRulePage } from "./rule-pages.ts";
import { harmlessJson } from "./render/ci-commands.ts";
import { sarifOf } from "./render/sarif.ts";
import type { Shell } from "./shell.ts";
import { palette } from "./text/colour.ts";
import { visible } from "./text/safe.ts";

/** Both answers for machines on standard output would be no answer: says so; undefined where they do not meet. */
export function sarifCollision(options: {
  readonly json?: boolean;
  readonly sarif?: string | true;
}): OverrideInvalid | undefined {
  if (options.json !== true || options.sarif !== true) return undefined;
  return {
    kind: "override-invalid",
    option: "--sarif",
    value: "--json",
    detail: "both would go to standard output",
    hint: "Name a file: --sarif findings.sarif",
  };
}

/**
 * Writes findings as SARIF: to standard output (`true`) or into a file, relative to where the command was called. Every text in
 * it passes through `redact`. Answers false, once that was told, where the file cannot be written.
 */
export async function writeSarif(
  findings: readonly Finding[],
  target: string | true,
  shell: Shell,
  redact: (text: string) => string = (text) => text,
): Promise<boolean> {
  const log = await sarifOf(findings, {
    version: shell.version,
    directory: shell.cwd,
    readPage: (rule) => readRulePage(rule, shell.packageFile),
  });
  const safe = (_: string, value: unknown): unknown => (typeof value === "string" ? redact(value) : value);
  const text = `${harmlessJson(JSON.stringify(log, safe, 2))}\n`;
  if (target === true) {
    shell.stdout.write(text);
    return true;
  }
  try {
    await writeFile(resolve(shell.cwd, target), text);
    return true;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const { error: paint } = palette(shell.stderr.colour);
    shell.stderr.write(`${paint("error:")} the SARIF log cannot be written: ${visible(detail)}\n`);
    return false;
  }
}
