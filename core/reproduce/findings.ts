import { cleanPath } from "../layers/layer-paths.ts";
import type { Finding } from "../findings/finding.ts";
import type { Build } from "../plan/build.ts";
import { imagePlace, placeOf, type LayerPlace } from "../verify/made-by.ts";
import type { ImageToVerify } from "../verify/verified.ts";
import { adviseOn, causeOf, causeOfValues, isInTimesOnly, isTime } from "./advice.ts";
import type {
  ContentPlace,
  DifferenceGroup,
  EntryChange,
  ImageDifference,
  LayerDifference,
  ValueDifference,
} from "./difference.ts";

/** Groups and values that are told one by one. */
const MOST_TOLD = 3;
const MOST_OF_VALUE = 120;

/** What two builds of an image differ in. `image` is the first of the two. */
export function findDifferences(
  difference: ImageDifference,
  image: ImageToVerify,
  build: Pick<Build, "args" | "image">,
): readonly Finding[] {
  const values = valuesOf(difference);
  const [first, ...rest] = values;
  const about = { rule: "not-reproducible", severity: "error" } as const;
  const layers = difference.layers.map((layer, at): Finding => {
    const told = aboutLayer(layer, image);
    return {
      ...about,
      ...placeIn(layer, image),
      message: `${MESSAGE}: ${told.message}`,
      facts: [...told.facts, ...otherLayers(layer, difference), ...(at === 0 ? valueFacts(values) : [])],
      fix: adviseOn(causeOf(layer), build),
    };
  });
  if (layers.length > 0) return layers;
  const message = first === undefined ? "their documents are written in other ways" : sentence(first);
  const fix = adviseOn(causeOfValues(values), build);
  return [
    { ...about, image: imagePlace(image), message: `${MESSAGE}: ${message}`, facts: valueFacts(rest), fix },
  ];
}

const MESSAGE = "Two builds of it are not the same";

function placeIn(layer: LayerDifference, image: ImageToVerify): LayerPlace {
  if (layer.kind === "count") return { image: imagePlace(image) };
  const path = layer.kind === "entries" ? layer.groups[0]?.example.path : undefined;
  return placeOf(image, layer.layer, path === undefined ? undefined : absolute(path));
}

interface About {
  readonly message: string;
  readonly facts: readonly string[];
}

function aboutLayer(layer: LayerDifference, image: ImageToVerify): About {
  if (layer.kind === "count")
    return { message: `one has ${layer.counts.join(", the other ")} layers`, facts: [] };
  const name = `layer ${layer.layer + 1} of ${image.layers.length}`;
  if (layer.kind === "unreadable")
    return { message: `${name} differs, and cannot be read: ${layer.detail}`, facts: [] };
  const digests = `${layer.digests[0]}, then ${layer.digests[1]}`;
  if (layer.kind === "compression")
    return { message: `${name} holds the same files, compressed in another way`, facts: [digests] };
  const [first] = layer.groups;
  const [change] = first?.example.changes ?? [];
  if (first === undefined || change === undefined)
    return { message: `${name} differs between its entries only`, facts: [digests] };
  const hidden = layer.groups.length - MOST_TOLD;
  const others = hidden > 0 ? [`and entries that differ in ${hidden} other ways`] : [];
  return {
    message: `${differs(absolute(first.example.path), change.what)} in ${name}`,
    facts: [...layer.groups.slice(0, MOST_TOLD).flatMap(groupFacts), ...others],
  };
}

function differs(path: string, what: EntryChange["what"]): string {
  return what === "presence" ? `only one has ${path}` : `the ${NOUNS[what]} of ${path} differs`;
}

const NOUNS = {
  kind: "kind",
  content: "content",
  link: "target",
  device: "device number",
  mode: "mode",
  owner: "owner",
  xattrs: "attributes",
  order: "place",
  mtime: "time",
  header: "header",
} as const;

/** Where a first one differs in times only, all others were looked at. */
function otherLayers(layer: LayerDifference, { layers }: ImageDifference): readonly string[] {
  if (layer.kind === "count" || layer.kind === "unreadable" || layer.more === 0) return [];
  const verb = layer.more === 1 ? "layer differs" : "layers differ";
  const inWhat = isInTimesOnly(layer) && layers.length === 1 ? " in times only" : "";
  return [`${layer.more} more ${verb}${inWhat}`];
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

/** Times last: they follow from anything. */
function valuesOf({ config, manifest }: ImageDifference): readonly NamedValue[] {
  const all = [
    ...config.map((value) => ({ ...value, document: "config" })),
    ...manifest.map((value) => ({ ...value, document: "manifest" })),
  ];
  return [...all.filter(({ path }) => !isTime(path)), ...all.filter(({ path }) => isTime(path))];
}

function valueFacts(values: readonly NamedValue[]): readonly string[] {
  const told = values.filter(({ path }, at) => !isTime(path) && at < MOST_TOLD);
  const times = values.filter(({ path }) => isTime(path));
  const hidden = values.length - told.length - times.length;
  const [time, ...others] = times;
  return [
    ...told.map(sentence),
    ...(hidden > 0 ? [`and ${hidden} more ${hidden === 1 ? "value" : "values"} of config and manifest`] : []),
    ...(time === undefined
      ? []
      : [`${sentence(time)}${others.length === 0 ? "" : `, and ${others.length} more times`}`]),
  ];
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
