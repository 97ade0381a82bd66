import type { ExpandedRelease } from "./expand.ts";
import { rangeOf } from "./fields.ts";
import { hintFor } from "./nearest.ts";
import type { ImageNeed } from "./needs.ts";
import type { Problems } from "./problems.ts";
import type { WrittenImage } from "./written.ts";

/** All images of a plan by their names, and all releases. */
export interface ImageNames {
  readonly images: ReadonlySet<string>;
  readonly byImage: ReadonlyMap<string, readonly ExpandedRelease[]>;
  readonly byRelease: ReadonlyMap<string, ExpandedRelease>;
}

/** Gathers the names that `needs` and `image:` may use. */
export function nameImages(
  images: readonly WrittenImage[],
  releases: readonly ExpandedRelease[],
): ImageNames {
  return {
    images: new Set(images.map(({ name }) => name)),
    byImage: Map.groupBy(releases, ({ image }) => image.name),
    byRelease: new Map(releases.map((each) => [each.release.name, each])),
  };
}

/**
 * Finds the release that another one needs: that of exactly this name, or of the image of this name the one cell whose values are
 * those of the other's, as far as both have them. None, or several, are reported.
 */
export function findImage(
  need: ImageNeed,
  from: ExpandedRelease,
  names: ImageNames,
  problems: Problems,
): ExpandedRelease | undefined {
  const exact = names.byRelease.get(need.value);
  if (exact !== undefined) return exact;
  if (!names.images.has(need.value)) return reportUnknown(need, names, problems);
  const cells = names.byImage.get(need.value) ?? [];
  const fitting = cells.filter(({ release }) => agree(release.cell, from.release.cell));
  // Where the image has no cell at all, its matrix has been reported.
  if (fitting.length === 1 || cells.length === 0) return fitting[0];
  return reportCells(need, { from, cells, fitting }, problems);
}

type Values = Readonly<Record<string, string>>;

function agree(one: Values, other: Values): boolean {
  return Object.entries(one).every(([key, value]) => !Object.hasOwn(other, key) || other[key] === value);
}

// More names help nobody, and a plan may have thousands.
const MAX_NAMES = 12;

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ", ..." : "";
  return `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
}

function reportUnknown({ value, text }: ImageNeed, names: ImageNames, problems: Problems): undefined {
  const [range, shown] = [rangeOf(text), value.slice(0, 60)];
  const image = value.includes("[") ? value.slice(0, value.indexOf("[")) : value;
  const cells = names.byImage.get(image)?.map(({ release }) => release.name);
  const known = cells ?? [...names.images];
  const message =
    cells === undefined ? `The plan has no image \`${shown}\`` : `\`${image}\` has no cell \`${shown}\``;
  problems.error(range, message, { hint: hintFor(value, known, `Known: ${listed(known)}`) });
  return undefined;
}

interface Cells {
  readonly from: ExpandedRelease;
  readonly cells: readonly ExpandedRelease[];
  readonly fitting: readonly ExpandedRelease[];
}

function reportCells(
  { value, text }: ImageNeed,
  { from, cells, fitting }: Cells,
  problems: Problems,
): undefined {
  const range = rangeOf(text);
  // Other cells have the same problem at the same place; one is enough to see it.
  if (problems.hasErrorAt(range)) return undefined;
  const candidates = (fitting.length === 0 ? cells : fitting).map(({ release }) => release.name);
  const message =
    fitting.length === 0
      ? `\`${value}\` has no cell with the values of ${from.release.name}`
      : `\`${value}\` has several cells that ${from.release.name} could mean`;
  problems.error(range, message, { hint: `Name one of them: ${listed(candidates)}` });
  return undefined;
}
