import type {
  BuildKit,
  BuildResult,
  Node,
  SolveFailure,
  SolveRequest,
} from "../../core/buildkit/buildkit.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { formatPlatform } from "../../platforms/platform.ts";
import { makeImage } from "./images.ts";
import type { MemoryRegistry } from "./memory-registry.ts";

/** BuildKit as an object: a solve begins when it is asked for, and ends when the test says so. */
export interface MemoryBuildKit extends BuildKit {
  /** Solves under way, in the order in which they began: `repository-path platform`. */
  readonly running: () => readonly string[];
  /** All that ever began. */
  readonly begun: readonly string[];
  /** How many solves ran at once on each node, at most. */
  readonly most: ReadonlyMap<string, number>;
  /** Named contexts and outputs that a solve was asked for, the last of this name. */
  readonly contextsOf: (name: string) => SolveRequest["build"]["contexts"] | undefined;
  readonly outputsOf: (name: string) => SolveRequest["build"]["outputs"] | undefined;
  /** From now on, it does not answer any more. */
  readonly kill: (node: string) => void;
  /** Ends one solve: with its image pushed, or with a failure. */
  readonly finish: (name: string, failure?: SolveFailure) => void;
}

interface Running {
  readonly name: string;
  readonly node: string;
  readonly finish: (failure?: SolveFailure) => void;
}

/** Opens one with these nodes; what it builds is pushed into this registry, into every repository that is asked for. */
export function memoryBuildKit(nodes: readonly Node[], registry: MemoryRegistry): MemoryBuildKit {
  const running: Running[] = [];
  const dead = new Set<string>();
  const begun: string[] = [];
  const requests = new Map<string, SolveRequest>();
  const most = new Map<string, number>();
  const begin = (solve: Running): void => {
    running.push(solve);
    begun.push(solve.name);
    const now = running.filter(({ node }) => node === solve.node).length;
    most.set(solve.node, Math.max(now, most.get(solve.node) ?? 0));
  };
  const solve: BuildKit["solve"] = (request, _, signal) =>
    new Promise((resolve) => {
      const end = (result: Result<BuildResult, SolveFailure>): void => {
        const at = running.indexOf(self);
        if (at >= 0) running.splice(at, 1);
        resolve(result);
      };
      const self: Running = {
        name: nameOf(request),
        node: request.node.name,
        finish: (failure) => end(failure === undefined ? push(request, registry) : fail(failure)),
      };
      requests.set(self.name, request);
      begin(self);
      const cancel = (): void => end(fail({ kind: "solve-cancelled" }));
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel, { once: true });
    });
  const finish = (name: string, failure?: SolveFailure): void => {
    const found = running.find((each) => each.name === name);
    if (found === undefined)
      throw new Error(`${name} does not run; ${running.map((each) => each.name).join(", ")}`);
    found.finish(failure);
  };
  return {
    nodes,
    solve,
    lint: async () => ok([]),
    isAlive: async ({ name }) => !dead.has(name),
    running: () => running.map(({ name }) => name),
    begun,
    contextsOf: (name) => requests.get(name)?.build.contexts,
    outputsOf: (name) => requests.get(name)?.build.outputs,
    kill: (name) => void dead.add(name),
    most,
    finish,
    close: async () => undefined,
  };
}

function nameOf({ build, platform }: SolveRequest): string {
  return `${build.repositories[0]?.path} ${formatPlatform(platform)}`;
}

function push(
  { image: asked, platform }: SolveRequest,
  registry: MemoryRegistry,
): Result<BuildResult, SolveFailure> {
  const { os, architecture, variant } = platform;
  const image = makeImage({ os, architecture, ...(variant === undefined ? {} : { variant }) });
  for (const repository of asked.kind === "push" ? asked.repositories : []) registry.push(repository, image);
  return ok({ digest: image.manifest.descriptor.digest });
}
