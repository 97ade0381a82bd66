/**
 * What only shows where the platforms of one release are held side by side: the tell-tales of an image that was built once and
 * labelled several times. Arm variants of one image may well share a layer: a layer tells on an image only where programs of it are
 * for another CPU than the image's, and it has none that are for it.
 */
import type { Finding } from "../findings/finding.ts";
import type { LayerSummary } from "../layers/layer.ts";
import type { Digest } from "../oci/digest.ts";
import type { VerifySettings } from "../plan/plan.ts";
import { foldersOnPath } from "./content.ts";
import { judgeStart } from "./entrypoint.ts";
import {
  counted,
  EMULATION_FACT,
  fixFor,
  judgeImage,
  listTold,
  platformName,
  targetsIn,
  toldOf,
  withSeverity,
  type JudgedProgram,
} from "./judged.ts";
import { isBaseLayer, placeOf } from "./made-by.ts";
import { isAtHome, isSystemLibrary } from "./places.ts";
import type { ImageToVerify, LayerTale, ToldProgram, VerifiedImage } from "./verified.ts";
import { viewImage, type SeenFile } from "./view.ts";

/** So many programs of a shared layer are an error wherever they stand; fewer are one on PATH, in what is started, and in the C library. */
const MANY = 3;
/** Layers that a finding names besides the first. */
const MOST_LAYERS = 4;
const STRICT: VerifySettings = { content: "error", ignore: [] };

/** Holds the images of one release, one for each platform, side by side. */
export function findAcross(images: readonly VerifiedImage[]): readonly Finding[] {
  const rootfs = findIdentical(images);
  const known = new Set(rootfs.flatMap(({ of }) => of));
  const layers = findShared(images.filter(({ image }) => !known.has(image)));
  const content = images[0]?.settings?.content ?? "error";
  return withSeverity([...rootfs.map(({ finding }) => finding), ...layers], content);
}

/** What a layer says to whoever holds its image against others; undefined where it was not read. Without the others: see {@link VerifiedImage.tales}. */
export function taleOf(verified: VerifiedImage, layer: number): LayerTale | undefined {
  const diffId = diffIdOf(verified, layer);
  if (diffId === undefined) return undefined;
  const told = tellTale(verified, layer);
  return { diffId, programs: told?.programs ?? [], isReached: told?.isReached() ?? false };
}

/** A layer of an image, with the programs in it that tell. */
interface Told {
  readonly verified: VerifiedImage;
  readonly layer: number;
  readonly programs: readonly ToldProgram[];
  /** See {@link LayerTale.isReached}; it takes a look at the whole image. */
  readonly isReached: () => boolean;
}

interface Identical {
  readonly finding: Finding;
  readonly of: readonly ImageToVerify[];
}

function findIdentical(images: readonly VerifiedImage[]): readonly Identical[] {
  const all = groupBy(images, ({ image }) =>
    image.config.diffIds.length === 0 ? undefined : image.config.diffIds.join(" "),
  );
  const groups = all.filter((group) => group.length > 1);
  return groups.flatMap((group) => {
    const told = group.flatMap((verified) =>
      verified.layers.flatMap((_, layer) => tellTale(verified, layer) ?? []),
    );
    const [first] = told;
    return first === undefined
      ? []
      : [{ finding: identical(group, first, told), of: group.map(({ image }) => image) }];
  });
}

function identical(
  group: readonly VerifiedImage[],
  { verified, layer, programs }: Told,
  all: readonly Told[],
): Finding {
  const { image } = verified;
  const names = namesOf(group);
  const own = all.filter((told) => told.verified === verified).flatMap((told) => told.programs);
  const [place = programs[0]] = own;
  return {
    rule: "identical-rootfs",
    severity: "error",
    message: `${names} hold the very same files, and the programs in them are for ${targetsIn(own)}`,
    ...placeOf(image, layer, place?.path),
    facts: [...listTold(own), EMULATION_FACT],
    fix: "Build the image for each platform: one build was labelled with several, or what it copies and its base are those of one platform.",
  };
}

