import type { BuildResult, HandedOver, ImageResult, ToolFailure } from "./buildkit/buildkit.ts";
import type { LoadFailed } from "./buildkit/docker-load.ts";
import type { Digest } from "./oci/digest.ts";
import { formatRepository, type Repository } from "./oci/reference.ts";
import type { Variant } from "./plan/plan.ts";
import {
  confirmPresent,
  confirmVariant,
  type Confirmation,
  type ConfirmFailure,
  type ConfirmedImage,
  type PublishedManifest,
} from "./publish/confirm.ts";
import type { TransferFailure } from "./publish/transfer-failure.ts";
import type { Uploads } from "./publish/transfer-uploads.ts";
import type { Registry } from "./registry/registry.ts";
import type { Store, StoreFailure } from "./registry/store.ts";
import { fail, ok, type Result } from "./result.ts";

/** Where the images of a run go. */
export type Target =
  /** Into the repositories of the plan; `byBuilder` picks those that BuildKit can push to in one go. */
  | {
      readonly kind: "registries";
      readonly registry: Registry;
      readonly byBuilder: (repositories: readonly Repository[]) => readonly Repository[];
    }
  | { readonly kind: "layout"; readonly store: Store }
  | {
      readonly kind: "docker";
      /** What a release's image is called there. */
      readonly names: (release: string) => readonly string[];
      readonly load: (
        archive: string,
        signal: AbortSignal,
      ) => Promise<Result<void, LoadFailed | ToolFailure>>;
    }
  /** Nowhere: what a build makes are the plan's files. */
  | { readonly kind: "files" };

/** A variant that was built is not where it should be. */
export type DeliveryFailure =
  | ConfirmFailure
  | LoadFailed
  | ToolFailure
  | {
      readonly kind: "variant-not-pushed";
      readonly store: string;
      readonly cause: TransferFailure | StoreFailure;
    };

/** What delivering needs besides the build's result. */
export interface Delivery {
  readonly target: Target;
  /** Shared by all variants of a run, so that each blob is uploaded once. */
  readonly uploads: () => Promise<Uploads>;
  readonly signal: AbortSignal;
  /** It is known by this digest, and on its way or there. */
  readonly onPushed: (digest: Digest) => void;
}

/** What BuildKit is to do with a variant's image, so that {@link deliver} can go on from there. */
export function imageFor({ build, release }: Variant, target: Target): ImageResult {
  switch (target.kind) {
    case "registries":
      if (build.repositories.length === 0) return { kind: "none" };
      if (build.push === "client") return { kind: "layout" };
      return { kind: "push", repositories: target.byBuilder(build.repositories) };
    case "layout":
      return { kind: "layout" };
    case "docker":
      return { kind: "docker", names: target.names(release) };
    case "files":
      return { kind: "none" };
    default:
      return target satisfies never;
  }
}

/** Where images that go to these repositories are read again; undefined where nothing of them can be. */
export function storeOf(target: Target, repositories: readonly Repository[]): Store | undefined {
  if (target.kind === "layout") return target.store;
  const [first] = repositories;
  return target.kind === "registries" && first !== undefined ? target.registry.store(first) : undefined;
}

/**
 * Brings what was built to where it goes, and reads it back there: pushes what BuildKit handed over, and copies what it pushed to
 * one registry to the others, as bytes. Answers undefined where nothing is published.
 */
export async function deliver(
  variant: Variant,
  built: BuildResult,
  delivery: Delivery,
): Promise<Result<ConfirmedImage | undefined, DeliveryFailure>> {
  const { target, signal } = delivery;
  const { digest, file } = built;
  if (digest === undefined || target.kind === "files") return ok(undefined);
  if (target.kind === "docker") return await loaded(target.load, file, signal);
  const wanted = confirmationOf(variant, digest, built);
  if (target.kind === "layout") return await addToLayout(file, wanted, { stores: [target.store], delivery });
  delivery.onPushed(digest);
  const stores = variant.build.repositories.map((repository) => target.registry.store(repository));
  const [first] = stores;
  if (first === undefined) return ok(undefined);
  if (file === undefined)
    return await spread(wanted, { stores, delivery }, pushedNames(target.byBuilder, variant));
  const pushed = await withLayout(file, first, (layout) => copyAll(layout, digest, { stores, delivery }));
  return pushed.ok ? await confirmVariant(first, wanted, signal) : pushed;
}

/** Brings an image that was taken over from the first repository of its release to the others, which may not have it. */
export async function deliverTaken(
  { build }: Variant,
  { manifest, attestations }: PublishedManifest,
  delivery: Omit<Delivery, "onPushed">,
): Promise<Result<void, DeliveryFailure>> {
  const { target } = delivery;
  const [first, ...others] = build.repositories;
  if (target.kind !== "registries" || first === undefined || others.length === 0) return ok(undefined);
  const stores = others.map((repository) => target.registry.store(repository));
  for (const { digest } of [manifest, ...attestations]) {
    const copied = await copyAll(target.registry.store(first), digest, { stores, delivery });
    if (!copied.ok) return copied;
  }
  return ok(undefined);
}

