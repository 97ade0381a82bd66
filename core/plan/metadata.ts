import { annotationsFor, readAnnotations } from "./annotations.ts";
import type { Checkout } from "./checkout.ts";
import { CHANGING_KEYS, METADATA_KEYS, METADATA_PREFIX } from "./metadata-keys.ts";
import { mentions, resolveFields } from "./place.ts";
import type { PlanPlace } from "./place.ts";
import type { MetadataFact } from "./origins.ts";
import type { Fact } from "./ref-facts.ts";
import type { Field, WrittenImage } from "./written.ts";

type Texts = Readonly<Record<string, string>>;

/** What the repository gives for labels and annotations; all is empty where the plan wants none. */
export interface Metadata {
  readonly facts: readonly MetadataFact[];
  /** For the config of each image. */
  readonly labels: Texts;
  /** For the manifest of each image. */
  readonly manifest: Texts;
  readonly index: Texts;
}

/**
 * Gathers the predefined annotations of OCI for one release. `created` is the time of the commit, so that the same commit gives the
 * same bytes. With `reuse: unchanged` what changes with every commit stands on the index alone: an image that says of which commit it is
 * would never be unchanged.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
 */
export function gatherMetadata(
  image: WrittenImage,
  version: Fact | undefined,
  { checkout }: PlanPlace,
): Metadata {
  const facts = image.metadata ? factsOf(checkout, version) : [];
  const isKept = image.takeOver.reuse !== undefined;
  const all = textsOf(facts);
  const ofImages = textsOf(facts.filter(({ key }) => !isKept || !CHANGING_KEYS.has(key)));
  const isDocker = image.mediaTypes === "docker";
  return { facts, labels: ofImages, manifest: isDocker ? {} : ofImages, index: isDocker ? {} : all };
}

function textsOf(facts: readonly MetadataFact[]): Texts {
  return Object.fromEntries(facts.map(({ key, value }) => [key, value]));
}

function factsOf(checkout: Checkout, version: Fact | undefined): readonly MetadataFact[] {
  const { source, sha, created, licenses } = checkout;
  const title = source && { ...source, value: source.value.slice(source.value.lastIndexOf("/") + 1) };
  const time = created && { ...created, value: timeOf(Number(created.value)) };
  const found = { title, source, url: source, licenses, revision: sha, created: time, version };
  return Object.entries(found).flatMap(([name, fact]) =>
    fact === undefined ? [] : [{ key: `${METADATA_PREFIX}${name}`, ...fact }],
  );
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/**
 * What the annotations of the index are where the plan has none for it: what it says for all images of these very keys, as annotation or
 * as label, comes before what the repository gives.
 */
export function indexDefaults(image: WrittenImage, { index }: Metadata, place: PlanPlace): Texts {
  if (Object.keys(index).length === 0) return {};
  const manifest = annotationsFor(readAnnotations(image.build.annotations, place.problems), "manifest");
  const said = [...(image.build.labels ?? []), ...manifest].filter(isForAll);
  return { ...index, ...resolveFields(said, place) };
}

function isForAll(field: Field): boolean {
  return METADATA_KEYS.includes(field.key) && !mentions([field], "platform");
}

/** Labels and annotations of one image where the plan has none: those that its Dockerfile sets are left to it. */
export function imageDefaults(
  { labels, manifest }: Pick<Metadata, "labels" | "manifest">,
  own: { readonly labels: Texts; readonly written: ReadonlySet<string> },
): Pick<Metadata, "labels" | "manifest"> {
  const left = (texts: Texts): Texts =>
    Object.fromEntries(Object.entries(texts).filter(([key]) => !own.written.has(key)));
  const said = Object.entries(own.labels).filter(([key]) => Object.hasOwn(manifest, key));
  return { labels: left(labels), manifest: { ...left(manifest), ...Object.fromEntries(said) } };
}
