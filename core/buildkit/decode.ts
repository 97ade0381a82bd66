import { parseDigest, type Digest } from "../oci/digest.ts";
import type { Vertex, VertexWarning } from "./status.ts";

/** A progress message as it comes over the wire, with output still in chunks. */
export interface WireStatus {
  readonly vertexes: readonly Vertex[];
  readonly chunks: readonly LogChunk[];
  readonly warnings: readonly VertexWarning[];
  /** Digests of the documents that an export names as it makes them. */
  readonly exported: readonly Exported[];
  /** How far downloads, transfers and exports are. */
  readonly counters: readonly Counter[];
}

/** One thing that is being counted: BuildKit tells its value again and again, though it stands still. */
export interface Counter {
  readonly key: string;
  readonly value: string;
}

/** A document that is being exported. */
export interface Exported {
  readonly kind: "manifest" | "config";
  readonly digest: Digest;
}

/** Output of a running step; `stream` is 1 for stdout, 2 for stderr. It may end in the middle of a line or a character. */
export interface LogChunk {
  readonly vertex: Digest;
  readonly stream: number;
  readonly data: Uint8Array;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Decodes one line of `--progress rawjson`, or answers undefined where the line is no progress (the error text at the end).
 * Written by hand, not as a schema: a chatty build sends ten thousands of these, and a field that is not understood
 * costs a line on the screen, never a result.
 */
export function decodeStatus(line: string): WireStatus | undefined {
  if (!line.startsWith("{")) return undefined;
  const message = parseObject(line);
  if (message === undefined) return undefined;
  return {
    vertexes: list(message["vertexes"]).flatMap(vertex),
    chunks: list(message["logs"]).flatMap(chunk),
    warnings: list(message["warnings"]).flatMap(warning),
    exported: list(message["statuses"]).flatMap(exported),
    counters: list(message["statuses"]).map(counter),
  };
}

function vertex(value: Json): Vertex[] {
  const digest = parseDigest(text(value["digest"]));
  if (digest === undefined) return [];
  const startedMs = time(value["started"]);
  const completedMs = time(value["completed"]);
  const error = text(value["error"]);
  return [
    {
      digest,
      name: text(value["name"]),
      cached: value["cached"] === true,
      ...(startedMs === undefined ? {} : { startedMs }),
      ...(completedMs === undefined ? {} : { completedMs }),
      ...(error === "" ? {} : { error }),
    },
  ];
}

function chunk(value: Json): LogChunk[] {
  const digest = parseDigest(text(value["vertex"]));
  if (digest === undefined) return [];
  return [
    {
      vertex: digest,
      stream: Number(value["stream"] ?? 1),
      data: Buffer.from(text(value["data"]), "base64"),
    },
  ];
}

/** `exporting manifest sha256:...` is the id of a status (exporter/containerimage/writer.go). */
function exported(value: Json): Exported[] {
  const [, kind, digestText] = /^exporting (manifest|config) (\S+)$/.exec(text(value["id"])) ?? [];
  const digest = parseDigest(digestText ?? "");
  return digest === undefined || (kind !== "manifest" && kind !== "config") ? [] : [{ kind, digest }];
}

/** Without its `timestamp`, which is new each time. */
function counter(value: Json): Counter {
  const { vertex: of, id, current, total, completed } = value;
  return { key: `${text(of)} ${text(id)}`, value: JSON.stringify([current, total, completed]) };
}

function warning(value: Json): VertexWarning[] {
  const digest = parseDigest(text(value["vertex"]));
  if (digest === undefined) return [];
  const url = text(value["url"]);
  const source = object(value["sourceInfo"]);
  const start = object(object(list(value["range"])[0])?.["start"]);
  const file = text(source?.["filename"]);
  const line = start?.["line"];
  return [
    {
      vertex: digest,
      message: base64(value["short"]),
      detail: Array.isArray(value["detail"]) ? value["detail"].map(base64) : [],
      ...(url === "" ? {} : { url }),
      ...(file === "" ? {} : { file }),
      ...(typeof line === "number" ? { line } : {}),
    },
  ];
}

function parseObject(line: string): Json | undefined {
  try {
    return object(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function list(value: unknown): Json[] {
  if (!Array.isArray(value)) return [];
  return value.map((item: unknown) => object(item)).filter((item) => item !== undefined);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function base64(value: unknown): string {
  return Buffer.from(text(value), "base64").toString("utf8");
}

function time(value: unknown): number | undefined {
  const milliseconds = Date.parse(text(value));
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
