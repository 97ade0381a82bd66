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

/**
 * Brings what was built to where it goes, and reads it back there: pushes what BuildKit handed over, and copies what it pushed to
 * one registry to the others, as bytes. Answers undefined where nothing is published.
 */
export async function deliver(
  variant: Variant,
  built: BuildResult,
  delivery: Delivery,
): Promise<Result<PublishedManifest | undefined, DeliveryFailure>> {
  const { target, signal, onPushed } = delivery;
  const { digest, file } = built;
  if (digest === undefined || target.kind === "files") return ok(undefined);
  if (target.kind === "docker") return await loaded(target.load, file, signal);
  const stores =
    target.kind === "layout"
      ? [target.store]
      : variant.build.repositories.map((repository) => target.registry.store(repository));
  const [first, ...others] = stores;
  if (first === undefined) return ok(undefined);
  onPushed(digest);
  const wanted = confirmationOf(variant, digest, built);
  if (file !== undefined) {
    const pushed = await pushLayout(file, digest, { stores, delivery });
    return pushed.ok ? await confirmVariant(first, wanted, signal) : pushed;
  }
  const there = target.kind === "registries" ? pushedNames(target.byBuilder, variant) : new Set([first.name]);
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
  readonly delivery: Delivery;
}

async function pushLayout(
  file: HandedOver,
  digest: Digest,
  way: Way,
): Promise<Result<void, DeliveryFailure>> {
  try {
    // Imported late, as most builds push by BuildKit alone.
    const { openLayout } = await import("./layout/open.ts");
    const layout = await openLayout(file.path);
    if (!layout.ok) return notPushed(way.stores[0]?.name ?? "", layout.error);
    try {
      return await copyAll(layout.value.store, digest, way);
    } finally {
      await layout.value.close();
    }
  } finally {
    // Six variants of two gigabytes each need not lie there until the last one is pushed.
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
