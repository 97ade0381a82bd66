import type { Platform } from "../../platforms/platform.ts";
import { isAttestation } from "../oci/attestation.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, parseImageConfig, type Manifest } from "../oci/documents.ts";
import { isImageConfig } from "../oci/media-type.ts";
import { toResolvable, type Reference } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** What a base image is, as far as it decides which platforms can be built on it. */
export type Base =
  /** `offers` is undefined where an entry does not say for which platform it is: then anything may be among them. */
  | { readonly kind: "index"; readonly digest: Digest; readonly offers: readonly Platform[] | undefined }
  /** One image. Whoever asks for it by this name gets it, whatever their platform. */
  | { readonly kind: "image"; readonly digest: Digest; readonly platform: Platform };

/** It is there, and cannot be read as an image. */
export interface BaseForeign {
  readonly kind: "base-foreign";
  readonly detail: string;
}

/**
 * Reads what a reference names: one request for an index, the config too for a single image, which alone knows its platform.
 */
export async function lookUpBase(
  registry: Registry,
  reference: Reference,
  signal: AbortSignal,
): Promise<Result<Base, RegistryFailure | BaseForeign>> {
  const store = registry.store(reference);
  const wanted = toResolvable(reference);
  const read = await store.manifest("digest" in wanted ? wanted.digest : wanted.tag, signal);
  if (!read.ok) return read;
  const { digest } = read.value.descriptor;
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok) return foreign(parsed.error.detail);
  if (parsed.value.kind === "manifest")
    return await singleImage(store, { digest, manifest: parsed.value }, signal);
  const images = parsed.value.manifests.filter((entry) => !isAttestation(entry));
  const offers = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  return ok({ kind: "index", digest, offers: offers.length < images.length ? undefined : offers });
}

async function singleImage(
  store: Store<RegistryFailure>,
  { digest, manifest }: { readonly digest: Digest; readonly manifest: Manifest },
  signal: AbortSignal,
): Promise<Result<Base, RegistryFailure | BaseForeign>> {
  const { config } = manifest;
  if (!isImageConfig(config.mediaType)) return foreign(`its config is ${config.mediaType}`);
  const read = await store.blob(config, { signal });
  if (!read.ok) return read;
  const parsed = parseImageConfig(read.value);
  return parsed.ok
    ? ok({ kind: "image", digest, platform: parsed.value.platform })
    : foreign(parsed.error.detail);
}

function foreign(detail: string): Result<never, BaseForeign> {
  return fail({ kind: "base-foreign", detail });
}
