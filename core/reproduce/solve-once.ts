import type { BuildKit, HandedOver, SolveFailure, SolveRequest } from "../buildkit/buildkit.ts";
import { openLayout } from "../layout/open.ts";
import { withNeeds, type Need } from "../needs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Build } from "../plan/build.ts";
import { confirmVariant, type ConfirmedImage, type ConfirmFailure } from "../publish/confirm.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Route } from "../route/route.ts";
import type { StepWatch } from "../step-watch.ts";

/** What one build of a variant made: an image in a layout, until it is removed. */
export interface BuiltImage {
  readonly store: Store;
  readonly manifest: Digest;
  readonly image: ConfirmedImage;
  /** As those that are built from it are told of it. */
  readonly need: Need;
  readonly remove: () => Promise<void>;
}

/** What building a variant once needs of the world. */
export interface SolveOnceWorld {
  readonly buildkit: BuildKit;
  /** Built before, by variant. */
  readonly needed: ReadonlyMap<string, BuiltImage>;
  readonly watch: StepWatch | undefined;
  readonly signal: AbortSignal;
}

/** Builds a variant without a cache where its route says, and reads what BuildKit hands over. Nothing leaves the builder but that. */
export async function solveOnce(
  route: Route,
  world: SolveOnceWorld,
): Promise<Result<BuiltImage, SolveFailure | ConfirmFailure | StoreFailure>> {
  const { buildkit, watch, signal } = world;
  if (signal.aborted) return fail({ kind: "solve-cancelled" });
  watch?.begin();
  const built = await buildkit.solve(requestOf(route, world), (status) => watch?.take(status), signal);
  if (!built.ok) return built;
  const { digest, file } = built.value;
  if (digest === undefined || file === undefined)
    return fail({ kind: "result-missing", detail: "BuildKit handed over no image" });
  return await readBack(route, { digest, file }, signal);
}

function requestOf({ variant, node, execution }: Route, { needed }: SolveOnceWorld): SolveRequest {
  const { platform, timeoutMs, stallMs, needs = [] } = variant;
  const there = needs.flatMap((id) => needed.get(id)?.need ?? []);
  return {
    node,
    platform,
    build: withNeeds(imageOnly(variant.build), there),
    image: { kind: "layout" },
    isEmulated: execution === "emulated",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(stallMs === undefined ? {} : { stallMs }),
  };
}

/** The build of the image itself: attestations tell times, caches would be read or written, and files are somebody's. */
function imageOnly(build: Build): Build {
  return { ...build, noCache: true, cacheFrom: [], cacheTo: [], outputs: [], attest: {} };
}

async function readBack(
  { variant }: Route,
  { digest, file }: { readonly digest: Digest; readonly file: HandedOver },
  signal: AbortSignal,
): Promise<Result<BuiltImage, ConfirmFailure | StoreFailure>> {
  const layout = await openLayout(file.path);
  if (!layout.ok) {
    await file.remove();
    return layout;
  }
  const { store } = layout.value;
  const remove = async (): Promise<void> => {
    await layout.value.close();
    await file.remove();
  };
  const { id, platform } = variant;
  const image = await confirmVariant(store, { variant: id, platform, digest, annotations: {} }, signal);
  if (!image.ok) {
    await remove();
    return image;
  }
  const manifest = image.value.manifest.digest;
  return ok({ store, manifest, image: image.value, need: { variant, layout: file.path }, remove });
}
