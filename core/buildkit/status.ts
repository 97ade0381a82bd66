import type { Digest } from "../oci/digest.ts";

/**
 * One message of BuildKit's progress, decoded: what changed since the last one. Names are BuildKit's own.
 * @see https://github.com/moby/buildkit/blob/master/client/graph.go
 */
export interface SolveStatus {
  readonly vertexes: readonly Vertex[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}

/** A step of the build graph. Times are milliseconds since the epoch. */
export interface Vertex {
  readonly digest: Digest;
  readonly name: string;
  readonly cached: boolean;
  readonly startedMs?: number;
  readonly completedMs?: number;
  readonly error?: string;
}

/** Output of a running step; `stream` is 1 for stdout, 2 for stderr. The text may end in the middle of a line. */
export interface VertexLog {
  readonly vertex: Digest;
  readonly stream: number;
  readonly text: string;
}

export interface VertexWarning {
  readonly vertex: Digest;
  readonly message: string;
  readonly url?: string;
  readonly detail: readonly string[];
  /** Line (1-based) of the source that it is about. */
  readonly line?: number;
  readonly file?: string;
}
