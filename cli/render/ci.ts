import { plainLine } from "../text/safe.ts";
import { clipEnd } from "../text/width.ts";
import { failuresText, gatherFailures } from "./failures.ts";
import { createTeller, prefixed, type Told } from "./lines.ts";
import type { RunEvent } from "../../core/event.ts";
import type { GroupMarks } from "./ci-commands.ts";
import type { Renderer, RendererOptions } from "./renderer.ts";

/** The view for CI writes into a log that can be folded. */
export interface CiOptions extends RendererOptions {
  readonly marks: GroupMarks;
  /** Writes what CI is to obey: `stream` takes the meaning out of all that looks like it. */
  readonly command: (text: string) => void;
  /** Takes the meaning out of a title, which goes into a command. */
  readonly harmless: (text: string) => string;
}

/** What is kept of a variant's log before it is written; more becomes a group of its own, so that nothing is lost. */
const MOST_KEPT = 512 * 1024;

/** Columns of a title: a step may be a whole script. */
const MOST_TITLE = 200;

/** A variant that only logs shows a line now and then, as a sign of life. */
const SIGN_OF_LIFE_MS = 30_000;

/**
 * The view for CI: while several variants are built, a line for each step that starts and ends, and all that one of them said as a
 * folded group when it is done: interleaved logs can be read by nobody. One variant alone is shown as it happens, as in a pipe.
 */
export function createCi(options: CiOptions): Renderer {
  const failures = gatherFailures();
  const tell = createTeller(options);
  const logs = new Map<string, VariantLog>();
  const groups = openGroups(options);
  const show = (told: Told): void => {
    if (told.lines.length > 0) options.stream.write(prefixed(told, options.colour));
  };
  let isAlone = true;
  const keep = (event: VariantEvent, told: Told): void => {
    const log = logs.get(event.variant) ?? newLog(event.atMs);
    logs.set(event.variant, log);
    log.endedMs = event.atMs;
    if (event.kind === "variant-done") {
      // The title of a group tells how it ended.
      if (!groups.write(log, `${told.name}: ${told.lines.join(" ")}`)) show(told);
      logs.delete(event.variant);
      return;
    }
    const isSign = told.lines.length > 0 && event.atMs - log.shownMs >= SIGN_OF_LIFE_MS;
    keepLines(log, told.lines, isLive(event) || isSign);
    if (isLive(event) || isSign) show(told);
    if (log.size >= MOST_KEPT) groups.write(log, `${told.name}: log, part ${++log.parts}`);
  };
  return {
    onEvent: (event) => {
      failures.apply(event);
      if (event.kind === "run-started") isAlone = event.routes.length === 1;
      const told = tell(event);
      if (isAlone || !("variant" in event)) show(told);
      else keep(event, told);
    },
    end: async () => {
      for (const [name, log] of logs) groups.write(log, `${name}: log`);
      const text = failuresText(failures, options);
      if (text !== "") options.stream.write(text);
    },
  };
}

type VariantEvent = Extract<RunEvent, { readonly variant: string }>;

/** Is this told at once, outside of a group? What a build prints, and what the cache had, is not. */
function isLive(event: VariantEvent): boolean {
  switch (event.kind) {
    case "log":
    case "test-line":
    case "warning":
      return false;
    case "vertex":
      return !event.vertex.cached;
    default:
      return true;
  }
}

/** What a variant said, and was not written yet. */
interface VariantLog {
  startedMs: number;
  /** When a line of it was last shown, outside of a group. */
  shownMs: number;
  endedMs: number;
  lines: string[];
  size: number;
  /** Is there a line that was not shown? */
  hides: boolean;
  parts: number;
}

function newLog(atMs: number): VariantLog {
  return { startedMs: atMs, shownMs: atMs, endedMs: atMs, lines: [], size: 0, hides: false, parts: 0 };
}

function keepLines(log: VariantLog, lines: readonly string[], isShown: boolean): void {
  if (lines.length === 0) return;
  if (isShown) log.shownMs = log.endedMs;
  else log.hides = true;
  for (const line of lines) {
    log.lines.push(line);
    log.size += line.length + 1;
  }
}

/** Writes logs as groups; false where that would only repeat what was shown. */
function openGroups({ stream, command, marks, harmless }: CiOptions): {
  readonly write: (log: VariantLog, title: string) => boolean;
} {
  let number = 0;
  return {
    write: (log, title) => {
      if (!log.hides) return false;
      const { startedMs, endedMs, lines } = log;
      const shown = harmless(clipEnd(plainLine(title), MOST_TITLE));
      const group = { title: shown, number: ++number, startedMs, endedMs };
      command(marks.open(group));
      stream.write(lines.map((line) => `${line.trimEnd()}\n`).join(""));
      command(marks.close(group));
      Object.assign(log, { startedMs: endedMs, lines: [], size: 0, hides: false });
      return true;
    },
  };
}
