import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { count } from "../text/units.ts";
import { hintLine } from "./explanation.ts";
import { namePosition, sourceFrame } from "./source-frame.ts";
import type { Diagnostic } from "../../core/plan/source.ts";

/** How texts are laid out: `width` in columns (`Infinity` for a file), colour or not. */
export interface TextOptions {
  readonly width: number;
  readonly colour: boolean;
}

const MOST_SHOWN = 50;

/** All problems of a plan, each with its line and a marker, then how many there are; after 50 the rest is only counted. */
export function describeDiagnostics(diagnostics: readonly Diagnostic[], options: TextOptions): string {
  if (diagnostics.length === 0) return "";
  const shown = diagnostics.slice(0, MOST_SHOWN).map((each) => diagnosticLines(each, options).join("\n"));
  const hidden = diagnostics.length - shown.length;
  const last = hidden > 0 ? `and ${hidden} more; ${tally(diagnostics)}` : tally(diagnostics);
  return [...shown, last].join("\n\n");
}

function diagnosticLines(diagnostic: Diagnostic, options: TextOptions): readonly string[] {
  const { error, warning, strong, faint } = palette(options.colour);
  const severity = diagnostic.severity === "error" ? error("error:") : warning("warning:");
  const related = diagnostic.related ?? [];
  return [
    `${namePosition(diagnostic.location)}: ${severity} ${strong(visible(diagnostic.message))}`,
    ...sourceFrame(diagnostic.location, options),
    ...(diagnostic.hint === undefined ? [] : [hintLine(diagnostic.hint, options.colour)]),
    ...related.flatMap(({ message, location }) => {
      const note = `  ${namePosition(location)}: ${faint("note:")} ${visible(message)}`;
      return [note].concat(sourceFrame(location, options));
    }),
  ];
}

function tally(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(warnings > 0 ? [count(warnings, "warning")] : []),
  ];
  const files = new Set(diagnostics.map(({ location }) => visible(location.file.path)));
  return `${parts.join(", ")} in ${[...files].join(", ")}`;
}
