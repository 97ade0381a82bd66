/**
 * Image documents, read as loosely as is safe. Unknown fields, unknown media types, absent optional fields written as
 * `null`, an image without layers, and whatever stands in parts of a config that are not used here are tolerated; anything
 * that would be followed or trusted is not: a digest that cannot be checked, a size that is none, a media type with
 * characters that it cannot have, a document that could be read as two kinds.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md
 */
import * as z from "zod/mini";
import type { Platform } from "../../platforms/platform.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import type { Descriptor } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { isIndex, isManifest, OCI_INDEX, OCI_MANIFEST } from "./media-type.ts";

type Text = Readonly<Record<string, string>>;

interface Common {
  readonly mediaType: string;
  readonly annotations: Text;
  readonly artifactType?: string;
  /** The manifest that this one is about (OCI 1.1 referrers). */
  readonly subject?: Descriptor;
}

/** One image or artifact. */
export interface Manifest extends Common {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Several images; an OCI image index or a Docker manifest list. */
export interface Index extends Common {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/** What an image's config says of it; platform as written, layers as digests of their uncompressed content. */
export interface ImageConfig {
  readonly platform: Platform;
  readonly created?: string;
  readonly labels: Text;
  readonly diffIds: readonly Digest[];
  /** What a container runs: `entrypoint` then `cmd`, or `cmd` alone. Empty where nothing is said. */
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  /** Absolute; empty means `/`. */
  readonly workingDir: string;
  /** How the layers came about, those without content included. Not checked by anybody: for people. */
  readonly history: readonly HistoryEntry[];
}

/** One step of an image's making. */
export interface HistoryEntry {
  /** `COPY server /server # buildkit`, `/bin/sh -c make`. */
  readonly createdBy: string;
  readonly emptyLayer: boolean;
  readonly comment: string;
}

/**
 * Bytes that are not the document they should be. `not-json`; `schema1`: Docker's first format, which no registry should
 * serve any more; `ambiguous`: an index by one sign and a manifest by another, which clients would read differently;
 * `unknown`: neither; `field-invalid`: `path` names the field. `detail` is for people.
 */
export interface DocumentMalformed {
  readonly kind: "document-malformed";
  readonly problem: "not-json" | "schema1" | "ambiguous" | "unknown" | "field-invalid";
  readonly path?: string;
  readonly detail: string;
}

// What is wrong with a field is told in the words of the library.
z.config(z.locales.en());

const digest = z.pipe(
  z.string(),
  z.transform((text, context) => {
    const parsed = parseDigest(text);
    if (parsed !== undefined) return parsed;
    context.issues.push({ code: "custom", message: "not a sha256 or sha512 digest", input: text });
    return z.NEVER;
  }),
);

// RFC 6838, section 4.2.
const mediaType = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
      "not a media type",
    ),
  );

const maybeMediaType = z.nullish(z.union([mediaType, z.literal("")]));
const maybeText = z.nullish(z.string());
const annotations = z.nullish(z.record(z.string(), z.string()));
const text = z.pipe(
  annotations,
  z.transform((record): Text => record ?? {}),
);

const platformFields = {
  os: z.string().check(z.minLength(1)),
  architecture: z.string().check(z.minLength(1)),
  variant: maybeText,
  "os.version": maybeText,
  "os.features": z.nullish(z.array(z.string())),
};

const platform = z.pipe(z.looseObject(platformFields), z.transform(toPlatform));

const descriptor = z.pipe(
  z.looseObject({
    mediaType,
    digest,
    size: z.int().check(z.minimum(0)),
    platform: z.nullish(platform),
    annotations,
    artifactType: maybeMediaType,
    urls: z.nullish(z.array(z.string())),
  }),
  z.transform((given): Descriptor => ({
    mediaType: given.mediaType,
    digest: given.digest,
    size: given.size,
    ...(given.platform && { platform: given.platform }),
    ...(given.annotations && { annotations: given.annotations }),
    ...(given.artifactType && { artifactType: given.artifactType }),
    ...(given.urls && given.urls.length > 0 && { urls: given.urls }),
  })),
);

const descriptors = z.pipe(
  z.nullish(z.array(descriptor)),
  z.transform((list): readonly Descriptor[] => list ?? []),
);

const common = {
  schemaVersion: z.literal(2),
  mediaType: maybeMediaType,
  annotations: text,
  artifactType: maybeMediaType,
  subject: z.nullish(descriptor),
};

// Docker takes a single text for a list of one. What is said wrong is as good as not said.
const texts = z.catch(
  z.nullish(
    z.union([
      z.array(z.string()),
      z.pipe(
        z.string(),
        z.transform((text) => [text]),
      ),
    ]),
  ),
  [],
);

const historyEntry = z.looseObject({
  created_by: z.catch(maybeText, ""),
  empty_layer: z.catch(z.nullish(z.boolean()), false),
  comment: z.catch(maybeText, ""),
});

