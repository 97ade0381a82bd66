import { formatPlatformFull } from "../../platforms/platform.ts";
import { failureJson, findingJson } from "../describe/json.ts";
import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import { plainLine } from "../text/safe.ts";
import { unreachable } from "../unreachable.ts";
import { harmlessJson } from "./ci-commands.ts";
import type { FailureJson, FindingJson } from "../describe/json.ts";
import type { Node } from "../../core/buildkit/buildkit.ts";
import type { RunEvent, VariantOutcome } from "../../core/event.ts";
import type { TakenFrom } from "../../core/taking-over/take-over.ts";
import type { Route } from "../../core/route/route.ts";
import type { Renderer, RendererOptions } from "./renderer.ts";

/** Version of the shape below; grows with every change that a reader could stumble over. */
const SCHEMA_VERSION = 1;

/**
 * One line of `--progress json`. Public interface: `kind` tells which other fields there are; times are milliseconds since the
 * epoch, durations milliseconds, sizes bytes, platforms, repositories and tags text. New kinds and fields may be added.
 */
export type JsonEvent = { readonly schemaVersion: typeof SCHEMA_VERSION; readonly atMs: number } & (
  | {
      readonly kind: "run-started";
      readonly routes: readonly JsonRoute[];
      readonly nodes: readonly JsonNode[];
    }
  | { readonly kind: "variant-started"; readonly variant: string }
  | ({ readonly kind: "vertex"; readonly variant: string } & JsonVertex)
  | {
      readonly kind: "log";
      readonly variant: string;
      readonly vertex: string;
      readonly step: string;
      readonly line: string;
    }
  | {
      readonly kind: "warning";
      readonly variant: string;
      readonly vertex: string;
      readonly message: string;
      readonly detail: readonly string[];
      readonly url?: string;
      readonly file?: string;
      readonly line?: number;
    }
  | { readonly kind: "variant-pushed"; readonly variant: string; readonly digest: string }
  | { readonly kind: "variant-finding"; readonly variant: string; readonly finding: FindingJson }
  | { readonly kind: "release-finding"; readonly release: string; readonly finding: FindingJson }
  | { readonly kind: "test-line"; readonly variant: string; readonly line: string }
  | { readonly kind: "sign-line"; readonly release: string; readonly line: string }
  | { readonly kind: "release-signed"; readonly release: string; readonly digest: string }
  | ({ readonly kind: "variant-done"; readonly variant: string } & JsonOutcome)
  | { readonly kind: "release-stitched"; readonly release: string; readonly digest: string }
  | {
      readonly kind: "index-put";
      readonly release: string;
      readonly repository: string;
      readonly digest: string;
    }
  | { readonly kind: "tag-moved"; readonly release: string; readonly tag: string; readonly digest: string }
  | { readonly kind: "tag-kept"; readonly release: string; readonly tag: string; readonly digest: string }
  | {
      readonly kind: "tag-unchanged";
      readonly release: string;
      readonly tag: string;
      readonly digest: string;
    }
  | {
      readonly kind: "tag-overtaken";
      readonly release: string;
      readonly tag: string;
      readonly digest: string;
      readonly restored: boolean;
    }
  | {
      readonly kind: "variant-rerouted";
      readonly variant: string;
      readonly from: JsonRoute;
      readonly to: JsonRoute;
      readonly failure: FailureJson;
    }
  | {
      readonly kind: "variant-not-kept";
      readonly variant: string;
      readonly tag: string;
      readonly failure: FailureJson;
    }
  | { readonly kind: "staging-left"; readonly release: string; readonly tags: readonly string[] }
  | { readonly kind: "node-dropped"; readonly node: string; readonly detail: string }
  | {
      readonly kind: "variant-taken-over";
      readonly variant: string;
      readonly from: TakenFrom;
      readonly digest: string;
    }
  | { readonly kind: "run-ended"; readonly ok: boolean }
);

export interface JsonRoute {
  readonly variant: string;
  readonly release: string;
  readonly platform: string;
  readonly node: string;
  readonly execution: "native" | "emulated";
}

export interface JsonNode {
  readonly name: string;
  readonly builder: string;
  readonly native: readonly string[];
  readonly platforms: readonly string[];
  readonly maxParallelism: number;
  readonly buildkitVersion?: string;
}

export interface JsonVertex {
  readonly vertex: string;
  readonly name: string;
  readonly cached: boolean;
  readonly startedMs?: number;
  readonly completedMs?: number;
  readonly error?: string;
}

