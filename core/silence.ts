import type { BuildKit, Node, SolveFailure } from "./buildkit/buildkit.ts";
import type { Timing } from "./registry/retry.ts";

/** A solve has said nothing for so long: is its daemon still there? A cable that is cut says nothing either. */
export const QUIET_MS = 15_000;

/** Watches over the daemon of one solve while that is silent. */
export interface SilenceWatch {
  /** For the solve: aborts where the daemon does not answer any more, and when the run's does. */
  readonly signal: AbortSignal;
  /** To be told of every sign of life. */
  readonly heard: () => void;
  /** Ends watching; answers what became of the daemon, should it be that. */
  readonly end: () => SolveFailure | undefined;
}

/** Begins to watch. Twice no answer counts as gone. */
export function watchSilence(
  node: Node,
  buildkit: Pick<BuildKit, "isAlive">,
  { signal, timing }: { readonly signal: AbortSignal; readonly timing: Pick<Timing, "sleep"> },
): SilenceWatch {
  const over = new AbortController();
  const gone = new AbortController();
  const watching = AbortSignal.any([signal, over.signal]);
  let signs = 0;
  const watch = async (): Promise<void> => {
    for (;;) {
      const before = signs;
      await timing.sleep(QUIET_MS, watching);
      if (watching.aborted) return;
      if (signs !== before || (await buildkit.isAlive(node, watching))) continue;
      if (watching.aborted || (await buildkit.isAlive(node, watching))) continue;
      if (!watching.aborted) gone.abort();
      return;
    }
  };
  void watch();
  return {
    signal: AbortSignal.any([signal, gone.signal]),
    heard: () => (signs += 1),
    end: () => {
      over.abort();
      return gone.signal.aborted
        ? { kind: "node-lost", node: node.name, detail: "it does not answer any more" }
        : undefined;
    },
  };
}