const manifest = z.looseObject({ ...common, config: descriptor, layers: descriptors });
const index = z.looseObject({ ...common, manifests: descriptors });

const imageConfig = z.looseObject({
  ...platformFields,
  created: maybeText,
  config: z.nullish(
    z.looseObject({
      Labels: text,
      Entrypoint: texts,
      Cmd: texts,
      Env: texts,
      WorkingDir: z.catch(maybeText, ""),
    }),
  ),
  // Nothing is decided by it, so whatever stands there is read as far as it can be.
  history: z.catch(z.nullish(z.array(historyEntry)), []),
  rootfs: z.nullish(z.looseObject({ diff_ids: z.nullish(z.array(digest)) })),
});

// Read before the rest, to tell which document it is. Presence matters, `null` or not.
const outline = z.looseObject({ schemaVersion: z.optional(z.unknown()), mediaType: z.optional(z.unknown()) });

/** Reads a manifest or an index; a missing media type is inferred from the fields that are there. */
export function parseDocument(bytes: Uint8Array): Result<Manifest | Index, DocumentMalformed> {
  const json = parseJson(bytes);
  if (!json.ok) return json;
  const shape = outline.safeParse(json.value);
  if (!shape.success) return malformed("unknown", "not an object");
  const hasImage = "config" in shape.data || "layers" in shape.data;
  const hasImages = "manifests" in shape.data;
  if (shape.data.schemaVersion === 1 || "fsLayers" in shape.data) {
    return malformed("schema1", "a Docker schema 1 manifest");
  }
  const stated = typeof shape.data.mediaType === "string" ? shape.data.mediaType : "";
  if ((hasImage && (hasImages || isIndex(stated))) || (hasImages && isManifest(stated))) {
    return malformed("ambiguous", "a document that could be read as an index and as a manifest");
  }
  if (hasImage) return readManifest(json.value);
  return hasImages ? readIndex(json.value) : malformed("unknown", "neither an index nor a manifest");
}

/** Reads an image's config. */
export function parseImageConfig(bytes: Uint8Array): Result<ImageConfig, DocumentMalformed> {
  const json = parseJson(bytes);
  if (!json.ok) return json;
  const read = imageConfig.safeParse(json.value);
  if (!read.success) return fieldInvalid(read.error);
  const { created, config, rootfs, history } = read.data;
  return ok({
    platform: toPlatform(read.data),
    ...(created && { created }),
    labels: config?.Labels ?? {},
    diffIds: rootfs?.diff_ids ?? [],
    entrypoint: config?.Entrypoint ?? [],
    cmd: config?.Cmd ?? [],
    env: config?.Env ?? [],
    workingDir: config?.WorkingDir ?? "",
    history: (history ?? []).map((entry) => ({
      createdBy: entry.created_by ?? "",
      emptyLayer: entry.empty_layer ?? false,
      comment: entry.comment ?? "",
    })),
  });
}

function readManifest(json: unknown): Result<Manifest, DocumentMalformed> {
  const read = manifest.safeParse(json);
  if (!read.success) return fieldInvalid(read.error);
  const { config, layers } = read.data;
  return ok({ kind: "manifest", ...toCommon(read.data, OCI_MANIFEST), config, layers });
}

function readIndex(json: unknown): Result<Index, DocumentMalformed> {
  const read = index.safeParse(json);
  if (!read.success) return fieldInvalid(read.error);
  return ok({ kind: "index", ...toCommon(read.data, OCI_INDEX), manifests: read.data.manifests });
}

// Docker's documents always say what they are: one that does not is OCI's.
function toCommon(
  given: Pick<z.output<typeof index>, "mediaType" | "annotations" | "artifactType" | "subject">,
  inferred: string,
): Common {
  return {
    mediaType: given.mediaType || inferred,
    annotations: given.annotations,
    ...(given.artifactType && { artifactType: given.artifactType }),
    ...(given.subject && { subject: given.subject }),
  };
}

function toPlatform(given: z.output<z.ZodMiniObject<typeof platformFields>>): Platform {
  const { os, architecture, variant, "os.version": osVersion, "os.features": osFeatures } = given;
  return {
    os,
    architecture,
    ...(variant && { variant }),
    ...(osVersion && { osVersion }),
    ...(osFeatures && osFeatures.length > 0 && { osFeatures }),
  };
}

function parseJson(bytes: Uint8Array): Result<unknown, DocumentMalformed> {
  try {
    return ok(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return malformed("not-json", "not JSON in UTF-8");
  }
}

function fieldInvalid(error: z.core.$ZodError): Result<never, DocumentMalformed> {
  const issue = error.issues[0];
  const path = z.core.toDotPath(issue?.path ?? []);
  return fail({
    kind: "document-malformed",
    problem: "field-invalid",
    path,
    detail: `${path}: ${issue?.message}`,
  });
}

function malformed(problem: DocumentMalformed["problem"], detail: string): Result<never, DocumentMalformed> {
  return fail({ kind: "document-malformed", problem, detail });
}
