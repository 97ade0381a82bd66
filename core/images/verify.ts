import { samePlatform } from "../../platforms/platform.ts";
import { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import type { Severity } from "../findings/rules.ts";
import { parseDocument } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { findAcross } from "../verify/across.ts";
import { findInStatements, readStatements } from "../verify/attested-content.ts";
import {
  findMissingAttestations,
  findStrayAttestations,
  type AttestedImage,
} from "../verify/attestations.ts";
import type { VerifiedImage } from "../verify/verified.ts";
import { verifyImage } from "../verify/verify-image.ts";
import { listPlatforms } from "./inspect.ts";
import type { InspectFailure } from "./inspected-image.ts";
import type {
  PlatformChanges,
  VerifiedEntry,
  VerifiedReference,
  VerifyReferenceWorld,
  VerifyRequest,
} from "./verified-reference.ts";
import {
  readChildren,
  readSingle,
  rememberBlobs,
  type ReadChildren,
  type ReadImage,
  type Source,
} from "./verify-children.ts";
import { changesBetween, findAboutSet, findDifference, findLost } from "./verify-set.ts";

/** Images that are looked into at the same time: each holds what it found in memory. */
const IMAGES_AT_ONCE = 4;

/** What looks into images; the tests have their own. */
export interface Looker {
  readonly verifyImage: typeof verifyImage;
  readonly findAcross: typeof findAcross;
}

/**
 * Verifies an image or index of whatever origin: the set of platforms, each image by its label, config and content, attestations,
 * copies elsewhere, and what an older image had. Asks the store for the index and each manifest below it, and for what the
 * memories do not have. Nothing is run.
 */
export async function verifyReference(
  request: VerifyRequest,
  world: VerifyReferenceWorld,
  looker: Looker = { verifyImage, findAcross },
): Promise<Result<VerifiedReference, InspectFailure>> {
  const source: Source = { ...world, store: request.target.store, name: request.target.name };
  const read = await readRoot(request, source);
  if (!read.ok) return read;
  const { images } = read.value.children;
  // What is quick comes first: nobody waits for layers to hear that another registry does not answer.
  const [copies, changes] = await Promise.all([
    compareCopies(request, read.value.digest, world.signal),
    compareOlder(request, images, world.signal),
  ]);
  if (!copies.ok) return copies;
  if (!changes.ok) return changes;
  const [looked, attested] = await Promise.all([
    lookInto(request, images, world, looker),
    checkStatements(request, read.value.children, world),
  ]);
  if (!looked.ok) return looked;
  if (!attested.ok) return attested;
  const findings = [
    ...read.value.children.findings,
    ...read.value.findings,
    ...copies.value,
    ...(changes.value === undefined ? [] : findLost(request.target.name, changes.value)),
    ...looked.value.flatMap((each) => each.findings),
    ...looker.findAcross(looked.value),
    ...attested.value,
  ];
  return ok({
    reference: request.target.name,
    mediaType: read.value.mediaType,
    digest: read.value.digest,
    images: images.map((image, at) =>
      entryOf(image, looked.value[at], { read: read.value, findings, request }),
    ),
    ...(changes.value === undefined ? {} : { against: changes.value }),
    findings,
    bytesRead: looked.value.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
  });
}

interface ReadRoot {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly children: ReadChildren;
  /** Of the set as the index has it. */
  readonly findings: readonly Finding[];
}

async function readRoot(
  { target, platforms }: VerifyRequest,
  source: Source,
): Promise<Result<ReadRoot, InspectFailure>> {
  const root = await target.store.manifest(target.reference, source.signal);
  if (!root.ok) return root;
  const { digest } = root.value.descriptor;
  const notAnImage = (detail: string): Result<never, InspectFailure> =>
    fail({ kind: "not-an-image", reference: target.name, digest, detail });
  const parsed = parseDocument(root.value.bytes);
  if (!parsed.ok) return notAnImage(parsed.error.detail);
  const { mediaType } = parsed.value;
  if (parsed.value.kind === "manifest") {
    const single = await readSingle(source, digest, parsed.value);
    if (!single.ok) return single;
    if ("detail" in single.value) return notAnImage(single.value.detail);
    const children = { images: [single.value], statements: [], findings: [] };
    return ok({ digest, mediaType, children, findings: findAboutSet(target.name, platforms, children) });
  }
  const children = await readChildren(source, parsed.value);
  if (!children.ok) return children;
  const findings = [
    ...findAboutSet(target.name, platforms, children.value),
    ...findStrayAttestations(target.name, parsed.value.manifests),
  ];
  return ok({ digest, mediaType, children: children.value, findings });
}

async function compareCopies(
  { target, copies }: VerifyRequest,
  digest: Digest,
  signal: AbortSignal,
): Promise<Result<readonly Finding[], StoreFailure>> {
  const resolved = await Promise.all(
    copies.map(async (copy) => ({ copy, found: await copy.store.resolve(copy.reference, signal) })),
  );
  const findings: Finding[] = [];
  for (const { copy, found } of resolved) {
    if (!found.ok) return found;
    const expected = { reference: target.name, digest };
    findings.push(...findDifference(copy.name, expected, found.value?.digest));
  }
  return ok(findings);
}

async function compareOlder(
  { against }: VerifyRequest,
  images: readonly ReadImage[],
  signal: AbortSignal,
): Promise<Result<PlatformChanges | undefined, InspectFailure>> {
  if (against === undefined) return ok(undefined);
  const older = await listPlatforms(against, signal);
  if (!older.ok) return older;
  const { digest, platforms } = older.value;
  const named = platforms.flatMap((each) =>
    each.platform === undefined ? [] : [{ platform: each.platform, digest: each.digest }],
  );
  return ok(changesBetween({ reference: against.name, digest, images: named }, images));
}

async function lookInto(
  { target, settings }: VerifyRequest,
  images: readonly ReadImage[],
  world: VerifyReferenceWorld,
  looker: Looker,
): Promise<Result<readonly VerifiedImage[], StoreFailure>> {
  const slots = new Slots(IMAGES_AT_ONCE);
  const failures: StoreFailure[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([world.signal, stop.signal]);
  const looked = await Promise.all(
    images.map(({ digest, platform, manifest, config }) =>
      slots.hold(async () => {
        const result = await looker.verifyImage(
          { reference: target.name, platform, manifest: digest, config, layers: manifest.layers },
          { store: target.store, memory: world.layers, settings, signal },
        );
        // Only the first is the cause; the others were stopped by it.
        if (!result.ok) failures.push(result.error);
        if (!result.ok) stop.abort();
        return result;
      }),
    ),
  );
  const [cause] = failures;
  if (cause !== undefined) return fail(cause);
  return ok(looked.flatMap((each) => (each.ok ? [each.value] : [])));
}

/** What statements say is read only where attestations are demanded: an SBOM is large, and most have none. */
async function checkStatements(
  { target, attestations }: VerifyRequest,
  { images, statements }: ReadChildren,
  { documents, signal }: VerifyReferenceWorld,
): Promise<Result<readonly Finding[], StoreFailure>> {
  if (attestations.kinds.length === 0) return ok([]);
  const attested = images.map(({ digest, platform }): AttestedImage => ({
    reference: target.name,
    digest,
    platform,
  }));
  const findings = [...findMissingAttestations(attested, statements, attestations)];
  const blobs = rememberBlobs(target.store, documents);
  for (const image of attested) {
    const own = statements.filter(({ subject }) => subject === image.digest);
    // One at a time, so that no more than one is in memory.
    for (const statement of own) {
      const read = await readStatements(blobs, [statement], { signal });
      if (!read.ok) return read;
      findings.push(...findInStatements(image, read.value));
    }
  }
  return ok(findings);
}

function entryOf(
  { digest, platform, manifest }: ReadImage,
  looked: VerifiedImage | undefined,
  { read, findings, request }: { read: ReadRoot; findings: readonly Finding[]; request: VerifyRequest },
): VerifiedEntry {
  const own = read.children.statements.filter(({ subject }) => subject === digest);
  const about = findings.filter(
    ({ image }) => image?.platform !== undefined && samePlatform(image.platform, platform),
  );
  const isRead = request.settings.content !== "off" && looked !== undefined;
  return {
    platform,
    digest,
    size: manifest.layers.reduce((sum, layer) => sum + layer.size, manifest.config.size),
    ...(isRead ? { programs: looked.programs } : {}),
    verdict: worst(about),
    attestations: [...new Set(own.map(({ kind }) => kind))],
  };
}

function worst(findings: readonly Finding[]): Severity | "fine" {
  const severities = new Set(findings.map(({ severity }) => severity));
  const order: readonly Severity[] = ["error", "warning", "note"];
  return order.find((severity) => severities.has(severity)) ?? "fine";
}
