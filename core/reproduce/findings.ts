import { cleanPath } from "../layers/layer-paths.ts";
import type { Finding } from "../findings/finding.ts";
import type { Build } from "../plan/plan.ts";
import { imagePlace, placeOf, type LayerPlace } from "../verify/made-by.ts";
import type { ImageToVerify } from "../verify/verified.ts";
import { adviseOn, cause } from "./advice.ts";
import type {
  ContentPlace,
  DifferenceGroup,
  EntryChange,
  ImageDifference,
  LayersDifference,
  ValueDifference,
} from "./difference.ts";

/** Groups and values that are told one by one. */
const MOST_TOLD = 3;
const MOST_OF_VALUE = 120;

/** What two builds of an image differ in, as one finding: the first difference is the one to look at. `image` is the first of the two. */
export function reproducibleFinding(
  difference: ImageDifference,
  image: ImageToVerify,
  build: Pick<Build, "args" | "image">,
): Finding {
  const { layers, config, manifest } = difference;
  const about = layers === undefined ? aboutDocuments(difference) : aboutLayers(layers, image);
  const values = [...named(config, "config"), ...named(manifest, "manifest")];
  // The first one of documents alone is told in the message.
  const rest = layers === undefined ? values.slice(1) : values;
  const { location, image: place } = placeIn(layers, image);
  return {
    rule: "not-reproducible",
    severity: "error",
    message: `Two builds of it are not the same: ${about.message}`,
    image: place,
    ...(location === undefined ? {} : { location }),
    facts: [...about.facts, ...valueFacts(rest)],
    fix: adviseOn(cause(difference), build),
  };
}

interface About {
  readonly message: string;
  readonly facts: readonly string[];
}

function placeIn(layers: LayersDifference | undefined, image: ImageToVerify): LayerPlace {
  if (layers === undefined || layers.kind === "count") return { image: imagePlace(image) };
  const path = layers.kind === "entries" ? layers.groups[0]?.example.path : undefined;
  return placeOf(image, layers.layer, path === undefined ? undefined : absolute(path));
}

function aboutDocuments({ config, manifest }: ImageDifference): About {
  const [first] = [...named(config, "config"), ...named(manifest, "manifest")];
  if (first === undefined) return { message: "their documents are written in other ways", facts: [] };
  return { message: `all layers are, ${sentence(first)}`, facts: [] };
}

function aboutLayers(layers: LayersDifference, image: ImageToVerify): About {
  if (layers.kind === "count")
    return { message: `one has ${layers.counts.join(" layers, the other ")}`, facts: [] };
  const name = `layer ${layers.layer + 1} of ${image.layers.length}`;
  if (layers.kind === "unreadable")
    return { message: `${name} differs, and cannot be read: ${layers.detail}`, facts: [] };
  const more =
    layers.more === 0 ? [] : [`${layers.more} more ${layers.more === 1 ? "layer differs" : "layers differ"}`];
  const digests = `${layers.digests[0]}, then ${layers.digests[1]}`;
  if (layers.kind === "compression")
    return { message: `${name} holds the same files, compressed in another way`, facts: [digests, ...more] };
  const [first] = layers.groups;
  if (first === undefined)
    return { message: `${name} differs between its entries only`, facts: [digests, ...more] };
  const told = layers.groups.slice(0, MOST_TOLD).flatMap(groupFacts);
  const hidden = layers.groups.length - MOST_TOLD;
  const others = hidden > 0 ? [`and entries that differ in ${hidden} other ways`] : [];
  return {
    message: `${name} differs in ${absolute(first.example.path)}`,
    facts: [...told, ...others, ...more],
  };
}

function groupFacts({ example: { path, changes }, more }: DifferenceGroup): readonly string[] {
  const shown = absolute(path);
  const facts = changes.flatMap((change) =>
    changeFacts(change).map((fact, at) => (at === 0 ? `${shown}: ${fact}` : fact)),
  );
  if (more === 0) return facts;
  return [...facts, `and ${more} more ${more === 1 ? "differs" : "differ"} in the same way`];
}

function changeFacts(change: EntryChange): readonly string[] {
  switch (change.what) {
    case "presence":
      return [`only the ${change.in} build has it`];
    case "order":
      return [`stands in another order: ${absolute(change.values[1])} is there in the second build`];
    case "content":
      return contentFacts(change.sizes, change.place);
    case "xattrs":
      return [`other extended attributes: ${change.names.join(", ")}`];
    case "mtime":
      return [`modified ${change.values.map(timeOf).join(", then ")}`];
    case "header":
      return ["its header is written in another way"];
    default:
      return [`${NAMES[change.what]} ${change.values.map(quoted).join(", then ")}`];
  }
}

const NAMES = {
  kind: "kind",
  link: "points to",
  mode: "mode",
  owner: "owner",
  device: "device number",
} as const;

function contentFacts(
  [one, other]: readonly [number, number],
  place: ContentPlace | undefined,
): readonly string[] {
  const sizes = one === other ? `${one} bytes each` : `${one} bytes, then ${other}`;
  if (place === undefined) return [`other content (${sizes})`];
  const head = `other content from byte ${place.offset} on (${sizes})`;
  const { line } = place;
  if (line === undefined) return [head];
  const texts = line.texts.map((text) => (text === undefined ? "nothing" : JSON.stringify(text)));
  return [head, `line ${line.number}: ${texts.join(", then ")}`];
}

interface NamedValue extends ValueDifference {
  readonly document: string;
}

function named(values: readonly ValueDifference[], document: string): readonly NamedValue[] {
  return values.map((value) => ({ ...value, document }));
}

function valueFacts(values: readonly NamedValue[]): readonly string[] {
  const told = values.slice(0, MOST_TOLD).map(sentence);
  const hidden = values.length - told.length;
  return hidden > 0
    ? [...told, `and ${hidden} more ${hidden === 1 ? "value" : "values"} of config and manifest`]
    : told;
}

function sentence({ document, path, first, second }: NamedValue): string {
  const values = [first, second].map((value) => (value === undefined ? "nothing" : shortened(value)));
  return `${path} of the ${document} is ${values.join(", then ")}`;
}

function shortened(text: string): string {
  return text.length > MOST_OF_VALUE ? `${text.slice(0, MOST_OF_VALUE)}...` : text;
}

function quoted(text: string): string {
  return text === "" ? "nothing" : text;
}

function absolute(path: string): string {
  return `/${cleanPath(path).path}`;
}

/** Seconds since 1970 as a date, as far as they can be one. */
function timeOf(seconds: string): string {
  const [whole = "", fraction] = seconds.split(".");
  const date = new Date(/^-?\d+$/.test(whole) ? Number(whole) * 1000 : Number.NaN);
  if (Number.isNaN(date.getTime())) return seconds;
  return date.toISOString().replace(".000Z", fraction === undefined ? "Z" : `.${fraction}Z`);
}
