import type { Document } from "../oci/descriptor.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { moveTag, putPatiently } from "./put-patiently.ts";
import type { TagsNotMoved } from "./transfer-failure.ts";

/** A name that a document is to have: a tag of a store, or none where it is there by its digest alone. */
export interface Target {
  readonly store: Store;
  readonly tag?: string;
}

/** Writes a document, whose content is there already, under all names in this order; stops at the first that is refused. */
export async function moveTargets(
  targets: readonly Target[],
  document: Document,
  signal?: AbortSignal,
): Promise<Result<void, TagsNotMoved>> {
  const { digest } = document.descriptor;
  const names = targets.map((target) => nameOfTarget(target, document));
  for (const [at, { store, tag }] of targets.entries()) {
    const put =
      tag === undefined
        ? await putPatiently(store, { reference: digest, document }, { signal })
        : await moveTag(store, { tag, document }, { signal });
    if (put.ok) continue;
    const [moved, notTried] = [names.slice(0, at), names.slice(at + 1)];
    return fail({
      kind: "tags-not-moved",
      digest,
      moved,
      failed: names[at] ?? "",
      notTried,
      cause: put.error,
    });
  }
  return ok(undefined);
}

/** `registry.example/team/app:1.2`, or with its digest where it gets no tag. */
export function nameOfTarget({ store, tag }: Target, { descriptor }: Pick<Document, "descriptor">): string {
  return tag === undefined ? `${store.name}@${descriptor.digest}` : `${store.name}:${tag}`;
}
