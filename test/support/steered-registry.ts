import { formatRepository, type Repository } from "../../core/oci/reference.ts";
import type { RegistryFailure } from "../../core/registry/registry-failure.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Timing } from "../../core/registry/retry.ts";
import type { Store } from "../../core/registry/store.ts";

/** A request that has not come to the registry yet, or a wait that has not ended. */
export interface Waiting {
  /** Who asks. */
  readonly actor: string;
  /** `GET registry/path:tag`; HEAD, PUT and DELETE alike. `sleep` is a wait. */
  readonly request: string;
}

/** A registry that several actors share, and in which the test says whose request is next. */
export interface Steering {
  /** What one actor sees of it. Requests for tags wait until they are passed; what goes by a digest has no order, and does not. */
  readonly actor: (name: string) => Registry;
  /** The waits of one actor, which end when they are passed. */
  readonly timing: (name: string) => Pick<Timing, "sleep">;
  /** What may be passed, in the order in which it was begun. */
  readonly waiting: () => readonly Waiting[];
  /** Lets one of those through, by its place in that list; ends when nothing more happens by itself. */
  readonly pass: (at: number) => Promise<void>;
}

interface Held extends Waiting {
  readonly go: () => void;
  readonly mayGo: () => boolean;
}

/**
 * How long requests may take beside waits. A wait is longer than whatever others are at when it begins: whoever has had an answer and not yet come to a wait
 * of its own, or to its end, comes there first. With `any`, it may as well be shorter.
 */
export interface SteeringOptions {
  readonly delays?: "any";
}

/** Stands before a registry whose answers need no time. */
export function steer(registry: Registry, { delays }: SteeringOptions = {}): Steering {
  const held: Held[] = [];
  const stretches = followStretches((actor) => held.some((each) => each.actor === actor));
  const hold = (actor: string, request: string, mayGo = (): boolean => true): Promise<void> =>
    new Promise((resolve) => void held.push({ actor, request, go: resolve, mayGo }));
  const passable = (): readonly Held[] => held.filter((each) => each.mayGo());
  return {
    actor: (name) => ({
      ...registry,
      store: (repository) =>
        steeredStore(registry.store(repository), repository, (request) => hold(name, request)),
    }),
    timing: (name) => ({
      sleep: async () => {
        const areOver = stretches.end(name);
        await hold(name, "sleep", () => delays === "any" || areOver());
      },
    }),
    waiting: () => passable().map(({ actor, request }) => ({ actor, request })),
    pass: async (at) => {
      const next = passable()[at];
      if (next === undefined) throw new Error(`there is no request ${at}`);
      held.splice(held.indexOf(next), 1);
      if (next.request !== "sleep") stretches.begin(next.actor);
      next.go();
      await settled();
    },
  };
}

/** What each actor does from the first answer to its next wait, or to its end. */
interface Stretches {
  readonly begin: (actor: string) => void;
  /** Ends an actor's own; answers whether those of all others that are under way now have ended, too. */
  readonly end: (actor: string) => () => boolean;
}

function followStretches(isAtWork: (actor: string) => boolean): Stretches {
  const underWay = new Map<string, symbol>();
  return {
    begin: (actor) => void underWay.set(actor, underWay.get(actor) ?? Symbol(actor)),
    end: (actor) => {
      underWay.delete(actor);
      const others = [...underWay];
      return () => others.every(([other, stretch]) => underWay.get(other) !== stretch || !isAtWork(other));
    },
  };
}

function steeredStore(
  store: Store<RegistryFailure>,
  repository: Repository,
  hold: (request: string) => Promise<void>,
): Store<RegistryFailure> {
  const isDigest = (reference: string): boolean => reference.includes(":");
  const wait = async (method: string, reference: string): Promise<void> => {
    if (!isDigest(reference)) await hold(`${method} ${formatRepository(repository)}:${reference}`);
  };
  return {
    ...store,
    resolve: async (reference, signal) => {
      await wait("HEAD", reference);
      return await store.resolve(reference, signal);
    },
    manifest: async (reference, signal) => {
      await wait("GET", reference);
      return await store.manifest(reference, signal);
    },
    putManifest: async (reference, document, signal) => {
      await wait("PUT", reference);
      return await store.putManifest(reference, document, signal);
    },
    delete: async (reference, signal) => {
      // By digest, too: a registry takes the tags of what it removes along.
      await hold(`DELETE ${formatRepository(repository)}@${reference}`);
      return await store.delete(reference, signal);
    },
  };
}

/** A few turns, in which whoever has got an answer makes its next request. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Actors at work on a registry of their own. */
export interface Scene {
  readonly steering: Steering;
  /** Looks at what came of it, once nobody waits any more; `order` is what was passed. */
  readonly check: (order: readonly Waiting[]) => Promise<void>;
}

/** Plays a scene with the requests in every order that there is, and answers how many that were; more than `most` is an error. */
export async function inEveryOrder(open: () => Scene, most: number): Promise<number> {
  let choices: readonly number[] = [];
  for (let count = 1; count <= most; count += 1) {
    const taken = await play(open(), (at) => choices[at] ?? 0);
    const next = nextChoices(taken);
    if (next === undefined) return count;
    choices = next;
  }
  throw new Error(`there are more than ${most} orders`);
}

/** Plays a scene once, in the order that `choose` says: it is given a step and the number of requests that wait. */
export async function play(
  scene: Scene,
  choose: (step: number, of: number) => number,
): Promise<readonly { readonly chosen: number; readonly of: number }[]> {
  const { steering, check } = scene;
  const taken: { readonly chosen: number; readonly of: number }[] = [];
  const order: Waiting[] = [];
  await settled();
  for (let waiting = steering.waiting(); waiting.length > 0; waiting = steering.waiting()) {
    const chosen = choose(taken.length, waiting.length);
    const request = waiting[chosen];
    if (request === undefined) throw new Error(`no request ${chosen} of ${waiting.length}`);
    taken.push({ chosen, of: waiting.length });
    order.push(request);
    await steering.pass(chosen);
  }
  await check(order);
  return taken;
}

/** The last choice that can still be another one, made that; those after it begin anew. */
function nextChoices(
  taken: readonly { readonly chosen: number; readonly of: number }[],
): readonly number[] | undefined {
  const last = taken.findLastIndex(({ chosen, of }) => chosen + 1 < of);
  if (last < 0) return undefined;
  return [...taken.slice(0, last).map(({ chosen }) => chosen), (taken[last]?.chosen ?? 0) + 1];
}
