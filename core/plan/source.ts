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
