import { join } from "node:path";
import { isPushedInsecurely, pushedByBuilder } from "../buildkit/registry-access.ts";
import { createLayout } from "../layout/create.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest-of.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { BuildContext } from "../plan/build.ts";
import type { RegistrySettings, Variant } from "../plan/plan.ts";
import type { TransferFailure } from "../publish/transfer-failure.ts";
import { transfer } from "../publish/transfer.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** An image that was published, and how BuildKit may come by it. */
export interface ImageSource {
  readonly variant: Variant;
  /** Where BuildKit can fetch it; undefined for a layout. */
  readonly repository?: Repository;
  readonly digest: Digest;
  readonly store: Store;
  readonly registries: readonly RegistrySettings[];
  readonly signal: AbortSignal;
}

type Answer<T> = Promise<Result<T, StoreFailure | TransferFailure>>;

/**
 * How BuildKit gets the image: from the registry that it has pushed it to, or from a copy in `folder` where it has not, or could
 * not read what it could write. Instructions for images that are built upon this one (`ONBUILD`) are left out, in a copy:
 * the test would begin by carrying them out.
 */
export async function offerImage(source: ImageSource, folder: string): Answer<BuildContext> {
  const { digest, store, signal } = source;
  const root = await store.manifest(digest, signal);
  if (!root.ok) return root;
  const config = await readConfig(root.value, store, signal);
  if (!config.ok) return config;
  const hasTriggers = triggersOf(config.value) > 0;
  if (!hasTriggers && source.repository !== undefined && isReachable(source.repository, source))
    return ok({ kind: "remote", url: `docker-image://${formatRepository(source.repository)}@${digest}` });
  const layout = await createLayout(join(folder, "layout"), { kind: "folder" });
  if (!layout.ok) return layout;
  const to = layout.value.store;
  const copied = await transfer({ from: store, to, root: root.value, tags: [], referrers: false, signal });
  if (!copied.ok) return copied;
  const offered = hasTriggers ? await putWithoutTriggers(root.value, config.value, to) : ok(digest);
  if (!offered.ok) return offered;
  const finished = await layout.value.finish();
  if (!finished.ok) return finished;
  const reference = { kind: "digest", digest: offered.value } as const;
  return ok({ kind: "oci-layout", path: join(folder, "layout"), reference });
}

/** Has BuildKit pushed it there, and as it reads: a build says which registries are insecure to what writes only. */
function isReachable(repository: Repository, { variant, registries }: ImageSource): boolean {
  const { push, repositories } = variant.build;
  if (push === "client" || isPushedInsecurely(repositories, registries)) return false;
  const name = formatRepository(repository);
  return pushedByBuilder(repositories, registries).some((each) => formatRepository(each) === name);
}

type Json = Readonly<Record<string, unknown>>;

/** Empty where there is nothing of the kind: BuildKit has the last word on what is an image. */
async function readConfig(root: Document, store: Store, signal: AbortSignal): Answer<Json> {
  const parsed = parseDocument(root.bytes);
  if (!parsed.ok || parsed.value.kind !== "manifest") return ok({});
  const { digest, size } = parsed.value.config;
  const bytes = await store.blob({ digest, size }, { signal });
  return bytes.ok ? ok(parseObject(bytes.value)) : bytes;
}

function triggersOf(config: Json): number {
  const triggers = object(config["config"])["OnBuild"];
  return Array.isArray(triggers) ? triggers.length : 0;
}

async function putWithoutTriggers(root: Document, config: Json, to: Store): Answer<Digest> {
  const { OnBuild: _, ...settings } = object(config["config"]);
  const manifest = parseObject(root.bytes);
  const changed = documentOf({ ...config, config: settings }, object(manifest["config"])["mediaType"]);
  const put = await to.putBlob({
    descriptor: changed.descriptor,
    open: async function* () {
      yield changed.bytes;
    },
  });
  if (!put.ok) return put;
  const { mediaType, digest, size } = changed.descriptor;
  const document = documentOf(
    { ...manifest, config: { mediaType, digest, size } },
    root.descriptor.mediaType,
  );
  const written = await to.putManifest(document.descriptor.digest, document);
  return written.ok ? ok(document.descriptor.digest) : fail(written.error);
}

function documentOf(value: Json, mediaType: unknown): { descriptor: Descriptor; bytes: Uint8Array } {
  const bytes = Buffer.from(JSON.stringify(value));
  return {
    bytes,
    descriptor: { mediaType: String(mediaType), digest: digestOf(bytes), size: bytes.length },
  };
}

function parseObject(bytes: Uint8Array): Json {
  try {
    return object(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return {};
  }
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
