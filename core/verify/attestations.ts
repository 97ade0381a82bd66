/**
 * Attestations of the images of an index: which there are, and whether each speaks of the image that it stands beside. All of it
 * is told by the index and the attestation manifests; what the statements themselves say is for attested-content.ts.
 */
import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Severity } from "../findings/rules.ts";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { isSbomType } from "../oci/sbom.ts";
import type { Attestations } from "../plan/build.ts";
import type { AttestationPolicy } from "../plan/plan.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";

/** What an attestation is about: how an image was built, what is in it, or something else. */
export type AttestationKind = "provenance" | "sbom" | "other";

/** One statement about an image, not read yet. */
export interface AttestedStatement {
  readonly kind: AttestationKind;
  /** `https://slsa.dev/provenance/v1`; empty where nothing says it. */
  readonly predicateType: string;
  /** The image that it is said to speak of. */
  readonly subject?: Digest;
  /** The attestation manifest, an entry of the index. */
  readonly manifest: Digest;
  /** The statement itself: a layer of that manifest. */
  readonly content: Descriptor;
}

/** An image that statements may speak of. */
export interface AttestedImage {
  /** As findings name it. */
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: Platform;
}

/** What attestations each image must have, and how bad it is where one is missing. */
export interface AttestationDemand {
  readonly kinds: readonly Exclude<AttestationKind, "other">[];
  readonly severity: Severity;
}

/** Statements in one manifest, and manifests about one image; more are not looked at. */
const MAX_STATEMENTS = 16;
const MAX_ATTESTATION_MANIFESTS = 16;
const PREDICATE_TYPE = "in-toto.io/predicate-type";

/** What a plan demands of a variant: what it asks BuildKit for, an error where its policy requires it. */
export function attestationDemand(attest: Attestations, policy: AttestationPolicy): AttestationDemand {
  const severity = policy === "require" ? "error" : "warning";
  if (policy === "strip") return { kinds: [], severity };
  const { provenance, sbom } = attest;
  return {
    kinds: [
      ...(provenance === undefined ? [] : ["provenance" as const]),
      ...(sbom === undefined ? [] : ["sbom" as const]),
    ],
    severity,
  };
}

/** What a predicate type states. */
export function attestationKind(predicateType: string): AttestationKind {
  if (predicateType.startsWith("https://slsa.dev/provenance/")) return "provenance";
  return isSbomType(predicateType) ? "sbom" : "other";
}

/** The statements of an attestation manifest, given its entry in the index and its layers. */
export function statementsIn(entry: Descriptor, layers: readonly Descriptor[]): readonly AttestedStatement[] {
  const subject = attestedDigest(entry);
  return layers.slice(0, MAX_STATEMENTS).map((content) => {
    const predicateType = content.annotations?.[PREDICATE_TYPE] ?? "";
    return {
      kind: attestationKind(predicateType),
      predicateType,
      ...(subject === undefined ? {} : { subject }),
      manifest: entry.digest,
      content,
    };
  });
}

/**
 * Reads which statements stand in an index about one image: the attestation manifests, not the statements. Entries that are no
 * manifests are passed over.
 */
export async function readAttestationManifests(
  store: Pick<Store, "manifest">,
  image: Digest,
  entries: readonly Descriptor[],
  signal?: AbortSignal,
): Promise<Result<readonly AttestedStatement[], StoreFailure>> {
  const wanted = entries.filter((entry) => isAttestation(entry) && attestedDigest(entry) === image);
  const statements: AttestedStatement[] = [];
  for (const entry of wanted.slice(0, MAX_ATTESTATION_MANIFESTS)) {
    const read = await store.manifest(entry.digest, signal);
    if (!read.ok) return read;
    const parsed = parseDocument(read.value.bytes);
    if (parsed.ok && parsed.value.kind === "manifest")
      statements.push(...statementsIn(entry, parsed.value.layers));
  }
  return ok(statements);
}

/** Images that lack a statement which they must have. */
export function findMissingAttestations(
  images: readonly AttestedImage[],
  statements: readonly AttestedStatement[],
  demand: AttestationDemand,
): readonly Finding[] {
  return images.flatMap((image) => {
    const own = statements.filter(({ subject }) => subject === image.digest);
    return demand.kinds
      .filter((kind) => own.every((each) => each.kind !== kind))
      .map((kind) => missingFinding(image, kind, own, demand.severity));
  });
}

/** Entries of an index that attest something of an image which is not in it. */
export function findStrayAttestations(reference: string, entries: readonly Descriptor[]): readonly Finding[] {
  const images = new Set(entries.filter((entry) => !isAttestation(entry)).map(({ digest }) => digest));
  return entries.filter(isAttestation).flatMap((entry): readonly Finding[] => {
    const subject = attestedDigest(entry);
    if (subject !== undefined && images.has(subject)) return [];
    return [
      {
        rule: "attestation-subject",
        severity: "error",
        message: "An attestation speaks of an image that is not in this index",
        image: { reference },
        facts: [`attestation ${entry.digest}`, `speaks of ${subject ?? "no image at all"}`],
        fix: "Make the index of images together with their own attestations, or leave this one out.",
      },
    ];
  });
}

const WORDS = {
  provenance: { name: "provenance", what: "how it was built", flag: "provenance: true" },
  sbom: { name: "SBOM", what: "which packages are in it", flag: "sbom: true" },
} as const;

function missingFinding(
  { reference, digest, platform }: AttestedImage,
  kind: keyof typeof WORDS,
  own: readonly AttestedStatement[],
  severity: Severity,
): Finding {
  const { name, what, flag } = WORDS[kind];
  const there = own.map(({ predicateType }) => predicateType || "a statement of unknown type");
  return {
    rule: "attestation-missing",
    severity,
    message: `The image for ${formatPlatformFull(platform)} has no ${name}: nothing attests ${what}`,
    image: { reference, platform },
    facts: [
      `image ${digest}`,
      there.length === 0 ? "no attestations at all" : `attestations ${there.join(", ")}`,
    ],
    fix: `Build every platform with \`attest: { ${flag} }\`, and keep the attestations when images are stitched or copied.`,
  };
}
