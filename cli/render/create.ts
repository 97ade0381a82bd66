import { emulatorOf } from "../emulator.ts";
import type { CiPort, Shell } from "../shell.ts";
import { unreachable } from "../unreachable.ts";
import { groupMarks, harmlessFor } from "./ci-commands.ts";
import { createJson } from "./json.ts";
import { createLines } from "./lines.ts";
import { createQuiet } from "./quiet.ts";
import type { RenderClock, Renderer, RendererOptions } from "./renderer.ts";

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
  const options = { stream: stderr, colour: stderr.colour, columns, redact, emulatorOf };
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
      return style === "auto" && shell.ci !== undefined
        ? await forCi(options, shell.ci)
        : createLines(options);
    case "json":
      return createJson(options);
    case "quiet":
      return createQuiet(options);
    default:
      return unreachable(chosen);
  }
}

/** Groups where this CI has them. */
async function forCi(options: RendererOptions, { run, command }: CiPort): Promise<Renderer> {
  const marks = groupMarks(run.kind);
  if (marks === undefined) return createLines(options);
  // Imported late: laptops need none of it.
  const { createCi } = await import("./ci.ts");
  return createCi({ ...options, marks, command, harmless: harmlessFor(run.kind) });
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
