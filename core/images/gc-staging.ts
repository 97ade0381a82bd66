import { Slots } from "../concurrent.ts";
import { isAttestation } from "../oci/attestation.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { describeStaging } from "../staging/staging-index.ts";
import { isStagingTag } from "../staging/tag.ts";
import type { GcFailure } from "./gc.ts";

/** A staging tag of a repository: it holds a finished variant of releases that are not, or were never finished. */
export interface StagingTag {
  readonly tag: string;
  readonly digest: Digest;
  /** What is said of the newest slot in it; each is undefined where it is not said. */
  readonly variant?: string;
  readonly node?: string;
  readonly stagedAtMs?: number;
  /** Somebody else's, whatever it is called. */
  readonly isForeign: boolean;
  /** How many pipelines have their image there. */
  readonly slots: number;
  /** What it keeps: images and attestations, each once. */
  readonly images: readonly Digest[];
}

/** Requests under way at the same time. */
const CONCURRENCY = 8;

/** Lists the staging tags of a repository, the oldest first, by the newest slot of each; those whose age nobody knows come last. */
export async function listStaging(
  store: Store,
  signal?: AbortSignal,
): Promise<Result<readonly StagingTag[], GcFailure>> {
  const tags = await store.tags(signal);
  if (!tags.ok) return tags;
  const slots = new Slots(CONCURRENCY);
  const read = await Promise.all(
    tags.value.filter(isStagingTag).map((tag) => slots.hold(() => readTag(store, tag, signal))),
  );
  const found: StagingTag[] = [];
  for (const each of read) {
    if (!each.ok) return each;
    if (each.value !== undefined) found.push(each.value);
  }
  const age = ({ stagedAtMs }: StagingTag): number => stagedAtMs ?? Infinity;
  return ok(found.toSorted((one, other) => (age(one) < age(other) ? -1 : age(one) > age(other) ? 1 : 0)));
}

/** Those that were put there before a time, all of them where none is said. One whose age nobody knows is not older than anything; a foreign one stays. */
export function stagedBefore(tags: readonly StagingTag[], timeMs?: number): readonly StagingTag[] {
  return tags.filter(
    ({ isForeign, stagedAtMs }) =>
      !isForeign && (timeMs === undefined || (stagedAtMs !== undefined && stagedAtMs <= timeMs)),
  );
}

async function readTag(
  store: Store,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<Result<StagingTag | undefined, GcFailure>> {
  const read = await store.manifest(tag, signal);
  if (!read.ok)
    return isAbsent(read.error)
      ? ok(undefined)
      : fail({ kind: "gc-incomplete", store: store.name, via: tag, cause: read.error });
  const { digest } = read.value.descriptor;
  const parsed = parseDocument(read.value.bytes);
  const told =
    parsed.ok && parsed.value.kind === "index" ? describeStaging(parsed.value.annotations) : undefined;
  if (!parsed.ok || parsed.value.kind !== "index" || told === undefined)
    return ok({ tag, digest, isForeign: true, slots: 0, images: [] });
  const { manifests } = parsed.value;
  const { stagedAt, ...about } = told;
  const stagedAtMs = stagedAt === undefined ? Number.NaN : Date.parse(stagedAt);
  return ok({
    tag,
    digest,
    ...about,
    ...(Number.isNaN(stagedAtMs) ? {} : { stagedAtMs }),
    isForeign: false,
    slots: manifests.filter((entry) => !isAttestation(entry)).length,
    images: [...new Set(manifests.map((entry) => entry.digest))],
  });
}
