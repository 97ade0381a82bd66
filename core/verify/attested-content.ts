/** What attestations say: read with bounds, and held against the image that they stand beside. */
import { formatPlatformFull } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { isSbomType, parseSbom, sbomOf, type Sbom, type SbomPackage } from "../oci/sbom.ts";
import {
  MAX_STATEMENT_BYTES,
  parseStatement,
  type Statement,
  type StatementUnreadable,
} from "../oci/statement.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  readAttestationManifests,
  type AttestationKind,
  type AttestedImage,
  type AttestedStatement,
} from "./attestations.ts";
import { packageArchitecture, packageFit } from "./package-architecture.ts";

/** A statement that was read: its subjects, and the packages where it is an SBOM. */
export interface ReadStatement extends AttestedStatement {
  readonly read: Result<
    { readonly subjects: Statement["subjects"]; readonly sbom?: Sbom },
    StatementUnreadable
  >;
}

/** An SBOM of an image, and the manifest that holds it. */
export interface FoundSbom extends Sbom {
  readonly manifest: Digest;
}

/** So many statements are read at once. */
const MAX_STATEMENTS = 16;
/** So many SBOMs of one image are read. */
const MAX_SBOMS = 4;

/** Reads statements, one after the other: each may be large. Kinds that are not asked for are left out. */
export async function readStatements(
  store: Pick<Store, "blob">,
  statements: readonly AttestedStatement[],
  options: { readonly kinds?: readonly AttestationKind[]; readonly signal?: AbortSignal } = {},
): Promise<Result<readonly ReadStatement[], StoreFailure>> {
  const { kinds, signal } = options;
  const wanted = statements.filter(({ kind }) => kinds === undefined || kinds.includes(kind));
  const done: ReadStatement[] = [];
  for (const statement of wanted.slice(0, MAX_STATEMENTS)) {
    const bytes = await readCapped(store, statement.content, signal);
    if (!bytes.ok) return bytes;
    done.push({
      ...statement,
      read: bytes.value === undefined ? tooLarge(statement.content) : parse(bytes.value),
    });
  }
  return ok(done);
}

/** Reads what is attested in an index of one image, content included: subjects, and the packages of SBOMs. */
export async function readAttestations(
  store: Pick<Store, "manifest" | "blob">,
  image: Digest,
  entries: readonly Descriptor[],
  options: { readonly kinds?: readonly AttestationKind[]; readonly signal?: AbortSignal } = {},
): Promise<Result<readonly ReadStatement[], StoreFailure>> {
  const statements = await readAttestationManifests(store, image, entries, options.signal);
  return statements.ok ? await readStatements(store, statements.value, options) : statements;
}

/**
 * The SBOMs of an image: those that are attested beside it in its index (`entries`), and, where none is, those that refer to it as
 * artifacts. What cannot be read as an SBOM is passed over.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function readSboms(
  store: Pick<Store, "manifest" | "blob" | "referrers">,
  image: Digest,
  entries: readonly Descriptor[],
  signal?: AbortSignal,
): Promise<Result<readonly FoundSbom[], StoreFailure>> {
  const statements = await readAttestationManifests(store, image, entries, signal);
  if (!statements.ok) return statements;
  const wanted = statements.value.filter(({ kind }) => kind === "sbom").slice(0, MAX_SBOMS);
  const attested = await readStatements(store, wanted, signal === undefined ? {} : { signal });
  if (!attested.ok) return attested;
  const found = attested.value.flatMap(({ manifest, read }) =>
    read.ok && read.value.sbom !== undefined ? [{ ...read.value.sbom, manifest }] : [],
  );
  return found.length > 0 ? ok(found) : await readReferredSboms(store, image, signal);
}

async function readReferredSboms(
  store: Pick<Store, "manifest" | "blob" | "referrers">,
  image: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<readonly FoundSbom[], StoreFailure>> {
  const referrers = await store.referrers(image, signal);
  if (!referrers.ok) return referrers;
  const wanted = referrers.value.filter(({ artifactType = "" }) => isSbomType(artifactType));
  const found: FoundSbom[] = [];
  for (const { digest } of wanted.slice(0, MAX_SBOMS)) {
    const read = await store.manifest(digest, signal);
    if (!read.ok) return read;
    const parsed = parseDocument(read.value.bytes);
    const layer = parsed.ok && parsed.value.kind === "manifest" ? parsed.value.layers[0] : undefined;
    if (layer === undefined) continue;
    const bytes = await readCapped(store, layer, signal);
    if (!bytes.ok) return bytes;
    const sbom = bytes.value === undefined ? undefined : parseSbom(bytes.value);
    if (sbom?.ok === true) found.push({ ...sbom.value, manifest: digest });
  }
  return ok(found);
}

/** What is wrong with what is said of an image: statements about another one, and packages for another CPU. */
export function findInStatements(
  image: AttestedImage,
  statements: readonly ReadStatement[],
): readonly Finding[] {
  return statements.flatMap((statement) => [
    ...subjectFindings(image, statement),
    ...(statement.read.ok && statement.read.value.sbom !== undefined
      ? architectureFindings(image, statement.read.value.sbom)
      : []),
  ]);
}