export type JsonOutcome =
  | {
      readonly outcome: "built";
      readonly durationMs: number;
      readonly steps: number;
      readonly cached: number;
      readonly digest?: string;
      readonly size?: number;
      /** Absent: it was built in this run. */
      readonly takenFrom?: TakenFrom;
    }
  | { readonly outcome: "failed"; readonly durationMs: number; readonly failure: FailureJson }
  | { readonly outcome: "cancelled"; readonly durationMs: number; readonly because?: string };

/** The view for programs: one JSON object a line for every event, failures with all their facts. */
export function createJson(options: Pick<RendererOptions, "stream" | "redact">): Renderer {
  const redacted = (_key: string, value: unknown): unknown =>
    typeof value === "string" ? options.redact(value) : value;
  return {
    onEvent: (event) => {
      options.stream.write(`${harmlessJson(JSON.stringify(jsonEvent(event), redacted))}\n`);
    },
    end: async () => {},
  };
}

/** The public form of an event. */
export function jsonEvent(event: RunEvent): JsonEvent {
  const schemaVersion = SCHEMA_VERSION;
  const { atMs } = event;
  switch (event.kind) {
    case "run-started": {
      const { kind, routes, nodes } = event;
      return { schemaVersion, kind, atMs, routes: routes.map(jsonRoute), nodes: nodes.map(jsonNode) };
    }
    case "vertex": {
      const { digest, ...vertex } = event.vertex;
      return { schemaVersion, kind: event.kind, atMs, variant: event.variant, vertex: digest, ...vertex };
    }
    case "log":
    case "test-line":
    case "sign-line":
      return { schemaVersion, ...event, line: plainLine(event.line) };
    case "variant-finding":
    case "release-finding":
      return { schemaVersion, ...event, finding: findingJson(event.finding) };
    case "warning":
      return { schemaVersion, kind: event.kind, atMs, variant: event.variant, ...event.warning };
    case "variant-done":
      return { schemaVersion, kind: event.kind, atMs, variant: event.variant, ...jsonOutcome(event.outcome) };
    case "index-put":
      return { schemaVersion, ...event, repository: formatRepository(event.repository) };
    case "tag-moved":
    case "tag-kept":
    case "tag-unchanged":
    case "tag-overtaken":
      return { schemaVersion, ...event, tag: formatReference(event.tag) };
    case "variant-rerouted": {
      const { kind, variant, from, to, why } = event;
      const failure = failureJson(why);
      return { schemaVersion, kind, atMs, variant, from: jsonRoute(from), to: jsonRoute(to), failure };
    }
    case "variant-not-kept": {
      const { kind, variant, tag, cause } = event;
      const failure = failureJson(cause);
      return { schemaVersion, kind, atMs, variant, tag: formatReference(tag), failure };
    }
    case "staging-left":
      return { schemaVersion, ...event, tags: event.tags.map(formatReference) };
    case "node-dropped":
    case "variant-taken-over":
    case "variant-started":
    case "variant-pushed":
    case "release-stitched":
    case "release-signed":
    case "run-ended":
      return { schemaVersion, ...event };
    default:
      return unreachable(event);
  }
}

function jsonRoute({ variant, node, execution }: Route): JsonRoute {
  const { id, release, platform } = variant;
  return { variant: id, release, platform: formatPlatformFull(platform), node: node.name, execution };
}

function jsonNode(node: Node): JsonNode {
  const { name, builder, maxParallelism, buildkitVersion } = node;
  return {
    name,
    builder,
    native: node.native.map(formatPlatformFull),
    platforms: node.platforms.map(formatPlatformFull),
    maxParallelism,
    ...(buildkitVersion === undefined ? {} : { buildkitVersion }),
  };
}

function jsonOutcome(outcome: VariantOutcome): JsonOutcome {
  const { durationMs } = outcome;
  if (outcome.kind === "failed")
    return { outcome: "failed", durationMs, failure: failureJson(outcome.failure) };
  if (outcome.kind === "cancelled")
    return {
      outcome: "cancelled",
      durationMs,
      ...(outcome.because === undefined ? {} : { because: outcome.because }),
    };
  const { cache, published, takenFrom } = outcome;
  return {
    outcome: "built",
    durationMs,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    ...cache,
    ...(published === undefined ? {} : { digest: published.manifest.digest, size: published.size }),
  };
}
