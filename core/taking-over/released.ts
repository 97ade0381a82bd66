import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import type { Index } from "../oci/documents.ts";
import type { Variant } from "../plan/plan.ts";
import { confirmVariant, type PublishedManifest } from "../publish/confirm.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { INPUTS_ANNOTATION, markOf } from "./marks.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Circumstances, NotTaken, Taken } from "./take-over.ts";

/** A variant that the release's tag names already, made of the very same: it stays as it is, and is not looked at any further. */
export async function findReleased(
  place: Place,
  circumstances: Circumstances,
  options: TakeOverOptions,
): Promise<Taken | undefined> {
  if (place.release.reuse === undefined || options.builds === "all") return undefined;
  const index = await place.current();
  if (!index.ok || index.value === undefined) return undefined;
  const entry = entryFor(index.value, place.variant);
  const named = parseDigest(entry?.annotations?.[INPUTS_ANNOTATION] ?? "");
  if (entry === undefined || named === undefined) return undefined;
  const mark = await markOf(place, circumstances, options);
  if (mark !== named) return undefined;
  return { kind: "taken", from: "release", image: asItStands(entry, index.value, place.variant) };
}

/** A variant that is not to be built is taken as the tag has it; where it has none, there is none. */
export async function takeFromTag(
  place: Place,
  { signal, timing }: TakeOverOptions,
): Promise<Result<Taken | NotTaken, StoreFailure>> {
  const { variant, release, store } = place;
  const [first] = release.tags;
  const lookedAt = first === undefined ? [] : [first];
  const index = await place.current();
  if (!index.ok) return index;
  const entry = index.value === undefined ? undefined : entryFor(index.value, variant);
  if (index.value === undefined || entry === undefined)
    return ok({
      kind: "absent",
      lookedAt,
      why: { kind: index.value === undefined ? "no-index" : "no-platform" },
    });
  const annotations = entry.annotations ?? {};
  const about = { variant: variant.id, platform: variant.platform, digest: entry.digest, annotations };
  const confirmed = await confirmVariant(store, timing === undefined ? about : { ...about, timing }, signal);
  if (!confirmed.ok)
    return confirmed.error.kind === "confirm-unreadable"
      ? fail(confirmed.error.cause)
      : ok({ kind: "absent", lookedAt, why: { kind: "not-an-image", digest: entry.digest } });
  const attestations = attestationsOf(index.value, entry.digest);
  return ok({ kind: "taken", from: "release", image: { ...confirmed.value, attestations } });
}

function entryFor({ manifests }: Index, { platform }: Variant): Descriptor | undefined {
  return manifests.find(
    (entry) => !isAttestation(entry) && entry.platform !== undefined && isFor(entry.platform, platform),
  );
}

/** The version of Windows that an entry names may come of its base. */
function isFor(entry: Platform, wanted: Platform): boolean {
  const { os, architecture, variant, osVersion } = normalizePlatform(wanted);
  const named = normalizePlatform(entry);
  return (
    named.os === os &&
    named.architecture === architecture &&
    named.variant === variant &&
    (osVersion === undefined || named.osVersion === osVersion)
  );
}

function attestationsOf({ manifests }: Index, image: Digest): readonly Descriptor[] {
  return manifests.filter((entry) => isAttestation(entry) && attestedDigest(entry) === image);
}

function asItStands(entry: Descriptor, index: Index, { id, platform }: Variant): PublishedManifest {
  return {
    variant: id,
    platform: normalizePlatform(platform),
    manifest: entry,
    attestations: attestationsOf(index, entry.digest),
    layers: [],
  };
}
