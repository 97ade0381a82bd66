/** A text file that positions point into. `path` is shown to people: as they named it, or `<stdin>`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A half-open range of UTF-16 offsets in a source file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where something stands. */
export interface Location {
  readonly file: SourceFile;
  readonly range: Range;
}

/**
 * One problem of the plan, with all that a reader needs: what is wrong (`message`, one sentence without the place),
 * where, what to do (`hint`, one sentence), and places that belong to it (the first of two duplicates, say).
 */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly location: Location;
  readonly hint?: string;
  readonly related?: readonly { readonly message: string; readonly location: Location }[];
}

/** A place as people read it: 1-based line and column (UTF-16 units, as editors count), and the whole line. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly lineText: string;
}

// Diagnostics of one file are many, so its line starts are found once.
const lineStartsOf = new WeakMap<SourceFile, readonly number[]>();

/** Finds the line and column of an offset; an offset outside the text is taken as its nearest end. */
export function position(file: SourceFile, offset: number): Position {
  const starts = lineStarts(file);
  const inside = Math.max(0, Math.min(offset, file.text.length));
  const index = lastAtMost(starts, inside);
  const start = starts[index] ?? 0;
  const lineText = file.text.slice(start, starts[index + 1] ?? file.text.length).replace(/\r?\n$/, "");
  return { line: index + 1, column: inside - start + 1, lineText };
}

function lineStarts(file: SourceFile): readonly number[] {
  const known = lineStartsOf.get(file);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = file.text.indexOf("\n"); at !== -1; at = file.text.indexOf("\n", at + 1)) starts.push(at + 1);
  lineStartsOf.set(file, starts);
  return starts;
}

/** Index of the last number that is not above `limit`, in ascending numbers that start at or below it. */
function lastAtMost(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((numbers[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
