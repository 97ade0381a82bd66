import { formatRepository, type Repository } from "../../core/oci/reference.ts";
import type { RegistryFailure } from "../../core/registry/registry-failure.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Store } from "../../core/registry/store.ts";

/** A request that has not come to the registry yet. */
export interface Waiting {
  /** Who asks. */
  readonly actor: string;
  /** `GET registry/path:tag`; HEAD, PUT and DELETE alike. */
  readonly request: string;
}

/** A registry that several actors share, and in which the test says whose request is next. */
export interface Steering {
  /** What one actor sees of it. Requests for tags wait until they are passed; what goes by a digest has no order, and does not. */
  readonly actor: (name: string) => Registry;
  /** In the order in which they were made. */
  readonly waiting: () => readonly Waiting[];
  /** Lets one of those through, by its place in that list; ends when nothing more happens by itself. */
  readonly pass: (at: number) => Promise<void>;
}

interface Held extends Waiting {
  readonly go: () => void;
}

/** Stands before a registry whose answers need no time. */
export function steer(registry: Registry): Steering {
  const held: Held[] = [];
  const hold = (actor: string, request: string): Promise<void> =>
    new Promise((resolve) => void held.push({ actor, request, go: resolve }));
  return {
    actor: (name) => ({
      ...registry,
      store: (repository) =>
        steeredStore(registry.store(repository), repository, (request) => hold(name, request)),
    }),
    waiting: () => held.map(({ actor, request }) => ({ actor, request })),
    pass: async (at) => {
      const [next] = held.splice(at, 1);
      if (next === undefined) throw new Error(`there is no request ${at}`);
      next.go();
      await settled();
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
