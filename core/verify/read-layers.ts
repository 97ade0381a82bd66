import { Slots } from "../concurrent.ts";
import type { LayerMemory, LayerSummary, LayerUnreadable } from "../layers/layer.ts";
import { readLayer } from "../layers/read-layer.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { isNonDistributable } from "../oci/media-type.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { VerifyWorld } from "./verified.ts";

/** Layers that are streamed at the same time, over all images: more would not be faster on the cores of a CI machine. */
const CONCURRENCY = 2;

/** A layer of an image: its summary, or why there is none. `bytes`: how many had to be read for it. */
export type ReadLayer =
  | { readonly kind: "read"; readonly summary: LayerSummary; readonly bytes: number }
  /** Nobody has to keep it: a layer that may not be distributed. */
  | { readonly kind: "elsewhere" }
  | { readonly kind: "absent" }
  | { readonly kind: "damaged"; readonly detail: string }
  | { readonly kind: "unreadable"; readonly failure: LayerUnreadable };

/** Sums up layers, those that are known without reading them. Fails only where the store does: it is not known then what is in them. */
export async function readLayers(
  layers: readonly Descriptor[],
  world: VerifyWorld,
): Promise<Result<readonly ReadLayer[], StoreFailure>> {
  const read = await Promise.all(layers.map((layer) => readOne(layer, world)));
  const failed = read.find((each) => !each.ok);
  if (failed?.ok === false) return failed;
  return ok(read.flatMap((each) => (each.ok ? [each.value] : [])));
}

type Streamed = Result<LayerSummary, StoreFailure | LayerUnreadable>;

/** Streams under way, by digest, of all that share a memory: a layer that two images ask for at once is streamed once. */
interface Flights {
  readonly slots: Slots;
  readonly streams: Map<Digest, Promise<Streamed>>;
}

const flightsOf = new WeakMap<LayerMemory, Flights>();

async function readOne(layer: Descriptor, world: VerifyWorld): Promise<Result<ReadLayer, StoreFailure>> {
  const { memory } = world;
  const known = await memory.get(layer.digest);
  if (known?.digest === layer.digest) return ok({ kind: "read", summary: known, bytes: 0 });
  const flights = flightsOf.get(memory) ?? { slots: new Slots(CONCURRENCY), streams: new Map() };
  flightsOf.set(memory, flights);
  const { streamed, bytes } = await streamOnce(layer, world, flights);
  return streamed.ok
    ? ok({ kind: "read", summary: streamed.value, bytes })
    : failedRead(layer, streamed.error);
}

/** Joins a stream that is under way, or begins one. */
async function streamOnce(
  layer: Descriptor,
  world: VerifyWorld,
  flights: Flights,
): Promise<{ readonly streamed: Streamed; readonly bytes: number }> {
  const { digest, size } = layer;
  for (;;) {
    const flying = flights.streams.get(digest);
    if (flying === undefined) return { streamed: await takeOff(layer, world, flights), bytes: size };
    const streamed = await flying;
    if (streamed.ok || streamed.error.kind === "layer-unreadable") return { streamed, bytes: 0 };
    // What another image's stream failed with (another store, a cancelled run) may not be true of ours.
    if (flights.streams.get(digest) === flying) flights.streams.delete(digest);
  }
}

/** As when images are read back: 404 right after a push is not yet an answer. */
const READ_WAITS_MS = [250, 500, 1_000, 2_000];

async function readPatiently(
  layer: Descriptor,
  { store, signal, timing }: VerifyWorld,
): Promise<Streamed | undefined> {
  const read = (): Promise<Streamed | undefined> =>
    readLayer(store, layer, { signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
  let result = await read();
  for (const waitMs of timing === undefined ? [] : READ_WAITS_MS) {
    const isLate = result?.ok === false && result.error.kind !== "layer-unreadable" && isAbsent(result.error);
    if (!isLate || signal.aborted || isElsewhere(layer)) break;
    await timing?.sleep(waitMs, signal);
    result = await read();
  }
  return result;
}

function takeOff(layer: Descriptor, world: VerifyWorld, { slots, streams }: Flights): Promise<Streamed> {
  const { store, memory } = world;
  const stream = slots.hold(async (): Promise<Streamed> => {
    const read = await readPatiently(layer, world);
    if (read?.ok === true) await memory.put(read.value);
    return read ?? fail({ kind: "layout-cancelled", path: store.name } as const);
  });
  streams.set(layer.digest, stream);
  const land = (): void => {
    if (streams.get(layer.digest) === stream) streams.delete(layer.digest);
  };
  stream.then(land, land);
  return stream;
}

function failedRead(
  layer: Descriptor,
  failure: StoreFailure | LayerUnreadable,
): Result<ReadLayer, StoreFailure> {
  if (failure.kind === "layer-unreadable") return ok({ kind: "unreadable", failure });
  if (failure.kind === "digest-mismatch" || failure.kind === "layout-content-damaged")
    return ok({ kind: "damaged", detail: "its bytes are not those that its digest stands for" });
  if (!isAbsent(failure)) return fail(failure);
  return ok({ kind: isElsewhere(layer) ? "elsewhere" : "absent" });
}

function isElsewhere({ mediaType, urls = [] }: Descriptor): boolean {
  return isNonDistributable(mediaType) || urls.length > 0;
}
