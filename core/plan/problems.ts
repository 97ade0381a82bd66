import type { Diagnostic, Range, SourceFile } from "./source.ts";

/** A place that belongs to a problem, and how. */
export interface RelatedPlace {
  readonly message: string;
  readonly range: Range;
}

/** What may go with a problem: what to do, and places that belong to it. */
export interface ProblemDetails {
  readonly hint?: string;
  readonly related?: RelatedPlace | readonly RelatedPlace[];
}

/** Gathers the problems of one file while it is read, so that all of them can be shown at once. */
export interface Problems {
  /** Notes something that makes the plan unusable. */
  readonly error: (range: Range, message: string, details?: ProblemDetails) => void;
  /** Notes something that is allowed but deserves a look. */
  readonly warning: (range: Range, message: string, details?: ProblemDetails) => void;
  /** Everything so far, in the order of the file. */
  readonly all: () => readonly Diagnostic[];
  /** Is there an error so far? */
  readonly failed: () => boolean;
  /** Are there so many errors (or warnings) that no more are kept? Further errors still make the plan unusable. */
  readonly full: (severity?: Diagnostic["severity"]) => boolean;
  /** Was this very place already found to be wrong? Then what else it breaks is an echo. */
  readonly hasErrorAt: (range: Range) => boolean;
}

// More help nobody, and each costs time that a hostile plan could make long.
const MAX_PROBLEMS = 1000;

/**
 * An empty collection for one file. A problem that is met again, because many variants share its place, is kept once.
 */
export function gatherProblems(file: SourceFile): Problems {
  const found = new Map<string, Diagnostic>();
  const wrong = new Set<string>();
  const count = { error: 0, warning: 0 };
  const add = (severity: Diagnostic["severity"], range: Range, message: string, details: ProblemDetails) => {
    const place = `${range.start}:${range.end}`;
    const id = `${place}:${message}`;
    // Before the limit: a plan must never pass because it has too many warnings.
    if (severity === "error") wrong.add(place);
    if (found.has(id) || count[severity] >= MAX_PROBLEMS) return;
    count[severity]++;
    const { hint, related } = details;
    found.set(id, {
      severity,
      message,
      location: { file, range },
      ...(hint !== undefined && { hint }),
      ...(related && { related: [related].flat().map((each) => locate(each, file)) }),
    });
  };
  return {
    error: (range, message, details = {}) => add("error", range, message, details),
    warning: (range, message, details = {}) => add("warning", range, message, details),
    all: () => [...found.values()].toSorted(byPlace),
    full: (severity = "error") => count[severity] >= MAX_PROBLEMS,
    failed: () => wrong.size > 0,
    hasErrorAt: (range) => wrong.has(`${range.start}:${range.end}`),
  };
}

function locate({ message, range }: RelatedPlace, file: SourceFile) {
  return { message, location: { file, range } };
}

function byPlace(one: Diagnostic, other: Diagnostic): number {
  const [a, b] = [one.location.range, other.location.range];
  return a.start - b.start || a.end - b.end;
}
