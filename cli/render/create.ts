import type { Shell } from "../shell.ts";
import { unreachable } from "../unreachable.ts";
import { groupMarks, harmlessFor } from "./ci-commands.ts";
import { createJson } from "./json.ts";
import { createLines } from "./lines.ts";
import { createQuiet } from "./quiet.ts";
import type { RenderClock, Renderer } from "./renderer.ts";

/**
 * What `--progress` takes; `auto` is `tty` on a terminal that can move its cursor, groups and annotations in a CI that has them,
 * and `plain` elsewhere.
 */
export type ProgressStyle = "auto" | "tty" | "plain" | "json" | "quiet";

/** The renderer for a run. Progress goes to stderr; JSON events are an answer for programs, but not the command's, so they go there too. */
export async function createRenderer(
  style: ProgressStyle,
  shell: Shell,
  redact: (text: string) => string,
): Promise<Renderer> {
  const { stderr, env } = shell;
  // Some CIs give a pseudo-terminal, which draws nothing.
  const isCi = shell.ci !== undefined || (env["CI"] ?? "") !== "";
  const canDraw = stderr.isTerminal && env["TERM"] !== "dumb" && !isCi;
  const chosen = style === "auto" ? (canDraw ? "tty" : "plain") : style;
  const columns = (): number => (stderr.isTerminal ? stderr.columns() : Number.POSITIVE_INFINITY);
  const options = { stream: stderr, colour: stderr.colour, columns, redact };
  const marks = style === "auto" && shell.ci !== undefined ? groupMarks(shell.ci.run.kind) : undefined;
  if (marks !== undefined && shell.ci !== undefined) {
    // Imported late: laptops need none of it.
    const { createCi } = await import("./ci.ts");
    const { command, run } = shell.ci;
    return createCi({ ...options, marks, command, harmless: harmlessFor(run.kind) });
  }
  switch (chosen) {
    case "tty": {
      // Imported late: its task engine is a quarter of the program, and a pipe needs none.
      const { createLive } = await import("./live.ts");
      return createLive({
        ...options,
        columns: stderr.columns,
        rows: stderr.rows,
        clock: systemClock(shell),
      });
    }
    case "plain":
      return createLines(options);
    case "json":
      return createJson(options);
    case "quiet":
      return createQuiet(options);
    default:
      return unreachable(chosen);
  }
}

function systemClock(shell: Shell): RenderClock {
  return {
    now: shell.now,
    every: (ms, callback) => {
      const timer = setInterval(callback, ms).unref();
      return () => clearInterval(timer);
    },
  };
}
