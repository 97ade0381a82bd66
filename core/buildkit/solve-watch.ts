import type { Digest } from "../oci/digest.ts";
import type { ExportedDigests, SolveRequest } from "./buildkit.ts";
import { followTrail, isLastWord, type CrashTrail } from "./emulator-crash.ts";
import { failedItself, type FailedSolve } from "./failure.ts";
import type { Exported, WireStatus } from "./decode.ts";
import { LogLines } from "./log-lines.ts";
import type { SolveStatus, Vertex } from "./status.ts";

/** So many of the last lines of each step are kept, to be shown should it fail. */
const LOG_TAIL = 20;
/** So many lines that are no progress are kept: the error and its source excerpt come last. */
const MESSAGES = 200;

/** A step that is being worked at, and the last of what it printed. */
export interface RunningStep {
  readonly name: string;
  readonly log: readonly string[];
  readonly trail?: CrashTrail;
}

/** What a step has printed: its last lines, and the last crash among all of them. */
interface StepLog {
  readonly tail: string[];
  trail: CrashTrail | undefined;
}

/** Follows one solve and remembers just what its failure would have to say. */
export class SolveWatch {
  readonly #vertexes = new Map<Digest, Vertex>();
  readonly #logs = new Map<Digest, StepLog>();
  readonly #lines = new LogLines();
  readonly #exported = new Map<Exported["kind"], Digest>();
  readonly #counters = new Map<string, string>();
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

  /** Does this message say anything new? A download that hangs is told of several times a second. To be asked once for each message. */
  isNews({ vertexes, chunks, warnings, counters }: WireStatus): boolean {
    const moved = counters.filter(({ key, value }) => this.#counters.get(key) !== value);
    for (const { key, value } of moved) this.#counters.set(key, value);
    return vertexes.length + chunks.length + warnings.length + moved.length > 0;
  }

  /** The step whose last word is the emulator's crash, and which goes on all the same. */
  suspect(): RunningStep | undefined {
    for (const [digest, { trail }] of this.#logs) {
      const vertex = this.#vertexes.get(digest);
      if (trail !== undefined && vertex !== undefined && isRunning(vertex) && isLastWord(trail))
        return this.#running(vertex);
    }
    return undefined;
  }

  /** The step that is being worked at, or was when the solve was cancelled: BuildKit ends it with an error of its own then. */
  running(): RunningStep | undefined {
    const vertex = [...this.#vertexes.values()].findLast(
      (each) => isRunning(each) || (each.error !== undefined && !failedItself(each)),
    );
    return vertex === undefined ? undefined : this.#running(vertex);
  }

  /** All that is known, once the solve has failed. */
  failed(request: Pick<SolveRequest, "node" | "build" | "isEmulated">): FailedSolve {
    const vertex = [...this.#vertexes.values()].find((each) => failedItself(each) && !isCacheImport(each));
    const said = vertex === undefined ? undefined : this.#logs.get(vertex.digest);
    return {
      node: request.node.name,
      messages: this.#messages,
      log: said?.tail ?? [],
      dockerfile: request.build.dockerfile,
      ...(vertex === undefined ? {} : { vertex }),
      ...(said?.trail === undefined ? {} : { trail: said.trail }),
      ...(request.isEmulated === undefined ? {} : { isEmulated: request.isEmulated }),
    };
  }

  /** What it has begun to print is part of it: a program that asks a question waits at the end of it. */
  #running({ digest, name }: Vertex): RunningStep {
    const { tail = [], trail } = this.#logs.get(digest) ?? {};
    const log = [...tail, ...this.#lines.begun(digest)].slice(-LOG_TAIL);
    return { name, log, ...(trail === undefined ? {} : { trail }) };
  }

  #remember(vertex: Digest, line: string): void {
    const said = this.#logs.get(vertex) ?? { tail: [], trail: undefined };
    this.#logs.set(vertex, said);
    said.tail.push(line);
    if (said.tail.length > LOG_TAIL) said.tail.shift();
    said.trail = followTrail(said.trail, line);
  }
}

function isRunning({ startedMs, completedMs }: Vertex): boolean {
  return startedMs !== undefined && completedMs === undefined;
}

/** A cache that cannot be imported is done without: it is not what made a solve fail. */
function isCacheImport({ name }: Vertex): boolean {
  return name.startsWith("importing cache manifest from ");
}
