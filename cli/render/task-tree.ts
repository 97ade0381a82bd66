import { Listr } from "listr2";
import type { ListrRendererFactory, ListrTask } from "listr2";
import type { Route } from "../../core/route/route.ts";
import type { VariantOutcome } from "../../core/event.ts";

/** What is drawn while the tasks run: started by the engine before the first task, ended by it after the last. */
export interface View {
  readonly start: () => void;
  readonly stop: () => void;
}

/** The tasks of a run: a release each, with its variants below, and what comes after all of them. */
export interface TaskTree {
  /** Settles the task of a variant. */
  settle(variant: string, outcome: VariantOutcome["kind"]): void;
  /** Settles what has not ended yet as cancelled; resolves once the engine has ended. */
  end(): Promise<void>;
}

interface Open {
  readonly promise: Promise<VariantOutcome["kind"]>;
  readonly resolve: (outcome: VariantOutcome["kind"]) => void;
}

/** No task waits for another one or ends it; `exitOnError` would leave siblings running. */
const INDEPENDENT = { concurrent: true, exitOnError: false } as const;

/**
 * Runs a tree of tasks in listr2 that await what core is already doing: core owns concurrency, order and errors, and main.ts
 * the signals (listr2's own handler exits before anything is cleaned up).
 */
export function runTaskTree(routes: readonly Route[], view: View): TaskTree {
  const open = new Map<string, Open>(routes.map(({ variant }) => [variant.id, Promise.withResolvers()]));
  const releases = Map.groupBy(routes, ({ variant }) => variant.release);
  const tasks = [...releases].map(([title, members]): ListrTask => {
    const subtasks = members.map(({ variant }) => variantTask(variant.id, open.get(variant.id)));
    return { title, task: (_, task) => task.newListr(subtasks, INDEPENDENT) };
  });
  // Scans, signatures and tags come when all variants are done: the view goes on until the run has ended.
  const rest = Promise.withResolvers<void>();
  tasks.push({ title: "release", task: () => rest.promise });
  const options = { ...INDEPENDENT, registerSignalListeners: false, renderer: rendererOf(view) };
  const running = new Listr(tasks, options).run();
  return {
    settle: (variant, outcome) => open.get(variant)?.resolve(outcome),
    end: async () => {
      for (const { resolve } of open.values()) resolve("cancelled");
      rest.resolve();
      await running;
    },
  };
}

function variantTask(title: string, open: Open | undefined): ListrTask {
  return {
    title,
    task: async (_, task) => {
      const outcome = await open?.promise;
      if (outcome === "failed") throw new Error(title);
      if (outcome === "cancelled") task.skip();
    },
  };
}

/** The view as listr2 knows renderers: a class that it makes itself. */
function rendererOf(view: View): ListrRendererFactory {
  return class ViewRenderer {
    static readonly rendererOptions = {};
    static readonly rendererTaskOptions = {};
    /** Whether there is a terminal was decided by who asked for the live view; listr2 would look at stdout. */
    static readonly nonTTY = true;
    readonly render = view.start;
    readonly end = view.stop;
  };
}
