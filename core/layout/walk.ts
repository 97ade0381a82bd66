import type { Descriptor } from "../oci/descriptor.ts";
import type { Index, Manifest } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { isIndex, isManifest, isNonDistributable } from "../oci/media-type.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { readDocument } from "./content.ts";
import type { ReadDocument } from "./content.ts";
import { contentMissing, invalid } from "./failures.ts";
import { blobName } from "./files.ts";
import type { LayoutFiles } from "./files.ts";

// A release of hundreds of platforms with attestations and signatures is far below.
const MAX_DOCUMENTS = 10_000;

/**
 * Manifests whose `subject` is this digest, among all that `index.json` leads to. A layout has no other list of them.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function findReferrers(
  files: LayoutFiles,
  roots: readonly Descriptor[],
  subject: Digest,
  signal?: AbortSignal,
): Promise<Result<readonly Descriptor[], LayoutFailure>> {
  const found: Descriptor[] = [];
  const seen = new Set<Digest>();
  const waiting = roots.filter(isDocument);
  for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
    if (seen.has(entry.digest)) continue;
    seen.add(entry.digest);
    if (seen.size > MAX_DOCUMENTS)
      return fail(invalid(files.path, `it has more than ${MAX_DOCUMENTS} manifests`));
    const read = await readDocument(files, entry, signal);
    if (!read.ok) return read;
    // An index may name platforms that were not copied into the layout.
    if (read.value === undefined) continue;
    const { parsed } = read.value;
    if (parsed.subject?.digest === subject) found.push(referrerOf(read.value));
    if (parsed.kind === "index") waiting.push(...parsed.manifests.filter(isDocument));
  }
  return ok(found);
}

/** How a manifest is listed among the referrers of another: with its annotations, and what kind of artifact it is. */
export function referrerOf({ document, parsed }: ReadDocument): Descriptor {
  const config = parsed.kind === "manifest" ? parsed.config.mediaType : undefined;
  const artifactType = parsed.artifactType ?? config;
  const { annotations } = parsed;
  return {
    ...document.descriptor,
    ...(artifactType !== undefined && { artifactType }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

/** Is all there that a document names itself? Layers that may not be distributed need not be. */
export async function checkComplete(
  files: LayoutFiles,
  parsed: Manifest | Index,
): Promise<Result<void, LayoutFailure>> {
  const needed =
    parsed.kind === "index"
      ? parsed.manifests
      : [parsed.config, ...parsed.layers.filter((layer) => !isNonDistributable(layer.mediaType))];
  for (const { digest, size } of needed) {
    const name = blobName(digest);
    const found = name === undefined ? ok(undefined) : await files.size(name);
    if (!found.ok) return found;
    if (found.value !== size) return fail(contentMissing(files.path, digest, []));
  }
  return ok(undefined);
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndex(mediaType) || isManifest(mediaType);
}