/** Confirms what BuildKit pushed, and copies it to the repositories that BuildKit could not push to in the same go. */
async function spread(
  wanted: Confirmation,
  { stores, delivery }: Way,
  there: ReadonlySet<string>,
): Promise<Result<ConfirmedImage | undefined, DeliveryFailure>> {
  const [first, ...others] = stores;
  if (first === undefined) return ok(undefined);
  const { signal } = delivery;
  const { digest } = wanted;
  const [confirmed, ...present] = await Promise.all([
    confirmVariant(first, wanted, signal),
    ...others.filter(({ name }) => there.has(name)).map((store) => confirmPresent(store, { digest }, signal)),
  ]);
  const copies = others.filter(({ name }) => !there.has(name));
  const failed = present.find((each) => !each.ok);
  if (failed !== undefined || !confirmed.ok || copies.length === 0) return failed ?? confirmed;
  const copied = await copyAll(first, digest, { stores: copies, delivery });
  return copied.ok ? confirmed : copied;
}

/** Only the image and its attestations: the index that BuildKit puts round them would be reached by nothing there. */
async function addToLayout(
  file: HandedOver | undefined,
  wanted: Confirmation,
  way: Way,
): Promise<Result<ConfirmedImage | undefined, DeliveryFailure>> {
  const [to] = way.stores;
  if (file === undefined || to === undefined) return ok(undefined);
  return await withLayout(file, to, async (layout) => {
    const confirmed = await confirmVariant(layout, wanted, way.delivery.signal);
    if (!confirmed.ok) return confirmed;
    const { manifest, attestations } = confirmed.value;
    for (const { digest } of [manifest, ...attestations]) {
      const copied = await copyAll(layout, digest, way);
      if (!copied.ok) return copied;
    }
    return confirmed;
  });
}

async function loaded(
  load: Extract<Target, { readonly kind: "docker" }>["load"],
  file: HandedOver | undefined,
  signal: AbortSignal,
): Promise<Result<undefined, DeliveryFailure>> {
  if (file === undefined) return ok(undefined);
  try {
    const result = await load(file.path, signal);
    return result.ok ? ok(undefined) : result;
  } finally {
    await file.remove();
  }
}

function pushedNames(
  byBuilder: Extract<Target, { readonly kind: "registries" }>["byBuilder"],
  { build }: Variant,
): ReadonlySet<string> {
  return new Set(byBuilder(build.repositories).map(formatRepository));
}

function confirmationOf(
  { id, platform, build }: Variant,
  digest: Digest,
  { exported }: BuildResult,
): Confirmation {
  const annotations = build.annotations.manifestDescriptor;
  return { variant: id, platform, digest, annotations, exported: exported ?? {} };
}

interface Way {
  readonly stores: readonly Store[];
  readonly delivery: Omit<Delivery, "onPushed">;
}

/** Opens what BuildKit handed over, and removes it: six variants of two gigabytes each need not lie there to the end. */
async function withLayout<T>(
  file: HandedOver,
  to: Store,
  use: (layout: Store) => Promise<Result<T, DeliveryFailure>>,
): Promise<Result<T, DeliveryFailure>> {
  // Imported late, as most builds push by BuildKit alone.
  const { openLayout } = await import("./layout/open.ts");
  const layout = await openLayout(file.path);
  try {
    return layout.ok ? await use(layout.value.store) : notPushed(to.name, layout.error);
  } finally {
    if (layout.ok) await layout.value.close();
    await file.remove();
  }
}

/** To all at once: a blob that goes to several repositories of a registry is uploaded once and mounted by the others. */
async function copyAll(
  from: Store,
  digest: Digest,
  { stores, delivery }: Way,
): Promise<Result<void, DeliveryFailure>> {
  const { signal } = delivery;
  const { transfer } = await import("./publish/transfer.ts");
  const uploads = await delivery.uploads();
  const root = await from.manifest(digest, signal);
  if (!root.ok) return notPushed(stores[0]?.name ?? "", root.error);
  const copies = await Promise.all(
    stores.map(async (to) => {
      const copied = await transfer({
        from,
        to,
        root: root.value,
        tags: [],
        referrers: false,
        uploads,
        signal,
      });
      return copied.ok ? ok(undefined) : notPushed(to.name, copied.error);
    }),
  );
  return copies.find((copy) => !copy.ok) ?? ok(undefined);
}

function notPushed(store: string, cause: TransferFailure | StoreFailure): Result<never, DeliveryFailure> {
  return fail({ kind: "variant-not-pushed", store, cause });
}
