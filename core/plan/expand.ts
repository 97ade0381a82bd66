import { formatPlatform } from "../../platforms/platform.ts";
import { annotationsFor, checkAnnotationPlatforms, readAnnotations } from "./annotations.ts";
import { attestationRules } from "./attest.ts";
import { cellSlug, releaseName, resolveCells } from "./cells.ts";
import type { ImageCells } from "./cells.ts";
import { resolveScan, resolveSign, resolveVerify } from "./checks.ts";
import { gatherMetadata, indexDefaults } from "./metadata.ts";
import type { Metadata } from "./metadata.ts";
import { resolveNeeds } from "./needs.ts";
import { resolveFields } from "./place.ts";
import type { PlanPlace } from "./place.ts";
import { resolvePlatforms } from "./platforms.ts";
import type { ImagePlatform } from "./platforms.ts";
import type { PlannedRelease } from "./plan.ts";
import type { Cell } from "./matrix.ts";
import { matrixScope, platformScope, refusing, within } from "./scopes.ts";
import { repositoriesOf, resolveTags } from "./tags.ts";
import type { PlannedTag } from "./tags.ts";
import { expandVariant } from "./variant.ts";
import type { ExpandedVariant } from "./variant.ts";
import type { WrittenImage } from "./written.ts";

/** A release with what the rules need to know of it besides. */
export interface ExpandedRelease {
  readonly release: PlannedRelease;
  readonly tags: readonly PlannedTag[];
  readonly variants: readonly ExpandedVariant[];
  readonly image: WrittenImage;
}

/** Makes the releases of one image: its matrix cells, and for each its platforms. */
export function expandImage(image: WrittenImage, plan: PlanPlace): readonly ExpandedRelease[] {
  const noMatrix = image.matrix === undefined ? NO_MATRIX : IN_MATRIX;
  const cells = resolveCells(image, { ...plan, scope: within(within(noMatrix, NO_PLATFORM), plan.scope) });
  return cells.cells.map((cell) => expandCell(image, cell, cells, plan));
}

const NO_PLATFORM = refusing(
  "platform",
  "it is one for all platforms",
  "Use it where each platform is built, in `args` for instance",
);
const IN_MATRIX = refusing("matrix", "the matrix is only being made", "Use variables");
const NO_MATRIX = refusing("matrix", "the image has no matrix", "Give it a `matrix`, or use a variable");

function expandCell(image: WrittenImage, cell: Cell, { keys }: ImageCells, plan: PlanPlace): ExpandedRelease {
  const matrix = image.matrix === undefined ? NO_MATRIX : matrixScope(cell, keys);
  const scope = within(matrix, plan.scope);
  const shared: PlanPlace = { ...plan, scope: within(NO_PLATFORM, scope) };
  const { tags, origins, version } = resolveTags(image, shared);
  const metadata = gatherMetadata(image, version, shared);
  const rules = attestationRules(image);
  const platforms = resolvePlatforms(image.platforms, shared);
  const name = releaseName(image.name, cell);
  const [scan, sign] = [resolveScan(image.scan, shared), resolveSign(image.sign, shared)];
  const needs = resolveNeeds(image.needs, shared);
  const own = { name, image, rules, needs, metadata, tags: tags.map(({ tag }) => tag), cell: cellSlug(cell) };
  const variants = platforms.map((platform) =>
    expandVariant(platform, own, { ...plan, scope: within(platformScope(platform.platform), scope) }),
  );
  return {
    image,
    tags,
    variants,
    release: {
      name,
      image: image.name,
      cell: Object.fromEntries(cell),
      variants: variants.map(({ variant }) => variant),
      tags: own.tags,
      origins: { tags: origins, metadata: metadata.facts },
      omitted: [],
      repositories: repositoriesOf(own.tags),
      ...rules,
      ...takeOver(image.takeOver),
      verify: resolveVerify(image.verify, shared),
      ...(scan && { scan }),
      ...(sign && { sign }),
      indexAnnotations: indexAnnotations(own, platforms, shared),
      location: { file: plan.file, range: image.range },
    },
  };
}

function takeOver({
  reuse,
  ignoresUnknownInputs,
  staging,
}: WrittenImage["takeOver"]): Pick<PlannedRelease, "reuse" | "unknownInputs" | "staging"> {
  return {
    ...(reuse && { reuse: "unchanged" }),
    ...(ignoresUnknownInputs && { unknownInputs: "ignore" }),
    ...(staging !== true && { staging }),
  };
}

function indexAnnotations(
  { image, metadata }: { readonly image: WrittenImage; readonly metadata: Metadata },
  platforms: readonly ImagePlatform[],
  place: PlanPlace,
): Readonly<Record<string, string>> {
  const annotations = readAnnotations(image.build.annotations, place.problems);
  checkAnnotationPlatforms(
    annotations,
    platforms.map(({ platform }) => platform),
    place.problems,
  );
  for (const { platform, written } of platforms) {
    const own = readAnnotations(written.build.annotations, place.problems);
    for (const { level, keyRange } of own.filter((each) => each.level === "index")) {
      const message = `An annotation of the ${level} cannot be for ${formatPlatform(platform)} alone`;
      place.problems.error(keyRange, message, { hint: "Write it at the image" });
    }
  }
  const own = resolveFields(annotationsFor(annotations, "index"), place);
  return { ...indexDefaults(image, metadata, place), ...own };
}
