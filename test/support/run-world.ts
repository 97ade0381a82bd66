import type { Node, SolveFailure } from "../../core/buildkit/buildkit.ts";
import type { RunEvent } from "../../core/event.ts";
import type { Plan, PlannedRelease, Variant } from "../../core/plan/plan.ts";
import type { Registry } from "../../core/registry/registry.ts";
import { run, type RunOptions, type RunReport } from "../../core/run.ts";
import { build, node, variant } from "./make.ts";
import { memoryBuildKit, type MemoryBuildKit } from "./memory-buildkit.ts";
import { memoryRegistry, type MemoryRegistry } from "./memory-registry.ts";
import { plannedRelease } from "./release.ts";

/** The platforms that all nodes here take. */
export const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"];

const BROKEN: SolveFailure = { kind: "step-failed", step: "[1/1] RUN make", message: "no", log: [] };

/** A release of these platforms, with one tag in each of these repositories. */
export function releaseOf(
  name: string,
  platforms: readonly string[],
  hosts: readonly string[] = ["one.example"],
): PlannedRelease {
  const repositories = hosts.map((registry) => ({ registry, path: name }));
  const variants = platforms.map((text) =>
    variant(text, { id: `${name} ${text}`, release: name, build: build({ repositories }) }),
  );
  const tags = repositories.map((repository) => ({ ...repository, tag: "1" }));
  return plannedRelease({ name, variants, repositories, tags });
}

/** The release with one of its variants changed. */
export function withVariant(release: PlannedRelease, at: number, changes: Partial<Variant>): PlannedRelease {
  const variants = release.variants.map((each, index) => (index === at ? { ...each, ...changes } : each));
  return { ...release, variants };
}

/** A run under way, in a world of objects. */
export interface World {
  readonly buildkit: MemoryBuildKit;
  readonly registry: MemoryRegistry;
  readonly events: readonly RunEvent[];
  readonly cancel: () => void;
  readonly ended: Promise<RunReport>;
  /** Ends these solves one after the other, each as soon as it runs. */
  readonly finish: (...names: readonly string[]) => Promise<void>;
  readonly fail: (name: string) => Promise<void>;
}

/** What is run, and where; one node with room for all where nothing else is said. */
export interface Start {
  readonly releases: readonly PlannedRelease[];
  readonly nodes?: readonly Node[];
  /** The node of each variant, where it is not the first. */
  readonly place?: (variant: Variant) => Node | undefined;
  readonly prepare?: (registry: MemoryRegistry) => void;
  /** What stands between the run and the registry. */
  readonly through?: (registry: MemoryRegistry) => Registry;
  readonly options?: Pick<RunOptions, "allowed" | "recorder" | "gates" | "preflight" | "takeOver" | "joined">;
  /** What the plan says besides. */
  readonly plan?: Partial<Plan>;
  /** When a variant is expected to begin. */
  readonly expectedStart?: (variant: Variant) => number;
  /** Folder for what one build hands to another. */
  readonly scratch?: string;
  readonly onEvent?: (event: RunEvent, cancel: () => void) => void;
}

const WIDE = node("wide", PLATFORMS, [], { maxParallelism: 99 });

/** Begins a run. Nothing in it ends before the test says so. */
export function start({
  releases,
  nodes = [WIDE],
  place,
  prepare,
  onEvent,
  through,
  options = {},
  plan: said = {},
  expectedStart,
  scratch,
}: Start): World {
  const registry = memoryRegistry();
  prepare?.(registry);
  const buildkit = memoryBuildKit(nodes, registry);
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const events: RunEvent[] = [];
  const plan: Plan = {
    file: { path: "buildx-plan.yaml", text: "" },
    directory: "/project",
    builders: [],
    registries: [],
    check: { ignore: [] },
    releases,
    warnings: [],
    secretValues: [],
    ...said,
  };
  const routes = releases
    .flatMap(({ variants }) => variants)
    .map((each) => ({
      variant: each,
      node: place?.(each) ?? nodes[0] ?? WIDE,
      execution: "native" as const,
      ...(expectedStart && {
        expected: { startMs: expectedStart(each), durationMs: 1, isKnown: true },
      }),
    }));
  const ended = run({
    plan,
    routes,
    buildkit,
    target: {
      kind: "registries",
      registry: through?.(registry) ?? registry,
      byBuilder: (repositories) => repositories,
    },
    ...options,
    ...(scratch === undefined ? {} : { scratch: async () => scratch }),
    onEvent: (event) => {
      events.push(event);
      onEvent?.(event, cancel);
    },
    signal: controller.signal,
    now: () => events.length,
  });
  const end = async (name: string, failure?: SolveFailure): Promise<void> => {
    await until(() => buildkit.running().includes(name));
    buildkit.finish(name, failure);
  };
  const finish = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) await end(name);
  };
  return {
    buildkit,
    registry,
    events,
    cancel,
    ended,
    finish,
    fail: (name) => end(name, BROKEN),
  };
}

/** Waits, a turn at a time, for what must come without anybody's help. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come");
}
