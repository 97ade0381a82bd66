import type { Digest } from "../oci/digest.ts";
import type { ExportedDigests, SolveRequest } from "./buildkit.ts";
import { failedItself, type FailedSolve } from "./failure.ts";
import type { Exported, WireStatus } from "./decode.ts";
import { LogLines } from "./log-lines.ts";
import type { SolveStatus, Vertex } from "./status.ts";

/** So many of the last lines of each step are kept, to be shown should it fail. */
const LOG_TAIL = 20;
/** So many lines that are no progress are kept: the error and its source excerpt come last. */
const MESSAGES = 200;

/** Follows one solve and remembers just what its failure would have to say. */
export class SolveWatch {
  readonly #vertexes = new Map<Digest, Vertex>();
  readonly #tails = new Map<Digest, string[]>();
  readonly #lines = new LogLines();
  readonly #exported = new Map<Exported["kind"], Digest>();
  #messages: string[] = [];

  /** Takes in a progress message and answers it with whole lines; what a step left unfinished comes as it completes. */
  status(wire: WireStatus): SolveStatus {
    for (const vertex of wire.vertexes) this.#vertexes.set(vertex.digest, vertex);
    for (const { kind, digest } of wire.exported) this.#exported.set(kind, digest);
    const completed = wire.vertexes.filter(({ completedMs }) => completedMs !== undefined);
    const logs = [
      ...wire.chunks.flatMap((chunk) => this.#lines.push(chunk)),
      ...completed.flatMap(({ digest }) => this.#lines.finish(digest)),
    ];
    for (const { vertex, line } of logs) this.#remember(vertex, line);
    return { vertexes: wire.vertexes, logs, warnings: wire.warnings };
  }

  /** Takes in a line that is no progress. */
  message(line: string): void {
    this.#messages = [...this.#messages.slice(1 - MESSAGES), line];
  }

  /** Manifest and config that the export named. */
  exported(): ExportedDigests {
    const manifest = this.#exported.get("manifest");
    const config = this.#exported.get("config");
    return { ...(manifest === undefined ? {} : { manifest }), ...(config === undefined ? {} : { config }) };
  }

  /** The step that is being worked at, or was when the solve was cancelled: BuildKit ends it with an error of its own then. */
  running(): string | undefined {
    return [...this.#vertexes.values()].findLast(
      (vertex) =>
        vertex.startedMs !== undefined &&
        (vertex.completedMs === undefined || (vertex.error !== undefined && !failedItself(vertex))),
    )?.name;
  }

  /** All that is known, once the solve has failed. */
  failed(request: Pick<SolveRequest, "node" | "build">): FailedSolve {
    const vertex = [...this.#vertexes.values()].find((each) => failedItself(each) && !isCacheImport(each));
    return {
      node: request.node.name,
      messages: this.#messages,
      log: vertex === undefined ? [] : (this.#tails.get(vertex.digest) ?? []),
      dockerfile: request.build.dockerfile,
      ...(vertex === undefined ? {} : { vertex }),
    };
  }

  #remember(vertex: Digest, line: string): void {
    const tail = this.#tails.get(vertex) ?? [];
    tail.push(line);
    if (tail.length > LOG_TAIL) tail.shift();
    this.#tails.set(vertex, tail);
  }
}

/** A cache that cannot be imported is done without: it is not what made a solve fail. */
function isCacheImport({ name }: Vertex): boolean {
  return name.startsWith("importing cache manifest from ");
}
