import { interpolate } from "./interpolate.ts";
import { countCombinations, expandMatrix, MAX_CELLS } from "./matrix.ts";
import type { Cell, Matrix } from "./matrix.ts";
import { hintFor } from "./nearest.ts";
import type { Place } from "./place.ts";
import { slug } from "./scopes.ts";
import type { WrittenCell, WrittenImage, WrittenMatrix } from "./written.ts";

/** The cells of an image: one without values where it has no matrix, none where the matrix is not usable. */
export interface ImageCells {
  readonly cells: readonly Cell[];
  /** Keys of all cells: those that `${matrix.*}` may name. */
  readonly keys: ReadonlySet<string>;
}

/** Resolves and expands the matrix of an image. */
export function resolveCells(image: WrittenImage, place: Place): ImageCells {
  const { matrix: written } = image;
  if (written === undefined) return { cells: [new Map()], keys: new Set() };
  const matrix = resolveMatrix(written, place);
  const keys = new Set([
    ...matrix.axes.map(([key]) => key),
    ...matrix.include.flatMap((cell) => [...cell.keys()]),
  ]);
  checkExcludes(written, place);
  if (countCombinations(matrix) > MAX_CELLS) return tooMany(countCombinations(matrix), keys, written, place);
  const { cells, idleExcludes } = expandMatrix(matrix);
  for (const index of idleExcludes) warnIdle(written.exclude[index], place);
  if (cells.length > MAX_CELLS) return tooMany(cells.length, keys, written, place);
  const isWhole = matrix.axes.every(
    ([, values], index) => values.length === written.axes[index]?.values.length,
  );
  if (cells.length === 0 && isWhole) {
    place.problems.error(written.range, `The matrix of image \`${image.name}\` has no cell`, {
      hint: "Give it a key with values, or exclude less",
    });
  }
  return { cells, keys };
}

function resolveMatrix({ axes, include, exclude }: WrittenMatrix, place: Place): Matrix {
  return {
    axes: axes.map(({ key, values }) => [key, values.flatMap((value) => interpolate(value, place) ?? [])]),
    include: include.map((cell) => resolveCell(cell, place)),
    exclude: exclude.map((cell) => resolveCell(cell, place)),
  };
}

function resolveCell({ fields }: WrittenCell, place: Place): Cell {
  return new Map(
    fields.flatMap(({ key, value }) => {
      const resolved = interpolate(value, place);
      return resolved === undefined ? [] : [[key, resolved] as const];
    }),
  );
}

/** A key that no combination has can exclude nothing: a typo. */
function checkExcludes({ axes, exclude }: WrittenMatrix, { problems }: Place): void {
  const keys = axes.map(({ key }) => key);
  for (const { key, keyRange } of exclude.flatMap(({ fields }) => fields)) {
    if (!keys.includes(key))
      problems.error(keyRange, `The matrix has no key \`${key}\``, { hint: hintFor(key, keys) });
  }
}

function warnIdle(cell: WrittenCell | undefined, { problems }: Place): void {
  if (cell === undefined || cell.fields.some(({ keyRange }) => problems.hasErrorAt(keyRange))) return;
  problems.warning(cell.range, "This excludes nothing: no combination has these values", {
    hint: "Check the values against those of the matrix",
  });
}

function tooMany(
  count: number,
  keys: ReadonlySet<string>,
  { range }: WrittenMatrix,
  { problems }: Place,
): ImageCells {
  problems.error(range, `The matrix makes ${count} cells, and ${MAX_CELLS} is the limit`, {
    hint: "Split the image, or leave values out",
  });
  return { cells: [], keys };
}

/** `app` or `app[node=22,os=alpine]` */
export function releaseName(image: string, cell: Cell): string {
  const values = [...cell].map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? image : `${image}[${values.join(",")}]`;
}

/** A cell as part of file names and tags: `22_alpine`; empty without a matrix. */
export function cellSlug(cell: Cell): string {
  return [...cell.values()].map(slug).join("_");
}
