import { emulatorOf } from "../emulator.ts";
import type { Shell } from "../shell.ts";
import { unreachable } from "../unreachable.ts";
import { createJson } from "./json.ts";
import { createLines } from "./lines.ts";
import { createQuiet } from "./quiet.ts";
import type { RenderClock, Renderer } from "./renderer.ts";

/** What `--progress` takes; `auto` is `tty` on a terminal that can move its cursor and `plain` elsewhere. */
export type ProgressStyle = "auto" | "tty" | "plain" | "json" | "quiet";

/** The renderer for a run. Progress goes to stderr; JSON events are an answer for programs, but not the command's, so they go there too. */
export async function createRenderer(
  style: ProgressStyle,
  shell: Shell,
  redact: (text: string) => string,
): Promise<Renderer> {
  const { stderr, env } = shell;
  const canDraw = stderr.isTerminal && env["TERM"] !== "dumb" && (env["CI"] ?? "") === "";
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
