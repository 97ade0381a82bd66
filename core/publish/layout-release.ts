import type { Document } from "../oci/descriptor.ts";
import { formatReference } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { slug } from "../plan/scopes.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";

/** The whole reference, as containerd, BuildKit and Docker write it beside the tag. */
const IMAGE_NAME = "io.containerd.image.name";

/** A release and its index, whose children are in the layout already. */
export interface LayoutRelease {
  readonly release: PlannedRelease;
  readonly index: Document;
}

/** Names the indexes of all releases in a layout; until then nothing in it can be found. */
export async function nameInLayout(
  releases: readonly LayoutRelease[],
  store: Store,
  signal: AbortSignal,
): Promise<Result<void, StoreFailure>> {
  const planned = releases.map(({ release }) => release);
  for (const { release, index } of releases) {
    for (const { name, reference } of layoutNames(release, planned)) {
      const annotations = reference === undefined ? {} : { annotations: { [IMAGE_NAME]: reference } };
      const document = { ...index, descriptor: { ...index.descriptor, ...annotations } };
      const put = await store.putManifest(name, document, signal);
      if (!put.ok) return put;
    }
  }
  return ok(undefined);
}

/** What a release is called in a layout: by its tags, and with its own name before them where another one has the same tag. */
export function layoutNames(
  release: PlannedRelease,
  all: readonly PlannedRelease[],
): readonly { readonly name: string; readonly reference?: string }[] {
  const others = all.filter((each) => each !== release);
  const taken = new Set(others.flatMap(({ tags }) => tags.map(({ tag }) => tag)));
  const own = (tag: string): string => (taken.has(tag) ? `${slug(release.name)}-${tag}` : tag);
  const names = new Map(
    release.tags.map((tag) => [own(tag.tag), formatReference(tag)] as const).toReversed(),
  );
  if (names.size > 0) return [...names].toReversed().map(([name, reference]) => ({ name, reference }));
  return [{ name: all.length === 1 ? "latest" : slug(release.name) }];
}
