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

/**
 * Is this a step of the Dockerfile (`[2/5] RUN make`, `[build 3/7] COPY . .`), and not work of BuildKit's own, such as loading
 * contexts or exporting? The frontend numbers just those
 * (https://github.com/moby/buildkit/blob/master/frontend/dockerfile/dockerfile2llb/convert.go).
 */
export function isStep(vertex: Pick<Vertex, "name">): boolean {
  return /^\[(?:[^\]]+ )?\d+\/\d+\] /.test(vertex.name);
}

/** One whole line that a step printed, without its line break. */
export interface VertexLog {
  readonly vertex: Digest;
  readonly line: string;
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
