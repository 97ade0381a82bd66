import type { Platform } from "../../platforms/platform.ts";
import type { DocumentMemory } from "../layers/layer.ts";
import { hasErrors, type Finding } from "../findings/finding.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ImageOnBase } from "../scan/base-image.ts";
import type { ImageToScan } from "../scan/image-to-scan.ts";
import type { Inspected } from "./inspect.ts";
import type { InspectFailure } from "./inspected-image.ts";
import { readChildren, readSingle, type ReadChildren, type Source } from "./verify-children.ts";
import { answers, findInSet } from "./verify-set.ts";

/** What a reference holds, as far as a scan needs it. */
export interface ReferenceToScan {
  readonly reference: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** In the order of the index; those that are wanted. */
  readonly images: readonly (ImageToScan & ImageOnBase)[];
  /** Images that are named and cannot be scanned. */
  readonly findings: readonly Finding[];
}

export interface ScanRequest {
  readonly target: Inspected;
  /** Only these; absent: all. */
  readonly platforms?: readonly Platform[];
}

/** Reads which images are to be scanned, down to but without their layers and statements. */
export async function readScanChildren(
  { target, platforms }: ScanRequest,
  { documents, signal }: { readonly documents: DocumentMemory; readonly signal: AbortSignal },
): Promise<Result<ReferenceToScan, InspectFailure>> {
  const { store, name } = target;
  const root = await store.manifest(target.reference, signal);
  if (!root.ok) return root;
  const { digest } = root.value.descriptor;
  const notAnImage = (detail: string): Result<never, InspectFailure> =>
    fail({ kind: "not-an-image", reference: name, digest, detail });
  const parsed = parseDocument(root.value.bytes);
  if (!parsed.ok) return notAnImage(parsed.error.detail);
  const document = parsed.value;
  const source: Source = { store, name, documents, signal };
  const children: Result<ReadChildren | { readonly detail: string }, InspectFailure> =
    document.kind === "index"
      ? await readChildren(source, document)
      : await childOf(source, digest, document);
  if (!children.ok) return children;
  if ("detail" in children.value) return notAnImage(children.value.detail);
  const { images, statements } = children.value;
  const wanted = images.filter(
    ({ platform }) => platforms === undefined || platforms.some((each) => answers(each, platform)),
  );
  const missing = findInSet(name, platforms ?? [], images).filter(({ rule }) => rule === "platform-missing");
  const findings = [...children.value.findings.filter((each) => isAbout(each, platforms)), ...missing];
  // Nothing to scan must not pass for nothing found.
  if (wanted.length === 0 && !hasErrors(findings)) return notAnImage("there is no image in it");
  return ok({
    reference: name,
    digest,
    mediaType: document.mediaType,
    images: wanted.map((image) => ({
      reference: name,
      platform: image.platform,
      store,
      manifest: image.digest,
      annotations: [image.manifest.annotations, document.annotations],
      layers: image.manifest.layers,
      statements: async () => ok(statements.filter(({ subject }) => subject === image.digest)),
    })),
    findings,
  });
}

async function childOf(
  source: Source,
  digest: Digest,
  manifest: Parameters<typeof readSingle>[2],
): Promise<Result<ReadChildren | { readonly detail: string }, InspectFailure>> {
  const read = await readSingle(source, digest, manifest);
  if (!read.ok) return read;
  return ok("detail" in read.value ? read.value : { images: [read.value], statements: [], findings: [] });
}

/** What is wrong with a platform that nobody asked for is of no interest. */
function isAbout({ image }: Finding, platforms: readonly Platform[] | undefined): boolean {
  const platform = image?.platform;
  if (platforms === undefined || platform === undefined) return true;
  return platforms.some((each) => answers(each, platform));
}
