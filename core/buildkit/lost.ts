import { fail, ok, type Result } from "../result.ts";
import type { ToolFailure } from "./buildkit.ts";
import type { Connection } from "./client.ts";

/** A node that a run goes on without: it was named, and could not be reached before anything was built. */
export interface LostNode {
  /** As it would be called in the run, or its builder where no node of it is known. */
  readonly node: string;
  /** Name of its builder in the plan, or of the one that was chosen without it. */
  readonly builder: string;
  readonly address: string;
  readonly detail: string;
}

/** What of the nodes that were asked for is there. */
export interface Reached {
  readonly connections: readonly Connection[];
  readonly lost: readonly LostNode[];
}

/** How reaching one node, or one builder, came out. */
export interface Attempt {
  /** The builder's name. */
  readonly builder: string;
  readonly result: Result<Reached, readonly ToolFailure[]>;
}

/**
 * Goes on with what was reached where all the rest is only out of reach. A wrong name or a missing tool is a mistake that must not pass as a
 * loss, whatever else answers; then, and where nothing was reached, all failures are returned and nothing is left open.
 */
export async function dropLost(
  attempts: readonly Attempt[],
): Promise<Result<Reached, readonly ToolFailure[]>> {
  const connections = attempts.flatMap(({ result }) => (result.ok ? result.value.connections : []));
  const failures = attempts.flatMap(({ result }) => (result.ok ? [] : result.error));
  const isMistaken = failures.some(({ kind }) => kind !== "builder-unreachable");
  if (!isMistaken && connections.length > 0) return ok({ connections, lost: attempts.flatMap(lostOf) });
  await Promise.all(connections.map(({ close }) => close()));
  return fail(failures);
}

function lostOf({ builder, result }: Attempt): readonly LostNode[] {
  if (result.ok) return result.value.lost;
  return result.error.flatMap((failure) => {
    if (failure.kind !== "builder-unreachable") return [];
    const { builder: node, address, detail } = failure;
    return [{ node, builder, address, detail }];
  });
}
