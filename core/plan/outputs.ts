import { rangeOf } from "./fields.ts";
import type { Apart } from "./cache.ts";
import { hintFor } from "./nearest.ts";
import { below, usePath } from "./paths.ts";
import { complain, field, mentions, resolveFields, resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { FileOutput } from "./build.ts";
import type { PlannedRelease } from "./plan.ts";
import type { Range } from "./source.ts";
import type { Attributes, Field, Text } from "./written.ts";

/** What `output` asks for: attributes of the pushed image, and results on disk (with where the plan asks for them). */
export interface Outputs {
  readonly image: Readonly<Record<string, string>>;
  readonly files: readonly PlacedOutput[];
}
export interface PlacedOutput {
  readonly output: FileOutput;
  readonly range: Range;
}

/** Where outputs are resolved. */
export interface OutputPlace extends Place {
  readonly apart: Apart;
  readonly mediaTypes: PlannedRelease["mediaTypes"];
}

const FILE_TYPES = ["local", "tar", "oci", "docker"] as const;
const TYPES = [...FILE_TYPES, "image", "registry"];

/** Resolves the outputs of one variant. Each gets a `dest` of its own unless the plan uses `${platform...}` there. */
export function resolveOutputs(items: readonly Attributes[] | undefined, place: OutputPlace): Outputs {
  const image = new Map<string, string>();
  const files: PlacedOutput[] = [];
  for (const item of items ?? []) {
    const type = typeOf(item, place);
    if (type === "image" || type === "registry") {
      for (const [key, value] of Object.entries(imageAttributes(item, place))) image.set(key, value);
    } else if (type !== undefined) {
      const output = fileOutput(type, item, place);
      if (output !== undefined) files.push({ output, range: item.range });
    }
  }
  if (place.mediaTypes === "docker") image.set("oci-mediatypes", "false");
  return { image: Object.fromEntries(image), files };
}

type OutputType = FileOutput["type"] | "image" | "registry";

function typeOf(item: Attributes, place: OutputPlace): OutputType | undefined {
  const written = field(item.fields, "type");
  const [bare] = item.bare;
  if (written === undefined && bare !== undefined && item.fields.length === 0) return "local";
  if (bare !== undefined)
    return complain(bare, "This is no attribute of an output", "Write `type=local,dest=folder`", place);
  if (written === undefined) {
    place.problems.error(item.range, "An output needs a `type`", { hint: `Known: ${TYPES.join(", ")}` });
    return undefined;
  }
  const type = resolveText(written.value, place)?.value;
  const known = FILE_TYPES.find((each) => each === type);
  if (known !== undefined || type === undefined) return known;
  if (type === "image" || type === "registry") return type;
  const hint = hintFor(type, TYPES);
  return complain(written.value, `\`${type.slice(0, 60)}\` is no type of output`, hint, place);
}

/** Attributes of BuildKit's image exporter that a plan may set, and those that are set by us. */
const IMAGE_KEYS = [
  "compression",
  "compression-level",
  "force-compression",
  "oci-mediatypes",
  "rewrite-timestamp",
  "prefer-nondist-layers",
  "source-date-epoch",
  "registry.insecure",
];
const OURS: ReadonlyMap<string, string> = new Map([
  ["name", "Name the image in `tags`"],
  ["push", "An image with `tags` is pushed"],
  ["push-by-digest", "Every image is pushed by digest, and tagged once all platforms are there"],
  ["name-canonical", "Every image is pushed by digest"],
  ["store", "The image is pushed, not stored where it is built"],
  ["unpack", "The image is pushed, not stored where it is built"],
  ["dangling-name-prefix", "Name the image in `tags`"],
]);

function imageAttributes({ fields }: Attributes, place: OutputPlace): Readonly<Record<string, string>> {
  const attributes = fields.filter(({ key }) => key !== "type");
  const known = attributes.filter((attribute) => isImageAttribute(attribute, place));
  const resolved = resolveFields(known, place);
  checkMediaTypes(known, resolved, place);
  return resolved;
}

/** What Go's strconv.ParseBool takes for true; all else is false, or BuildKit's to refuse. */
const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const OCI_COMPRESSIONS: ReadonlySet<string> = new Set(["zstd", "estargz"]);

/** The media types are one for the index and all that is in it, so that no output may have others. */
function checkMediaTypes(
  fields: readonly Field[],
  resolved: Readonly<Record<string, string>>,
  { mediaTypes, problems }: OutputPlace,
): void {
  const [types, compression] = [field(fields, "oci-mediatypes"), field(fields, "compression")];
  const written = resolved["oci-mediatypes"];
  if (types !== undefined && written !== undefined && TRUE.test(written) === (mediaTypes === "docker")) {
    problems.error(types.keyRange, `The media types of the image are ${NAMES[mediaTypes]}`, {
      hint: mediaTypes === "oci" ? "Write `media-types: docker` at the image" : "Remove `oci-mediatypes`",
    });
  }
  const shown = resolved["compression"] ?? "";
  if (mediaTypes === "oci" || compression === undefined || !OCI_COMPRESSIONS.has(shown)) return;
  problems.error(rangeOf(compression.value), `Docker's media types have no layers in ${shown}`, {
    hint: "Use `compression=gzip`, or `media-types: oci`",
  });
}

const NAMES = { oci: "OCI's", docker: "Docker's" } as const;

function isImageAttribute({ key, keyRange }: Field, { problems }: OutputPlace): boolean {
  if (IMAGE_KEYS.includes(key)) return true;
  const ours = OURS.get(key) ?? (key.startsWith("annotation") ? "Use `annotations`" : undefined);
  const shown = key.slice(0, 60);
  if (ours !== undefined) problems.error(keyRange, `\`${shown}\` cannot be set here`, { hint: ours });
  else {
    const hint = hintFor(key, IMAGE_KEYS);
    problems.error(keyRange, `An image output has no attribute \`${shown}\``, { hint });
  }
  return false;
}

function fileOutput(type: FileOutput["type"], item: Attributes, place: OutputPlace): FileOutput | undefined {
  const text = field(item.fields, "dest")?.value ?? item.bare[0];
  if (text === undefined) {
    place.problems.error(item.range, `An output of type ${type} needs a \`dest\``, {
      hint: "Add `dest=` with a path",
    });
    return undefined;
  }
  const attributes = resolveFields(
    item.fields.filter(({ key }) => key !== "type" && key !== "dest"),
    place,
  );
  const written = resolveText(text, place)?.value;
  if (written === undefined) return undefined;
  if (written === "-")
    return complain(text, "An output cannot go to standard output", "Name a file or folder", place);
  const isFolder = type === "local" || attributes["tar"] === "false";
  const path = usePath(written, text, { kind: "place", role: "output" }, place.paths);
  return path === undefined ? undefined : { type, dest: ownDest(path, text, isFolder, place), attributes };
}

function ownDest(path: string, text: Text, isFolder: boolean, { apart }: OutputPlace): string {
  const fields = [{ key: "dest", keyRange: rangeOf(text), value: text }];
  const parts = [
    ...(apart.cell === "" || mentions(fields, "matrix") ? [] : [apart.cell]),
    ...(mentions(fields, "platform") ? [] : [apart.platform]),
  ];
  if (parts.length === 0) return path;
  if (isFolder) return below(path, parts);
  return `${[path.replace(/\.tar$/, ""), ...parts].join("-")}.tar`;
}
