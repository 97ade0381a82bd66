import type { BuildKit, BuildResult, Node, SolveFailure } from "./buildkit/buildkit.ts";
import { isPushRace } from "./buildkit/failure.ts";
import type { RunEvent } from "./event.ts";
import { fail, type Result } from "./result.ts";
import type { Rooms } from "./rooms.ts";
import { rerouteVariant, type Route } from "./route/route.ts";

/** What building a variant somewhere needs of a run. */
export interface AttemptWorld {
  readonly buildkit: Pick<BuildKit, "nodes" | "isAlive">;
  readonly rooms: Rooms;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** A variant that was built, or not, and where it was tried last. */
export interface Attempted {
  readonly route: Route;
  readonly built: Result<BuildResult, SolveFailure>;
}

/** So often a variant is built again where the plan does not say: a crash of an emulator is often a matter of chance. */
const RETRIES = 1;

/**
 * Builds a variant where its route says, and where that comes to nothing for reasons that are not the variant's own (the node is
 * lost, the emulator has crashed, nothing moves any more), again elsewhere: as often as the plan allows, on the nodes that it allows.
 */
export async function attempt(
  route: Route,
  world: AttemptWorld,
  solve: (route: Route) => Promise<Result<BuildResult, SolveFailure>>,
): Promise<Attempted> {
  const tried = new Set<string>();
  let retries = route.variant.retries ?? RETRIES;
  for (let at = route; ;) {
    const here = at;
    const { built, fate } = await attemptHere(here, world, solve);
    if (built.ok || fate === "final" || (fate === "again" && retries === 0)) return { route: here, built };
    if (fate === "again") retries -= 1;
    tried.add(here.node.name);
    const { rooms } = world;
    const load = ({ name }: Node): number => rooms.load(name);
    const next = rerouteVariant(here.variant, world.buildkit.nodes, { lost: rooms.lost(), tried, load });
    if (next === undefined) return { route: here, built };
    const [variant, why] = [here.variant.id, built.error];
    world.onEvent({ kind: "variant-rerouted", atMs: world.now(), variant, from: here, to: next, why });
    at = next;
  }
}

interface Attempt {
  readonly built: Result<BuildResult, SolveFailure>;
  readonly fate: Fate;
}

/** The room is kept until it is known whether the node is lost: who waits for it would only be lost there, too. */
async function attemptHere(
  route: Route,
  world: AttemptWorld,
  solve: (route: Route) => Promise<Result<BuildResult, SolveFailure>>,
): Promise<Attempt> {
  const { node, expected } = route;
  const wish = { node: node.name, order: expected?.startMs ?? 0 };
  const held = await world.rooms.hold(wish, async (): Promise<Attempt> => {
    const built = await pushAgain(route, world, solve);
    return {
      built,
      fate: built.ok || world.signal.aborted ? "final" : await judge(route, built.error, world),
    };
  });
  return held === "lost" ? { built: gone(node), fate: "elsewhere" } : held;
}

/** So often a build is repeated whose blobs met those of another one: all of it comes from the cache, and what is there is not pushed again. */
const PUSHES_AGAIN = 2;

async function pushAgain(
  route: Route,
  { onEvent, now, signal }: AttemptWorld,
  solve: (route: Route) => Promise<Result<BuildResult, SolveFailure>>,
): Promise<Result<BuildResult, SolveFailure>> {
  let built = await solve(route);
  for (let again = 0; again < PUSHES_AGAIN; again += 1) {
    if (built.ok || signal.aborted || built.error.kind !== "push-failed" || !isPushRace(built.error)) break;
    const variant = route.variant.id;
    onEvent({ kind: "variant-rerouted", atMs: now(), variant, from: route, to: route, why: built.error });
    built = await solve(route);
  }
  return built;
}

function gone({ name }: Node): Result<never, SolveFailure> {
  return fail({ kind: "node-lost", node: name, detail: "it was lost while this build waited for it" });
}

/** `final`: it would come to the same anywhere; `again`: another attempt may end well; `elsewhere`: it has to be on another node. */
type Fate = "final" | "again" | "elsewhere";

async function judge({ node }: Route, failure: SolveFailure, world: AttemptWorld): Promise<Fate> {
  if (failure.kind === "emulator-crashed" || failure.kind === "solve-stalled") return "again";
  if (failure.kind !== "node-lost") return "final";
  const { rooms, buildkit, onEvent, now, signal } = world;
  if (rooms.lost().has(node.name)) return "elsewhere";
  // A connection may break although both its ends are well.
  if (await buildkit.isAlive(node, signal)) return "again";
  if (signal.aborted) return "final";
  if (!rooms.lost().has(node.name)) {
    rooms.drop(node.name);
    onEvent({ kind: "node-dropped", atMs: now(), node: node.name, detail: failure.detail });
  }
  return "elsewhere";
}
