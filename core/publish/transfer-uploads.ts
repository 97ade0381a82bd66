import { Slots } from "../concurrent.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { BlobOutcome, Store, StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";

/**
 * What several transfers know of each other: a blob is uploaded once to each registry and mounted from there wherever else it
 * is needed, and so many blobs are under way at once as the connections to a registry allow.
 */
export interface Uploads {
  /** Makes sure that `to` has a blob of `from`. One that another transfer has brought, or is bringing, counts as present. */
  put(blob: Descriptor, way: BlobWay): Promise<Result<BlobOutcome, StoreFailure>>;
}

/** Where a blob comes from and goes to. `onBytes` hears of what is sent. */
export interface BlobWay {
  readonly from: Store;
  readonly to: Store;
  readonly signal: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

type Arrival = Promise<Result<BlobOutcome, StoreFailure>>;

/** What is known of one registry (or layout): blobs that came or are coming, by digest and then by store. */
interface Destination {
  readonly slots: Slots;
  readonly arrivals: Map<string, Map<string, { readonly store: Store; readonly arrival: Arrival }>>;
}

/**
 * Fewer than the client's eight connections to one registry: where mounting is refused, each upload needs a second one to
 * read from, and eight uploads would wait for it for ever.
 */
const CONCURRENCY = 6;

/** Begins with nothing known; one for all transfers of a run. */
export function createUploads(): Uploads {
  const destinations = new Map<string, Destination>();
  return {
    put: async (blob, way) => {
      const destination = destinationOf(way.to, destinations);
      const arrivals = destination.arrivals.get(blob.digest) ?? new Map<string, never>();
      destination.arrivals.set(blob.digest, arrivals);
      for (let same = arrivals.get(way.to.name); same !== undefined; same = arrivals.get(way.to.name)) {
        const brought = await same.arrival;
        if (brought.ok) return ok("present");
        // The other transfer may have been given up: that is no answer to this one.
        if (way.signal.aborted) return brought;
      }
      const elsewhere = [...arrivals.values()];
      const arrival = bring(blob, way, { elsewhere, slots: destination.slots }).then((brought) => {
        if (!brought.ok) arrivals.delete(way.to.name);
        return brought;
      });
      arrivals.set(way.to.name, { store: way.to, arrival });
      return await arrival;
    },
  };
}

async function bring(
  blob: Descriptor,
  { from, to, signal, onBytes }: BlobWay,
  {
    elsewhere,
    slots,
  }: { readonly elsewhere: readonly { store: Store; arrival: Arrival }[]; readonly slots: Slots },
): Arrival {
  const mountFrom = mountable(from, to) ? from.repository?.path : await firstHolder(elsewhere);
  const open = (start: number, until: AbortSignal | undefined): AsyncIterable<Uint8Array> =>
    counted(from.openBlob(blob, { from: start, ...(until === undefined ? {} : { signal: until }) }), onBytes);
  const outgoing = { descriptor: blob, open, ...(mountFrom === undefined ? {} : { mountFrom }) };
  return await slots.hold(() => to.putBlob(outgoing, signal));
}

async function firstHolder(
  elsewhere: readonly { readonly store: Store; readonly arrival: Arrival }[],
): Promise<string | undefined> {
  for (const { store, arrival } of elsewhere) {
    if (store.repository !== undefined && (await arrival).ok) return store.repository.path;
  }
  return undefined;
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: ((bytes: number) => void) | undefined,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    onBytes?.(piece.length);
    yield piece;
  }
}

function mountable(from: Store, to: Store): boolean {
  return from.repository !== undefined && from.repository.registry === to.repository?.registry;
}

function destinationOf(to: Store, known: Map<string, Destination>): Destination {
  const key = to.repository === undefined ? `layout ${to.name}` : `registry ${to.repository.registry}`;
  const destination = known.get(key) ?? { slots: new Slots(CONCURRENCY), arrivals: new Map() };
  known.set(key, destination);
  return destination;
}
