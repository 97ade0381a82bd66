/**
 * The candidate that a misspelt word most likely meant, or undefined where none is near enough to be suggested.
 * Near is one edit for short words and up to a third of the word for longer ones; letter case and `_` for `-` are
 * no difference at all. Ties go to the first candidate.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  let considered = 0;
  for (const candidate of candidates) {
    if (++considered > MAX_CANDIDATES) break;
    if (candidate === word || Math.abs(candidate.length - word.length) > limit) continue;
    const distance = editDistance(plain(word), plain(candidate));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** A hint for a word that is none of the known ones: the one that was meant, or else all of them (or `otherwise`). */
export function hintFor(
  word: string,
  known: readonly string[],
  otherwise = `Known: ${known.join(", ")}`,
): string {
  const meant = nearest(word, known);
  return meant === undefined ? otherwise : `Did you mean \`${meant}\`?`;
}

// Words of a hostile plan can be long; beyond this length nobody meant a known one.
const MAX_LENGTH = 64;
const MAX_CANDIDATES = 2000;

function plain(word: string): string {
  return word.slice(0, MAX_LENGTH).toLowerCase().replaceAll("_", "-");
}

/**
 * Edits (insert, delete, replace, swap of neighbours) that turn one word into the other: optimal string alignment,
 * the restricted form of the Damerau-Levenshtein distance.
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Infinity,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
