import { digestOf } from "../../core/oci/digest-of.ts";
import type { RenderClock } from "../../cli/render/renderer.ts";
import type { SolveFailure, StepFailed } from "../../core/buildkit/buildkit.ts";
import type { Vertex } from "../../core/buildkit/status.ts";
import type { RunEvent } from "../../core/event.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Route } from "../../core/route/route.ts";
import { node, platform, variant } from "./make.ts";

/** A digest that is made from a name, so that tests can tell them apart. */
export function digest(name: string): Digest {
  return digestOf(new TextEncoder().encode(name));
}

/** Time that stands still until a test moves it; timers fire in between, after everything that waits has run. */
export interface FakeClock extends RenderClock {
  advance(ms: number): Promise<void>;
}

export function createFakeClock(startMs = 0): FakeClock {
  let nowMs = startMs;
  const timers = new Map<() => void, { readonly ms: number; due: number }>();
  return {
    now: () => nowMs,
    every: (ms, callback) => {
      const entry = (): void => callback();
      timers.set(entry, { ms, due: nowMs + ms });
      return () => timers.delete(entry);
    },
    advance: async (ms) => {
      const end = nowMs + ms;
      await new Promise((resolve) => setImmediate(resolve));
      for (;;) {
        const next = [...timers].toSorted((a, b) => a[1].due - b[1].due)[0];
        if (next === undefined || next[1].due > end) break;
        nowMs = next[1].due;
        next[1].due += next[1].ms;
        next[0]();
      }
      nowMs = end;
    },
  };
}

/** Routes of one release: a platform that is native, others emulated. */
export function routesOf(platforms: readonly string[], release = "app"): readonly Route[] {
  const where = node("managed", [platforms[0] ?? "linux/amd64"], platforms.slice(1));
  return platforms.map((text, index) => ({
    variant: variant(text, { id: `${release} ${text}`, release }),
    node: where,
    execution: index === 0 ? "native" : "emulated",
  }));
}

/** Events of a run, at the time that the clock shows. */
export function eventsAt(clock: { now(): number }) {
  const atMs = (): number => clock.now();
  return {
    runStarted: (routes: readonly Route[]): RunEvent => ({
      kind: "run-started",
      atMs: atMs(),
      routes,
      nodes: [...new Set(routes.map((route) => route.node))],
    }),
    started: (id: string): RunEvent => ({ kind: "variant-started", atMs: atMs(), variant: id }),
    step: (id: string, name: string, changes: Partial<Vertex> = {}): RunEvent => ({
      kind: "vertex",
      atMs: atMs(),
      variant: id,
      vertex: { digest: digest(`${id} ${name}`), name, cached: false, startedMs: atMs(), ...changes },
    }),
    log: (id: string, step: string, line: string): RunEvent => ({
      kind: "log",
      atMs: atMs(),
      variant: id,
      vertex: digest(`${id} ${step}`),
      step,
      line,
    }),
    pushed: (id: string): RunEvent => ({
      kind: "variant-pushed",
      atMs: atMs(),
      variant: id,
      digest: digest(id),
    }),
    built: (id: string, durationMs: number, cache = { steps: 4, cached: 1 }): RunEvent => ({
      kind: "variant-done",
      atMs: atMs(),
      variant: id,
      outcome: { kind: "built", cache, durationMs, published: published(id) },
    }),
    failed: (id: string, durationMs: number, failure: SolveFailure): RunEvent => ({
      kind: "variant-done",
      atMs: atMs(),
      variant: id,
      outcome: { kind: "failed", durationMs, failure },
    }),
    cancelled: (id: string, durationMs: number): RunEvent => ({
      kind: "variant-done",
      atMs: atMs(),
      variant: id,
      outcome: { kind: "cancelled", durationMs },
    }),
    stitched: (release: string): RunEvent => ({
      kind: "release-stitched",
      atMs: atMs(),
      release,
      digest: digest(release),
    }),
    signLine: (release: string, line: string): RunEvent => ({
      kind: "sign-line",
      atMs: atMs(),
      release,
      line,
    }),
    indexPut: (release: string): RunEvent => ({
      kind: "index-put",
      atMs: atMs(),
      release,
      repository: { registry: "registry.example", path: "team/app" },
      digest: digest(release),
    }),
    tagMoved: (release: string, tag: string): RunEvent => ({
      kind: "tag-moved",
      atMs: atMs(),
      release,
      tag: { registry: "registry.example", path: "team/app", tag },
      digest: digest(release),
    }),
    tagKept: (release: string, tag: string): RunEvent => ({
      kind: "tag-kept",
      atMs: atMs(),
      release,
      tag: { registry: "registry.example", path: "team/app", tag },
      digest: digest("before"),
    }),
    tagOvertaken: (release: string, tag: string, restored: boolean): RunEvent => ({
      kind: "tag-overtaken",
      atMs: atMs(),
      release,
      tag: { registry: "registry.example", path: "team/app", tag },
      digest: digest("other"),
      restored,
    }),
    tagUnchanged: (release: string, tag: string): RunEvent => ({
      kind: "tag-unchanged",
      atMs: atMs(),
      release,
      tag: { registry: "registry.example", path: "team/app", tag },
      digest: digest(release),
    }),
    ended: (ok: boolean): RunEvent => ({ kind: "run-ended", atMs: atMs(), ok }),
  };
}

function published(id: string) {
  const manifest = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digest(id), size: 500 };
  const text = id.split(" ").at(-1) ?? "";
  return { variant: id, platform: platform(text), manifest, attestations: [], size: 3_420_000, layers: [] };
}

/** The failure of `[2/3] RUN make`, with a log of 3 lines. */
export const MAKE_FAILED: StepFailed = {
  kind: "step-failed",
  step: "[2/3] RUN make",
  message: 'process "/bin/sh -c make" did not complete successfully: exit code: 2',
  exitCode: 2,
  log: ["cc -c main.c", "main.c:3:1: error: unknown type name", "make: *** [main.o] Error 1"],
  dockerfile: { path: "Dockerfile", line: 7 },
};
