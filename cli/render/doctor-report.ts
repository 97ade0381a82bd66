import type { Finding } from "../../core/host/finding.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { count } from "../text/units.ts";
import { pad } from "../text/width.ts";
import type { TableOptions } from "../text/table.ts";

const WORDS = { ok: "ok", warning: "warning", problem: "problem" } as const;

/** The answer of `doctor`: what was looked at, how it is, and below each trouble the command or the lines that mend it. */
export function doctorReport(findings: readonly Finding[], options: TableOptions): string {
  const colours = palette(options.colour);
  const style = { ok: colours.success, warning: colours.warning, problem: colours.error };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const margin = `${" ".repeat(9)}${pad("", width)}  `;
  const lines = findings.flatMap(({ check, state, detail, mend = "", notes = [] }, at) => {
    const last = findings[at - 1];
    const isSaid = mend !== "" && mend === last?.mend;
    // Where all is well, nobody has asked; `--json` has them all the same.
    const background = state === "ok" || isSaid ? [] : notes;
    return [
      `${style[state](pad(WORDS[state], 7))}  ${pad(check, width)}  ${visible(detail)}`,
      ...background.map((note) => `${margin}${colours.faint(visible(note))}`),
      ...linesOf(isSaid ? "as above" : mend).map((line) => `${margin}${colours.strong(visible(line))}`),
    ];
  });
  const problems = findings.filter(({ state }) => state === "problem").length;
  return [
    ...lines,
    "",
    problems === 0 ? "Nothing stands in the way of a build." : `${count(problems, "problem")} to mend.`,
  ].join("\n");
}

function linesOf(mend: string): readonly string[] {
  return mend === "" ? [] : mend.split("\n");
}
