import * as z from "zod/mini";
import type { Digest } from "../oci/digest.ts";
import { parseDigest } from "../oci/digest.ts";
import { formatReference, parseRepository, parseTaggedReference } from "../oci/reference.ts";
import { fail, ok, type Result } from "../result.ts";
import { RECORD_VERSION, type ReleaseRecord } from "./record.ts";

/** The text is no record of a release that this version can use. */
export interface RecordMalformed {
  readonly detail: string;
}

const MAX_TAGS = 10_000;
const MAX_RELEASES = 1_000;
const MAX_PLATFORMS = 200;
const MAX_REGISTRIES = 200;

const text = (length: number) => z.string().check(z.maxLength(length));
const time = text(40).check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "not a time"));
const path = text(4096).check(z.regex(/^(\/|[A-Za-z]:[\\/])[^\0]*$/, "not an absolute path"));
const digest = z.pipe(
  text(140),
  z.transform((given, context): Digest => {
    const parsed = parseDigest(given);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message: "not a sha256 or sha512 digest", input: given });
    return z.NEVER;
  }),
);
// Written out in full, so that no default of ours decides which registry is meant.
const tag = text(600).check(z.refine(isWholeTag, "not registry/path:tag"));
const registry = text(300).check(z.refine(isRegistry, "not a registry"));

const recordSchema = z.strictObject({
  schemaVersion: z.literal(RECORD_VERSION),
  kind: z.literal("release"),
  tool: text(100),
  startedAt: time,
  endedAt: z.optional(time),
  ok: z.boolean(),
  plan: text(4096),
  registries: z
    .array(
      z.strictObject({
        registry,
        insecure: z.boolean(),
        ca: z.optional(path),
        cert: z.optional(path),
        key: z.optional(path),
      }),
    )
    .check(z.maxLength(MAX_REGISTRIES)),
  releases: z
    .array(
      z.strictObject({
        name: text(1000),
        digest,
        mediaType: text(300),
        platforms: z.array(z.strictObject({ platform: text(300), digest })).check(z.maxLength(MAX_PLATFORMS)),
      }),
    )
    .check(z.maxLength(MAX_RELEASES)),
  tags: z
    .array(
      z.strictObject({
        tag,
        release: text(1000),
        before: z.nullable(digest),
        after: digest,
        state: z.enum(["planned", "moved", "kept", "unchanged"]),
      }),
    )
    .check(z.maxLength(MAX_TAGS)),
});

/** Reads a record as strictly as it is written: a file that says more, or other things, comes from somewhere else. */
export function readRecordText(json: string): Result<ReleaseRecord, RecordMalformed> {
  const parsed = recordSchema.safeParse(parseJson(json));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = z.core.toDotPath(issue?.path ?? []);
    return fail({ detail: `${where === "" ? "the file" : where}: ${issue?.message ?? "invalid"}` });
  }
  const seen = new Set<string>();
  const twice = parsed.data.tags.find(({ tag: each }) => seen.size === seen.add(each).size)?.tag;
  if (twice !== undefined) return fail({ detail: `tags: ${twice} is there twice` });
  const { endedAt, registries, ...rest } = parsed.data;
  return ok({
    ...rest,
    ...(endedAt === undefined ? {} : { endedAt }),
    registries: registries.map(({ ca, cert, key, ...settings }) => ({
      ...settings,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })),
  });
}

function isWholeTag(given: string): boolean {
  const parsed = parseTaggedReference(given);
  return parsed.ok && formatReference(parsed.value) === given;
}

function isRegistry(given: string): boolean {
  const parsed = parseRepository(`${given}/name/name`);
  return parsed.ok && parsed.value.registry === given;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
