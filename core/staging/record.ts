import * as z from "zod/mini";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Document } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { parseDocument, type Index } from "../oci/documents.ts";
import { writeIndex } from "../oci/image-index.ts";
import type { PublishedManifest } from "../publish/confirm.ts";
import { fail, ok, type Result } from "../result.ts";
import { MAX_CHECKED_BYTES } from "./checked-layers.ts";
import type { StagedIndex, StagingRecord, StagingUnusable } from "./staged.ts";

/** What all annotations of a staging index begin with. */
const KEY = "dev.buildx-plan.staging.";

/** Raise it where an annotation comes to mean something else. What is new gets a key of its own, which older versions pass over. */
const VERSION = "1";

const text = (length: number) => z.string().check(z.minLength(1), z.maxLength(length));
const digest = z.pipe(
  text(140),
  z.transform((given, context): Digest => {
    const parsed = parseDigest(given);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message: "not a sha256 or sha512 digest", input: given });
    return z.NEVER;
  }),
);

const time = text(40).check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "not a time"));

/** The annotations, by what follows {@link KEY}. */
const recordSchema = z.pipe(
  z.object({
    variant: text(1000),
    plan: text(64),
    inputs: z.optional(digest),
    revision: z.optional(text(200)),
    node: text(500),
    execution: z.enum(["native", "emulated"]),
    buildkit: z.optional(text(200)),
    "duration-ms": z.string().check(z.regex(/^\d{1,15}$/, "not a number of milliseconds")),
    "staged-at": time,
    gates: text(300),
    checked: z.optional(text(MAX_CHECKED_BYTES)),
  }),
  z.transform((given): StagingRecord => {
    const { variant, plan, inputs, revision, node, execution, buildkit, gates, checked } = given;
    return {
      variant,
      plan,
      ...(inputs === undefined ? {} : { inputs }),
      ...(revision === undefined ? {} : { revision }),
      route: { node, execution, ...(buildkit === undefined ? {} : { buildkitVersion: buildkit }) },
      durationMs: Number(given["duration-ms"]),
      stagedAt: given["staged-at"],
      gates,
      ...(checked === undefined ? {} : { checked }),
    };
  }),
);

/**
 * The index that a staging tag names: a variant's image and attestations as they will stand in the index of their release, which keeps
 * them from being collected as garbage, and what is known of them. OCI's, whatever they are: Docker's has no annotations.
 */
export function stagingIndex(
  { manifest, attestations }: Pick<PublishedManifest, "manifest" | "attestations">,
  record: StagingRecord,
): Document {
  return writeIndex({
    children: [manifest, ...attestations],
    annotations: annotationsOf(record),
    format: "oci",
  });
}

function annotationsOf({ route, ...record }: StagingRecord): Readonly<Record<string, string>> {
  const values: Readonly<Record<string, string | undefined>> = {
    version: VERSION,
    variant: record.variant,
    plan: record.plan,
    inputs: record.inputs,
    revision: record.revision,
    node: route.node,
    execution: route.execution,
    buildkit: route.buildkitVersion,
    "duration-ms": String(Math.max(0, Math.round(record.durationMs))),
    "staged-at": record.stagedAt,
    gates: record.gates,
    checked: record.checked,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[KEY + name, value]])),
  );
}

/** Reads what {@link stagingIndex} made for this variant. Nothing is asked: see core/staging/staging.ts. */
export function readStagingIndex(
  { bytes, descriptor }: Document,
  variant: string,
): Result<StagedIndex, StagingUnusable> {
  const about = { digest: descriptor.digest };
  const parsed = parseDocument(bytes);
  const values = parsed.ok && parsed.value.kind === "index" ? stagingValues(parsed.value.annotations) : {};
  const { version } = values;
  if (!parsed.ok || parsed.value.kind !== "index" || version === undefined)
    return fail({ kind: "staging-foreign", ...about });
  if (version !== VERSION) return fail({ kind: "staging-other-version", ...about, version });
  const record = recordSchema.safeParse(values);
  if (!record.success) return fail({ kind: "staging-malformed", ...about, detail: detailOf(record.error) });
  if (record.data.variant !== variant)
    return fail({ kind: "staging-other-variant", ...about, variant: record.data.variant });
  const children = childrenOf(parsed.value);
  if (children === undefined)
    return fail({
      kind: "staging-malformed",
      ...about,
      detail: "it does not name one image and its attestations",
    });
  return ok({ ...children, record: record.data, ...about });
}

/** What can be told of any staging index, whatever version wrote it; undefined where it is none. */
export function describeStaging(
  annotations: Readonly<Record<string, string>>,
): { readonly variant?: string; readonly node?: string; readonly stagedAt?: string } | undefined {
  const { version, variant, node, "staged-at": stagedAt } = stagingValues(annotations);
  if (version === undefined) return undefined;
  return {
    ...(variant === undefined ? {} : { variant }),
    ...(node === undefined ? {} : { node }),
    ...(time.safeParse(stagedAt).success && stagedAt !== undefined ? { stagedAt } : {}),
  };
}

function stagingValues(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const own = Object.entries(annotations).filter(([key]) => key.startsWith(KEY));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(KEY.length), value]));
}

function childrenOf({ manifests }: Index): Pick<StagedIndex, "manifest" | "attestations"> | undefined {
  const attestations = manifests.filter(isAttestation);
  const [manifest, ...others] = manifests.filter((entry) => !isAttestation(entry));
  const isWhole =
    manifest !== undefined &&
    others.length === 0 &&
    attestations.every((entry) => attestedDigest(entry) === manifest.digest);
  return isWhole ? { manifest, attestations } : undefined;
}

function detailOf(error: z.core.$ZodError): string {
  const issue = error.issues[0];
  return `${KEY}${issue?.path.join(".")}: ${issue?.message}`;
}
