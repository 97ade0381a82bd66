import { failuresText, gatherFailures, warningsText } from "./failures.ts";
import { frameOf } from "./frame.ts";
import { createTeller, prefixed } from "./lines.ts";
import { createPainter } from "./painter.ts";
import { trackProgress } from "./progress.ts";
import { runTaskTree } from "./task-tree.ts";
import type { RunEvent } from "../../core/event.ts";
import type { RenderClock, Renderer, RendererOptions } from "./renderer.ts";
import type { TaskTree, View } from "./task-tree.ts";

/** The live view draws on a screen, and in time. */
export interface LiveOptions extends RendererOptions {
  readonly rows: () => number;
  readonly clock: RenderClock;
}

/** Time between frames: eight a second, so that even with the last one it is never more than ten. */
const FRAME_MS = 125;

/** What no row of the view has room for stays above it: somebody may have to act on it, and copy an address. */
const ABOVE: ReadonlySet<RunEvent["kind"]> = new Set([
  "sign-line",
  "tag-overtaken",
  "staging-left",
  "variant-not-kept",
]);

/**
 * The view for a terminal: every variant with its step, log tails where there is room, drawn over itself at most ten times a
 * second however much is logged. Events only change what is known; a timer draws. Resizing is noticed with the next frame.
 */
export function createLive(options: LiveOptions): Renderer {
  const progress = trackProgress(options.redact);
  const failures = gatherFailures();
  const tell = createTeller(options);
  const view = createView(options, progress);
  let tree: TaskTree | undefined;
  return {
    onEvent: (event) => {
      progress.apply(event);
      failures.apply(event);
      if (event.kind === "run-started") tree ??= runTaskTree(event.routes, view);
      if (event.kind === "variant-done") tree?.settle(event.variant, event.outcome.kind);
      if (ABOVE.has(event.kind)) view.tell(prefixed(tell(event), options.colour).split("\n").slice(0, -1));
    },
    end: async () => {
      view.stop();
      const text = warningsText(failures, options) + failuresText(failures, options);
      if (text !== "") options.stream.write(text);
      await tree?.end();
    },
  };
}

interface LiveView extends View {
  readonly tell: (lines: readonly string[]) => void;
}

function createView(options: LiveOptions, progress: ReturnType<typeof trackProgress>): LiveView {
  const painter = createPainter(options.stream);
  let stopTimer: (() => void) | undefined;
  const draw = (): void => {
    const columns = options.columns();
    const frame = frameOf(progress.current, {
      ...options,
      width: columns - 1,
      height: options.rows() - 1,
      nowMs: options.clock.now(),
    });
    painter.paint(frame, columns);
  };
  return {
    tell: (lines) => {
      // Drawn for the size that the terminal has now: only then is it known how many lines it takes.
      if (stopTimer !== undefined) draw();
      painter.tell(lines);
      if (stopTimer !== undefined) draw();
    },
    start: () => {
      draw();
      stopTimer = options.clock.every(FRAME_MS, draw);
    },
    stop: () => {
      if (stopTimer === undefined) return;
      stopTimer();
      stopTimer = undefined;
      draw();
      painter.finish();
    },
  };
}
