import { isStep, type SolveStatus, type Vertex } from "./buildkit/status.ts";
import type { CacheUse, RunEvent } from "./event.ts";
import type { Digest } from "./oci/digest.ts";

/** Who hears of a variant's steps. */
export interface StepListener {
  readonly onEvent: (event: RunEvent) => void;
  readonly now: () => number;
}

/** Turns the status of a variant's solves into events, and counts what came from the cache. */
export class StepWatch {
  readonly #variant: string;
  readonly #listener: StepListener;
  readonly #vertexes = new Map<Digest, Vertex>();

  constructor(variant: string, listener: StepListener) {
    this.#variant = variant;
    this.#listener = listener;
  }

  /** What an attempt before this one has done does not count. */
  begin(): void {
    this.#vertexes.clear();
  }

  take(status: SolveStatus): void {
    const about = { atMs: this.#listener.now(), variant: this.#variant };
    for (const vertex of status.vertexes) {
      this.#vertexes.set(vertex.digest, vertex);
      this.#listener.onEvent({ kind: "vertex", ...about, vertex });
    }
    for (const { vertex, line } of status.logs) {
      const step = this.#vertexes.get(vertex)?.name ?? "";
      this.#listener.onEvent({ kind: "log", ...about, vertex, step, line });
    }
    for (const warning of status.warnings) this.#listener.onEvent({ kind: "warning", ...about, warning });
  }

  /** By name: BuildKit may solve one step as two vertexes and merge them when it sees that they are the same. */
  cacheUse(): CacheUse {
    const steps = new Map<string, boolean>();
    for (const vertex of this.#vertexes.values()) {
      if (isStep(vertex)) steps.set(vertex.name, vertex.cached || (steps.get(vertex.name) ?? false));
    }
    return { steps: steps.size, cached: [...steps.values()].filter(Boolean).length };
  }
}
