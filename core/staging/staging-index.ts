import type { Document } from "../oci/descriptor.ts";
import { parseDocument } from "../oci/documents.ts";
import { writeIndex } from "../oci/image-index.ts";
import { fail, ok, type Result } from "../result.ts";
import { isTime, stagingValues, withKeys } from "./record.ts";
import { groupSlots } from "./slots.ts";
import type { Slot, StagingUnusable } from "./staged.ts";

/** Raise it where an annotation or the order of entries comes to mean something else. What is new gets a key of its own, which older versions pass over. */
const VERSION = "2";

/** As many pipelines as overlap in practice; a slot that nobody clears is pushed out in the end. */
export const MAX_SLOTS = 8;
/** Registries take 4 MiB, and all of it is read by whoever looks for one slot. */
export const MAX_INDEX_BYTES = 1024 * 1024;

/** An index that a staging tag is to name, and the slots in it. */
export interface StagingIndex {
  readonly document: Document;
  readonly slots: readonly Slot[];
}

/**
 * The index that a staging tag names: images and attestations as they will stand in the indexes of their releases, which keeps them from
 * being collected as garbage, and what is known of them. The oldest slots are left out where there are too many. OCI's, whatever they are: Docker's has no
 * annotations. No index within it: not every registry takes that.
 */
export function stagingIndex([first, ...rest]: readonly [Slot, ...Slot[]]): StagingIndex {
  const others = rest.slice(0, MAX_SLOTS - 1);
  const annotations = annotationsOf(first);
  for (;;) {
    const slots = [first, ...others];
    const document = writeIndex({ children: slots.flat(), annotations, format: "oci" });
    if (document.bytes.length <= MAX_INDEX_BYTES || others.pop() === undefined) return { document, slots };
  }
}

/** What is told of an index to whoever cannot read its slots. */
function annotationsOf([newest]: Slot): Readonly<Record<string, string>> {
  const { variant, node, "staged-at": stagedAt } = stagingValues(newest.annotations);
  return withKeys({ version: VERSION, variant, node, "staged-at": stagedAt });
}

/** Reads what {@link stagingIndex} made, the newest slot first. What their records say is read one by one: see core/staging/slots.ts. */
export function slotsIn({ bytes, descriptor }: Document): Result<readonly Slot[], StagingUnusable> {
  const about = { digest: descriptor.digest };
  const parsed = parseDocument(bytes);
  if (!parsed.ok || parsed.value.kind !== "index") return fail({ kind: "staging-foreign", ...about });
  const { version } = stagingValues(parsed.value.annotations);
  if (version === undefined) return fail({ kind: "staging-foreign", ...about });
  if (version !== VERSION) return fail({ kind: "staging-other-version", ...about, version });
  const slots = groupSlots(parsed.value.manifests);
  // Each may be read back in turn: nobody else's index is to make that many.
  if (slots !== undefined) return ok(slots.slice(0, MAX_SLOTS));
  const detail = "it does not name images, each with its attestations";
  return fail({ kind: "staging-malformed", ...about, detail });
}

/** What can be told of any staging index, whatever version wrote it: of the newest slot in it. Undefined where it is none. */
export function describeStaging(
  annotations: Readonly<Record<string, string>>,
): { readonly variant?: string; readonly node?: string; readonly stagedAt?: string } | undefined {
  const { version, variant, node, "staged-at": stagedAt } = stagingValues(annotations);
  if (version === undefined) return undefined;
  return {
    ...(variant === undefined ? {} : { variant }),
    ...(node === undefined ? {} : { node }),
    ...(isTime(stagedAt) ? { stagedAt } : {}),
  };
}
