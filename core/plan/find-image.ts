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

/** Where an image is looked for: by the release that needs it, among these. */
export interface ImageSearch {
  readonly from: ExpandedRelease;
  readonly names: ImageNames;
  readonly problems: Problems;
}

/**
 * Finds the release that another one needs: `base`, or with values of its matrix `base[node=22]`. Values that are not named are those of the
 * other release's cell, as far as both have them; exactly one cell must be left. None, or several, are reported.
 */
export function findImage(
  need: ImageNeed,
  { from, names, problems }: ImageSearch,
): ExpandedRelease | undefined {
  const exact = names.byRelease.get(need.value);
  if (exact !== undefined) return exact;
  const { image, values } = readName(need.value);
  if (!names.images.has(image)) return reportUnknown(need, names, problems);
  const cells = names.byImage.get(image) ?? [];
  const fitting = cells.filter(({ release }) => fits(release.cell, values, from.release.cell));
  // Where the image has no cell at all, its matrix has been reported.
  if (fitting.length === 1 || cells.length === 0) return fitting[0];
  return reportCells(need, { from, cells, fitting }, problems);
}

type Values = Readonly<Record<string, string>>;

/** `base[node=22,os=alpine]`, the values in any order. */
function readName(name: string): { readonly image: string; readonly values: ReadonlyMap<string, string> } {
  const [, image = name, list = ""] = /^([^[]*)\[(.*)\]$/s.exec(name) ?? [];
  const pairs = list.split(",").filter((pair) => pair !== "");
  const values = pairs.map(
    (pair) => [pair.split("=", 1).join(""), pair.slice(pair.indexOf("=") + 1)] as const,
  );
  return { image, values: new Map(values) };
}

function fits(cell: Values, named: ReadonlyMap<string, string>, own: Values): boolean {
  const isNamed = [...named].every(([key, value]) => Object.hasOwn(cell, key) && cell[key] === value);
  return (
    isNamed &&
    Object.entries(cell).every(
      ([key, value]) => named.has(key) || !Object.hasOwn(own, key) || own[key] === value,
    )
  );
}

// More names help nobody, and a plan may have thousands.
const MAX_NAMES = 12;

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ", ..." : "";
  return `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
}

function reportUnknown({ value, text }: ImageNeed, { images }: ImageNames, problems: Problems): undefined {
  const hint = hintFor(value, [...images], `Known: ${listed([...images])}`);
  problems.error(rangeOf(text), `The plan has no image \`${value.slice(0, 60)}\``, { hint });
  return undefined;
}

interface Cells {
  readonly from: ExpandedRelease;
  readonly cells: readonly ExpandedRelease[];
  readonly fitting: readonly ExpandedRelease[];
}

function reportCells(need: ImageNeed, { from, cells, fitting }: Cells, problems: Problems): undefined {
  const range = rangeOf(need.text);
  // Other cells have the same problem at the same place; one is enough to see it.
  if (problems.hasErrorAt(range)) return undefined;
  const shown = `\`${need.value.slice(0, 60)}\``;
  const candidates = (fitting.length === 0 ? cells : fitting).map(({ release }) => release.name);
  const message =
    fitting.length === 0
      ? `${shown} names no cell for \`${from.release.name}\``
      : `${shown} names several cells for \`${from.release.name}\``;
  const otherwise = `Name one of them: ${listed(candidates)}`;
  const hint = fitting.length === 0 ? hintFor(need.value, candidates, otherwise) : otherwise;
  problems.error(range, message, { hint });
  return undefined;
}
