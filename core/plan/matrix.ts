/** A combination of values, one for each key. Keys are in the order of the matrix, added ones behind. */
export type Cell = ReadonlyMap<string, string>;

/** A matrix as it is given: values per key, and the cells to add, to extend or to leave out. */
export interface Matrix {
  readonly axes: readonly (readonly [key: string, values: readonly string[]])[];
  readonly include: readonly Cell[];
  readonly exclude: readonly Cell[];
}

/** The cells, and which excludes (by index) met none of the combinations. */
export interface ExpandedMatrix {
  readonly cells: readonly Cell[];
  readonly idleExcludes: readonly number[];
}

/** More cells than GitHub takes, which is also more than anybody wants to release at once. */
export const MAX_CELLS = 256;

/** How many combinations the keys alone make. */
export function countCombinations({ axes }: Matrix): number {
  return axes.length === 0 ? 0 : axes.reduce((count, [, values]) => count * values.length, 1);
}

/**
 * Makes the cells of a matrix with the semantics of GitHub Actions: the first key varies slowest; an exclude removes
 * every combination that has all of its values; an include is added to every remaining combination of which it would
 * change no original value (it may change what another include added), and becomes a cell of its own where there is
 * none. Give at most {@link MAX_CELLS} combinations, see {@link countCombinations}.
 * @see https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
 */
export function expandMatrix(matrix: Matrix): ExpandedMatrix {
  const all = combine(matrix.axes);
  const kept = all.filter((cell) => !matrix.exclude.some((exclude) => matches(cell, exclude)));
  const idleExcludes = [...matrix.exclude.keys()].filter((index) => {
    const exclude = matrix.exclude[index];
    return exclude !== undefined && !all.some((cell) => matches(cell, exclude));
  });
  const keys = new Set(matrix.axes.map(([key]) => key));
  const extended: Map<string, string>[] = kept.map((cell) => new Map(cell));
  const added: Cell[] = [];
  for (const include of matrix.include) {
    const fitting = extended.filter((cell) => fits(cell, include, keys));
    for (const cell of fitting) for (const [key, value] of include) cell.set(key, value);
    if (fitting.length === 0) added.push(include);
  }
  return { cells: [...extended, ...added], idleExcludes };
}

function combine(axes: Matrix["axes"]): readonly Cell[] {
  if (axes.length === 0) return [];
  return axes.reduce<readonly Cell[]>(
    (cells, [key, values]) =>
      cells.flatMap((cell) => values.map((value) => new Map([...cell, [key, value]]))),
    [new Map()],
  );
}

function matches(cell: Cell, exclude: Cell): boolean {
  return exclude.size > 0 && [...exclude].every(([key, value]) => cell.get(key) === value);
}

function fits(cell: Cell, include: Cell, original: ReadonlySet<string>): boolean {
  return [...include].every(([key, value]) => !original.has(key) || cell.get(key) === value);
}
