import { isWord, notLineFeed, only, readClass, readEscape, type Characters } from "./ignore-characters.ts";

/**
 * One step of an expression. `one` takes a character, `maybe` one or none, `many` any number of them; `folders` takes nothing, or all up to
 * some slash (`(.*\/)?`); `within` is the inside of it; `place` takes nothing, and asks where it is.
 */
type Step =
  | { readonly kind: "one" | "maybe" | "many"; readonly characters: Characters }
  | { readonly kind: "folders" }
  | { readonly kind: "within" }
  | Place;

interface Place {
  readonly kind: "place";
  readonly holds: (codes: readonly number[], at: number) => boolean;
}

const SLASH = 0x2f;
/** As Go has it. */
const MAX_REPEATS = 1000;

/**
 * Reads those of Go's regular expressions that patterns are turned into; undefined where Go refuses one. All ways are followed at once, as
 * Go does it, so that no pattern takes longer than its length times that of the path.
 */
export function parseExpression(source: string): ((path: string) => boolean) | undefined {
  const text = Array.from(source);
  const branches: Step[][] = [[]];
  let at = 0;
  while (at < text.length) {
    if (text[at] === "|") branches.push([]);
    const read = text[at] === "|" ? { steps: [], next: at + 1 } : readStep(text, at);
    if (read === undefined) return undefined;
    branches.at(-1)?.push(...read.steps);
    at = read.next;
  }
  return (path) => branches.some((steps) => isFoundIn(path, steps));
}

interface Read {
  readonly steps: readonly Step[];
  readonly next: number;
}

const FOLDERS = "(.*/)?".split("");

function readStep(text: readonly string[], at: number): Read | undefined {
  const isFolders = FOLDERS.every((each, index) => text[at + index] === each);
  if (isFolders) {
    const next = at + FOLDERS.length;
    return readCounts(text, next) === "none"
      ? { steps: [{ kind: "folders" }, { kind: "within" }], next }
      : undefined;
  }
  const place = readPlace(text, at);
  const read = place ?? readCharacters(text, at);
  return read && repeated(read, text);
}

function readCharacters(text: readonly string[], at: number): Read | undefined {
  const read = readSet(text, at);
  if (read === undefined) return undefined;
  const { characters, next } = read;
  if (text[next] !== "*") return { steps: [{ kind: "one", characters }], next };
  return readCounts(text, next + 1) === "none"
    ? { steps: [{ kind: "many", characters }], next: next + 1 }
    : undefined;
}

function readSet(
  text: readonly string[],
  at: number,
): { readonly characters: Characters; readonly next: number } | undefined {
  const character = text[at] ?? "";
  if (character === ".") return { characters: notLineFeed, next: at + 1 };
  if (character === "[") return readClass(text, at);
  if (character === "\\") return readEscape(text, at);
  return { characters: only(character.codePointAt(0) ?? 0), next: at + 1 };
}

interface Counts {
  readonly min: number;
  readonly max: number;
  readonly next: number;
}

/** Reads `{2}`, `{2,}`, `{2,3}`; `none` where there is no such thing, so that a brace is itself. BuildKit means to escape them, and does not. */
function readCounts(text: readonly string[], at: number): Counts | "none" | undefined {
  if (text[at] !== "{") return "none";
  const match = /^\{(0|[1-9]\d*)(,(0|[1-9]\d*)?)?\}/.exec(text.slice(at, at + 40).join(""));
  if (match === null) return "none";
  const [whole, least = "", open, most] = match;
  const min = Number(least);
  const max = open === undefined ? min : most === undefined ? Infinity : Number(most);
  if (min > MAX_REPEATS || (max !== Infinity && (max > MAX_REPEATS || max < min))) return undefined;
  return { min, max, next: at + whole.length };
}

function repeated(read: Read, text: readonly string[]): Read | undefined {
  const counts = readCounts(text, read.next);
  if (counts === "none") return read;
  // One repetition of another is refused.
  if (counts === undefined || readCounts(text, counts.next) !== "none") return undefined;
  const [step] = read.steps;
  if (step?.kind !== "one") return { steps: counts.min === 0 ? [] : read.steps, next: counts.next };
  const { min, max, next } = counts;
  const { characters } = step;
  const rest: readonly Step[] =
    max === Infinity
      ? [{ kind: "many", characters }]
      : Array.from({ length: max - min }, () => ({ kind: "maybe", characters }));
  return { steps: [...Array.from({ length: min }, () => step), ...rest], next };
}

const PLACES: Readonly<Record<string, Place["holds"]>> = {
  "^": (_, at) => at === 0,
  "\\A": (_, at) => at === 0,
  $: (codes, at) => at === codes.length,
  "\\z": (codes, at) => at === codes.length,
  "\\b": isEdge,
  "\\B": (codes, at) => !isEdge(codes, at),
};

function readPlace(text: readonly string[], at: number): Read | undefined {
  const name = (text[at] ?? "") + (text[at] === "\\" ? (text[at + 1] ?? "") : "");
  const holds = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
  return holds && { steps: [{ kind: "place", holds }], next: at + name.length };
}

/** Between a character of a word and one that is none. */
function isEdge(codes: readonly number[], at: number): boolean {
  return isWord(codes[at - 1] ?? -1) !== isWord(codes[at] ?? -1);
}

/** Do the steps match some part of the path? (`^` and `$` are steps.) */
function isFoundIn(path: string, steps: readonly Step[]): boolean {
  const codes = Array.from(path, (character) => character.codePointAt(0) ?? 0);
  const isAnchored = steps[0]?.kind === "place" && steps[0].holds === PLACES["^"];
  let open = new Set<number>();
  for (let at = 0; at <= codes.length; at += 1) {
    if (at === 0 || !isAnchored) open.add(0);
    follow(open, steps, codes, at);
    if (open.has(steps.length)) return true;
    const code = codes[at];
    if (code !== undefined) open = take(open, steps, code);
    if (open.size === 0 && isAnchored) return false;
  }
  return false;
}

/** Adds the steps that are reached without taking a character. (A set that grows while it is walked is walked to its end.) */
function follow(open: Set<number>, steps: readonly Step[], codes: readonly number[], at: number): void {
  for (const index of open) {
    const step = steps[index];
    if (step?.kind === "many" || step?.kind === "maybe") open.add(index + 1);
    if (step?.kind === "folders") open.add(index + 2);
    if (step?.kind === "place" && step.holds(codes, at)) open.add(index + 1);
  }
}

function take(open: ReadonlySet<number>, steps: readonly Step[], code: number): Set<number> {
  const next = new Set<number>();
  for (const index of open) {
    const step = steps[index];
    if (step === undefined || step.kind === "place") continue;
    if ("characters" in step) {
      if (step.characters(code)) next.add(step.kind === "many" ? index : index + 1);
      continue;
    }
    const within = step.kind === "folders" ? index + 1 : index;
    if (notLineFeed(code)) next.add(within);
    if (code === SLASH) next.add(within + 1);
  }
  return next;
}
