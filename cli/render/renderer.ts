import type { RunEvent } from "../../core/event.ts";
import type { Route } from "../../core/route/route.ts";
import type { Emulator } from "../describe/explanation.ts";

/** Shows a run while it happens. It is told everything and decides nothing. */
export interface Renderer {
  onEvent(event: RunEvent): void;
  /**
   * Shows what is left to show: the final state, and every failed variant with its last log lines. All of it is written, and
   * the terminal restored, before the call returns; the promise is for what the renderer started besides.
   */
  end(): Promise<void>;
}

/** What a renderer needs of the world; all of it is given, so that a test decides what happens when. */
export interface RendererOptions {
  readonly stream: OutputStream;
  readonly colour: boolean;
  /** Width for texts of failures; asked each time because terminals are resized. `Infinity` for a file. */
  readonly columns: () => number;
  /** Replaces secret values; every foreign text passes through it before it is shown. */
  readonly redact: (text: string) => string;
  /** What emulates a variant that has failed, where that can be told. */
  readonly emulatorOf?: (route: Route) => Emulator | undefined;
}

/** The part of a writable stream that renderers use. */
export interface OutputStream {
  write(text: string): unknown;
}

/** Time as the live view needs it. */
export interface RenderClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back every `ms` milliseconds until the returned function is called; must not keep the process alive. */
  every(ms: number, callback: () => void): () => void;
}