/** Undefined for a blob that says itself that it is larger than what is read. */
async function readCapped(
  store: Pick<Store, "blob">,
  content: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Result<Uint8Array | undefined, StoreFailure>> {
  if (content.size > MAX_STATEMENT_BYTES) return ok(undefined);
  return await store.blob(content, {
    maxBytes: MAX_STATEMENT_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
}

function parse(bytes: Uint8Array): ReadStatement["read"] {
  const statement = parseStatement(bytes);
  if (!statement.ok) return statement;
  const { subjects, predicate, predicateType } = statement.value;
  const sbom = isSbomType(predicateType) ? sbomOf(predicate) : undefined;
  return ok({ subjects, ...(sbom === undefined ? {} : { sbom }) });
}

function tooLarge({ size }: Descriptor): ReadStatement["read"] {
  const detail = `${size} bytes, more than ${MAX_STATEMENT_BYTES} are not read`;
  return fail({ kind: "statement-unreadable", problem: "too-large", detail });
}

const NAMES = { provenance: "provenance", sbom: "SBOM", other: "attestation" } as const;

/** A statement without any subject leaves it to the index what it speaks of. */
function subjectFindings(image: AttestedImage, statement: ReadStatement): readonly Finding[] {
  const { kind, manifest, content, read, predicateType } = statement;
  const place = { reference: image.reference, platform: image.platform };
  const of = `${NAMES[kind]} beside the image for ${formatPlatformFull(image.platform)}`;
  const about = [`attestation ${manifest}`, `statement ${content.digest}`];
  if (!read.ok)
    return [
      {
        rule: "attestation-subject",
        severity: "warning",
        message: `The ${of} cannot be read: ${read.error.detail}`,
        image: place,
        facts: about,
        fix: "Build the image again, so that its attestations are made anew.",
      },
    ];
  const subjects = read.value.subjects.flatMap(({ digests }) => digests);
  if (subjects.length === 0 || subjects.includes(image.digest)) return [];
  return [
    {
      rule: "attestation-subject",
      severity: "error",
      message: `The ${of} speaks of another image`,
      image: place,
      facts: [
        ...about,
        `states ${predicateType || "something of unknown type"}`,
        `of ${[...new Set(subjects)].slice(0, 5).join(", ")}`,
        `and not of ${image.digest}`,
      ],
      fix: "Attach to each platform the attestations of its own build; those of another image say nothing about this one.",
    },
  ];
}

/**
 * Most packages for another CPU: it is the SBOM of another platform. A few: a cross toolchain, or a wrong base. 32-bit packages
 * beside 64-bit ones are common.
 */
function architectureFindings(image: AttestedImage, sbom: Sbom): readonly Finding[] {
  const told = sbom.packages.flatMap((each) => {
    const architecture = isImage(each) ? undefined : packageArchitecture(each.arch ?? "");
    return architecture === undefined
      ? []
      : [{ ...each, architecture, fit: packageFit(architecture, image.platform) }];
  });
  const others = told.filter(({ fit }) => fit !== "own");
  const isOfAnother = others.length > told.length / 2;
  const wrong = isOfAnother ? others : told.filter(({ fit }) => fit === "foreign");
  if (wrong.length === 0) return [];
  const platform = formatPlatformFull(image.platform);
  const names = [...new Set(wrong.map(({ architecture }) => architecture))].join(", ");
  return [
    {
      rule: "sbom-architecture",
      severity: isOfAnother ? "error" : "warning",
      message: isOfAnother
        ? `The SBOM of the image for ${platform} lists the packages of another platform: they are for ${names}`
        : `The SBOM of the image for ${platform} lists packages for ${names}`,
      image: { reference: image.reference, platform: image.platform },
      facts: [
        `${wrong.length} of ${told.length} packages that are for one CPU`,
        ...wrong.slice(0, 5).map(({ name, version, arch }) => `${name} ${version} (${arch})`),
        ...(wrong.length > 5 ? [`and ${wrong.length - 5} more`] : []),
      ],
      fix: isOfAnother
        ? "Make an SBOM of each platform by itself; if the files are of the other platform, look at the base image."
        : "Look at how these packages came in; for a cross toolchain they are right.",
    },
  ];
}

function isImage({ purl = "" }: SbomPackage): boolean {
  return /^pkg:(?:oci|docker)\//.test(purl);
}
