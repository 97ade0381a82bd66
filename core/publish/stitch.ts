import { formatPlatformFull, normalizePlatform } from "../../platforms/platform.ts";
import { attestedDigest } from "../oci/attestation.ts";
import type { Document } from "../oci/descriptor.ts";
import { assembleIndex } from "../oci/image-index.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { fail, type Result } from "../result.ts";
import type { PublishedManifest } from "./confirm.ts";
import type { ReleaseFailure } from "./release-failure.ts";

/**
 * Assembles a release's index from what was confirmed: images in the plan's order, whatever order they were built in, then
 * their attestations in the same order, as BuildKit lays out an index of several platforms.
 * @see https://github.com/moby/buildkit/blob/master/exporter/containerimage/writer.go
 */
export function stitchRelease(
  release: PlannedRelease,
  published: readonly PublishedManifest[],
): Result<Document, ReleaseFailure> {
  const ordered = release.variants.flatMap(({ id }) => published.filter(({ variant }) => variant === id));
  const refused = findIncomplete(release, published) ?? findUnattested(release, ordered);
  if (refused !== undefined) return fail(refused);
  const attestations = ordered.flatMap((each) => each.attestations);
  const children = [
    ...ordered.map(({ manifest }) => manifest),
    ...(release.attestations === "strip" ? [] : attestations),
  ];
  const index = assembleIndex({
    children,
    annotations: release.indexAnnotations,
    format: release.mediaTypes,
  });
  return index.ok ? index : fail({ kind: "index-refused", release: release.name, cause: index.error });
}

function findIncomplete(
  release: PlannedRelease,
  published: readonly PublishedManifest[],
): ReleaseFailure | undefined {
  const present = published.map(({ variant }) => variant);
  const expected = new Set(release.variants.map(({ id }) => id));
  const missing = release.variants.filter(
    ({ id, required }) => required && !present.some((each) => each === id),
  );
  const unexpected = present.filter((id, at) => !expected.has(id) || present.indexOf(id) !== at);
  if (missing.length === 0 && unexpected.length === 0) return undefined;
  return {
    kind: "release-incomplete",
    release: release.name,
    missing: missing.map(({ id }) => id),
    unexpected,
  };
}

function findUnattested(
  release: PlannedRelease,
  published: readonly PublishedManifest[],
): ReleaseFailure | undefined {
  const bare = published.filter(
    ({ manifest, attestations }) => !attestations.some((each) => attestedDigest(each) === manifest.digest),
  );
  if (release.attestations !== "require" || bare.length === 0) return undefined;
  const platforms = bare.map(({ platform }) => formatPlatformFull(normalizePlatform(platform)));
  return { kind: "attestations-missing", release: release.name, platforms };
}
