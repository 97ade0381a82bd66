import * as z from "zod/mini";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";
import { MAX_CHECKED_BYTES } from "./checked-layers.ts";
import type { StagingRecord } from "./staged.ts";

/** What all annotations about staging begin with. */
export const STAGING_KEY = "dev.buildx-plan.staging.";

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

/** The annotations, by what follows {@link STAGING_KEY}. */
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

/** A record as annotations, to stand beside those that an image's entry has anyway. */
export function recordAnnotations({ route, ...record }: StagingRecord): Readonly<Record<string, string>> {
  return withKeys({
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
  });
}

/** Reads what {@link recordAnnotations} wrote; the failure says which annotation is wrong, for people. */
export function readRecord(entry: Descriptor): Result<StagingRecord, string> {
  const read = recordSchema.safeParse(stagingValues(entry.annotations));
  if (read.success) return ok(read.data);
  const issue = read.error.issues[0];
  return fail(`${STAGING_KEY}${issue?.path.join(".")}: ${issue?.message}`);
}

/** An entry as it was before a record was put upon it. */
export function withoutRecord({ annotations = {}, ...entry }: Descriptor): Descriptor {
  const own = Object.entries(annotations).filter(([key]) => !key.startsWith(STAGING_KEY));
  return own.length === 0 ? entry : { ...entry, annotations: Object.fromEntries(own) };
}

/** Annotations by what follows {@link STAGING_KEY}; those of others are left out. */
export function stagingValues(
  annotations: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string | undefined>> {
  const own = Object.entries(annotations).filter(([key]) => key.startsWith(STAGING_KEY));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(STAGING_KEY.length), value]));
}

/** The other way round; what is undefined is left out. */
export function withKeys(
  values: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[STAGING_KEY + name, value]],
    ),
  );
}

/** Is it a time as records have it? */
export function isTime(value: string | undefined): value is string {
  return time.safeParse(value).success;
}