function findShared(images: readonly VerifiedImage[]): readonly Finding[] {
  const places = images.flatMap((verified) =>
    verified.layers.flatMap((_, layer) => {
      const diffId = diffIdOf(verified, layer);
      return diffId === undefined ? [] : [{ verified, layer, diffId }];
    }),
  );
  // The same content may be compressed in two ways.
  const shared = groupBy(places, ({ diffId }) => diffId).filter(
    (group) => new Set(group.map(({ verified }) => verified)).size > 1,
  );
  const told = shared.flatMap((group): readonly SharedLayer[] => {
    const [first] = group.flatMap(({ verified, layer }) => tellTale(verified, layer) ?? []);
    return first === undefined ? [] : [{ ...first, names: namesOf(group.map(({ verified }) => verified)) }];
  });
  // All layers of a base image that two platforms share are one mistake, and so are those above it.
  const causes = groupBy(
    told,
    ({ verified, layer, names }) => `${isBaseLayer(verified.image, layer)} ${names}`,
  );
  return causes.map(sharedFinding);
}

interface SharedLayer extends Told {
  /** The platforms that share it, for a sentence. */
  readonly names: string;
}

function sharedFinding(cause: readonly SharedLayer[]): Finding {
  const [first] = cause;
  if (first === undefined) throw new Error("Internal error: a cause without a layer");
  const { image } = first.verified;
  const programs = cause.flatMap((each) => each.programs);
  const isSerious = programs.length >= MANY || cause.some((each) => each.isReached());
  const layers = cause.length === 1 ? "a layer" : `${cause.length} layers`;
  const others = cause
    .slice(1, 1 + MOST_LAYERS)
    .map(({ layer }) => `and layer ${image.layers[layer]?.digest ?? ""}`);
  return {
    rule: "shared-programs",
    severity: isSerious ? "error" : "warning",
    message: `${first.names} share ${layers} with ${counted(programs.length, "program")} for ${targetsIn(programs)}: ${platformName(image)} cannot run ${programs.length === 1 ? "it" : "them"}`,
    ...placeOf(image, first.layer, programs[0]?.path),
    facts: [
      ...listTold(programs),
      ...others,
      "architectures may share files, but each needs layers of its own for its programs",
    ],
    fix: fixFor(image.platform, isBaseLayer(image, first.layer)),
  };
}

/** The programs of a layer that are for another CPU, where none is for the image's. */
function tellTale(verified: VerifiedImage, layer: number): Told | undefined {
  const known = verified.tales?.[layer];
  if (known !== undefined) {
    const { programs, isReached } = known;
    return programs.length === 0 ? undefined : { verified, layer, programs, isReached: () => isReached };
  }
  const foreign = foreignIn(verified, layer);
  const isReached = (): boolean => reaches(verified, foreign);
  return foreign.length === 0 ? undefined : { verified, layer, programs: foreign.map(toldOf), isReached };
}

function foreignIn(verified: VerifiedImage, layer: number): readonly JudgedProgram[] {
  const summary = verified.layers[layer];
  if (summary === undefined) return [];
  const { programs } = judgeImage(verified.image, viewOfLayer(summary, layer), verified.settings ?? STRICT);
  const counting = programs.filter(({ seen, program }) => !isAtHome(seen.path, program));
  const hasOwn = counting.some(({ fit }) => fit === "native" || fit === "compatible");
  return hasOwn ? [] : counting.filter(({ fit }) => fit === "foreign-cpu");
}

function diffIdOf({ tales, layers }: VerifiedImage, layer: number): Digest | undefined {
  return (tales?.[layer] ?? layers[layer])?.diffId;
}

function viewOfLayer({ files }: LayerSummary, layer: number): ReturnType<typeof viewImage> {
  const seen = files.map((file): SeenFile => ({ ...file, path: `/${file.path}`, layer }));
  return { files: seen, find: () => ({ kind: "unknown" }), folder: (path) => path };
}

/** Does one of them take part in starting the image, stand on its PATH, or belong to its C library? */
function reaches(
  { image, layers, settings = STRICT }: VerifiedImage,
  programs: readonly JudgedProgram[],
): boolean {
  const judged = judgeImage(image, viewImage(image.platform, layers), settings);
  const { paths } = judgeStart(judged);
  const onPath = foldersOnPath(judged);
  return programs.some(
    ({ seen }) => paths.has(seen.path) || (seen.executable && onPath(seen.path)) || isSystemLibrary(seen),
  );
}

function namesOf(group: readonly VerifiedImage[]): string {
  const names = [...new Set(group.map(({ image }) => platformName(image)))];
  const last = names.pop() ?? "";
  return names.length === 0 ? last : `${names.join(", ")} and ${last}`;
}

/** In the order of their first; what has no key is in none. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | undefined): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [item]);
    else known.push(item);
  }
  return [...groups.values()];
}
