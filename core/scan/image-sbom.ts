import * as z from "zod/mini";
import { isSbomType, sbomOf, type Sbom } from "../oci/sbom.ts";
import { MAX_STATEMENT_BYTES, parseBoundedJson, statementOf } from "../oci/statement.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ImageToScan, StatementPlace } from "./image-to-scan.ts";
import type { ScanFailure } from "./source.ts";

/** The SBOM of an image: its packages, and the document itself for scanners that want it whole. */
export interface ImageSbom extends Pick<Sbom, "format" | "packages"> {
  readonly bytes: () => Uint8Array;
}

/** A build with many stages has an SBOM for each. */
const MAX_SBOMS = 32;

const document = z.looseObject({ name: z.catch(z.string(), "") });

/**
 * Reads the SBOM that is attested of an image; undefined where none is. BuildKit attests those of other stages of the build, too,
 * and calls them `sbom-STAGE`: what is in them is not in the image.
 * @see https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md
 */
export async function readImageSbom(
  image: ImageToScan,
  signal: AbortSignal,
): Promise<Result<ImageSbom | undefined, ScanFailure>> {
  const statements = await image.statements();
  if (!statements.ok) return unreadable(statements.error);
  const places = statements.value.filter(({ predicateType }) => isSbomType(predicateType));
  let ofStage: ImageSbom | undefined;
  for (const place of places.slice(0, MAX_SBOMS)) {
    const read = await readSbom(image, place, signal);
    if (!read.ok) return read;
    if (!read.value.isStage) return read;
    ofStage ??= read.value;
  }
  return ok(ofStage);
}

async function readSbom(
  { store }: ImageToScan,
  { content }: StatementPlace,
  signal: AbortSignal,
): Promise<Result<ImageSbom & { readonly isStage: boolean }, ScanFailure>> {
  const bytes = await store.blob(content, { maxBytes: MAX_STATEMENT_BYTES, signal });
  if (!bytes.ok) return unreadable(bytes.error);
  const json = parseBoundedJson(bytes.value);
  if (!json.ok) return unusable(json.error.detail);
  const predicate = statementOf(json.value)?.predicate ?? json.value;
  const sbom = sbomOf(predicate);
  if (sbom === undefined) return unusable("neither SPDX nor CycloneDX");
  // Packages that nobody looks at must not pass for packages without vulnerabilities.
  if (sbom.cut) return unusable("more packages than are read");
  const named = document.safeParse(predicate);
  return ok({
    format: sbom.format,
    packages: sbom.packages,
    bytes: () => Buffer.from(JSON.stringify(predicate)),
    isStage: named.success && named.data.name.startsWith("sbom-"),
  });
}

function unreadable(cause: StoreFailure): Result<never, ScanFailure> {
  return fail({ problem: "unreadable", detail: "its SBOM cannot be read", cause });
}

function unusable(detail: string): Result<never, ScanFailure> {
  return fail({ problem: "unreadable", detail: `its SBOM cannot be used: ${detail}` });
}
