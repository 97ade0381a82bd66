import { Composer, isAlias, isMap, isScalar, isSeq, Parser, visit } from "yaml";
import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { Problems } from "./problems.ts";
import type { Range, SourceFile } from "./source.ts";
import { reportSyntaxError } from "./syntax.ts";
import type { Entry, MapValue, ScalarValue, Value } from "./tree.ts";

/** How deep lists and maps may stand in each other; a real plan needs less than ten. */
export const MAX_DEPTH = 48;
/** How many values a plan may have once its aliases are written out: the measure against alias bombs. */
export const MAX_VALUES = 200_000;

/**
 * Reads a file as one YAML 1.2 document with `<<` merge keys; undefined where there is nothing usable. Never throws:
 * what cannot be read, or should not be (duplicate keys, alias bombs, unknown tags, several documents), is a problem.
 */
export function readDocument(file: SourceFile, problems: Problems): Value | undefined {
  const contents = compose(file.text, problems);
  if (contents !== undefined) return convert(contents, file.text, problems);
  if (!problems.failed()) {
    problems.error({ start: 0, end: 0 }, "The plan is empty", {
      hint: "`buildx-plan init` writes a first one",
    });
  }
  return undefined;
}

/** The first problem only: what follows a syntax error are mostly its echoes. */
function compose(text: string, problems: Problems): Node | undefined {
  const nul = text.indexOf("\0");
  if (nul !== -1) {
    problems.error({ start: nul, end: nul + 1 }, "The plan has a NUL byte: it is not a text file");
    return undefined;
  }
  const [document, second] = composeDocuments(text, problems);
  const [error] = [...(document?.errors ?? []), ...(document?.warnings ?? [])];
  if (error !== undefined)
    reportSyntaxError(error, text, problems, document && openQuote(document, error.pos[0]));
  else if (second !== undefined) reportSecond(second, text, problems);
  return problems.failed() ? undefined : (document?.contents ?? undefined);
}

/** Where the quoted text begins that never ends; the parser only tells where the file does. */
function openQuote(document: Document.Parsed, end: number): number | undefined {
  let start: number | undefined;
  visit(document, {
    Scalar(_, { range, type }) {
      if (range && type?.startsWith("QUOTE") === true && range[1] >= end) start = range[0];
    },
  });
  return start;
}

function composeDocuments(text: string, problems: Problems): readonly Document.Parsed[] {
  const options = { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: "silent" } as const;
  const parser = new Parser();
  const documents: Document.Parsed[] = [];
  try {
    for (const document of new Composer(options).compose(parser.parse(text), true, text.length)) {
      documents.push(document);
      if (documents.length === 2) break;
    }
  } catch {
    // The parser calls itself for every token of some broken texts, and runs out of stack in long ones.
    const start = Math.min(parser.offset, text.length);
    problems.error({ start, end: Math.min(start + 1, text.length) }, "YAML cannot be read from here on", {
      hint: "Look for brackets that are closed further left than the key they belong to",
    });
  }
  return documents;
}

function reportSecond(second: Document.Parsed, text: string, problems: Problems): void {
  const marker = text.lastIndexOf("---", second.range[0]);
  const start = marker === -1 ? second.range[0] : marker;
  problems.error({ start, end: Math.min(start + 3, text.length) }, "A second YAML document starts here", {
    hint: "Keep one plan in one file, without `---` between its parts",
  });
}

/** State of one conversion: anchors by name as they come, and what each value weighs with its aliases written out. */
interface Conversion {
  readonly source: string;
  readonly problems: Problems;
  readonly anchors: Map<string, Value>;
  readonly weights: Map<Value, Weight>;
  /** Set once the document is refused as a whole, so that nothing more is reported of it. */
  refused: boolean;
}
interface Weight {
  readonly values: number;
  readonly depth: number;
}

function convert(contents: Node, source: string, problems: Problems): Value | undefined {
  const state: Conversion = { source, problems, anchors: new Map(), weights: new Map(), refused: false };
  const value = convertNode(contents, state, 0);
  return state.refused ? undefined : value;
}

function convertNode(node: unknown, state: Conversion, depth: number): Value {
  const range = rangeOf(node);
  if (depth > MAX_DEPTH) return refuse(state, range, TOO_DEEP);
  if (isAlias(node)) return resolveAlias(node.source, range, state);
  const value = isMap(node)
    ? convertMap(node, range, state, depth)
    : isSeq(node)
      ? convertList(node, range, state, depth)
      : convertScalar(node, range, state);
  weigh(value, state);
  if (isAnchored(node)) state.anchors.set(node.anchor, value);
  return value;
}

function isAnchored(node: unknown): node is { readonly anchor: string } {
  return (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined;
}

function rangeOf(node: unknown): Range {
  const known = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined;
  const [start, end] = known ?? [0, 0];
  return { start, end };
}

function nothing(range: Range): ScalarValue {
  return { kind: "scalar", type: "null", text: "", data: null, raw: "", range };
}

function convertScalar(node: unknown, range: Range, { source }: Conversion): ScalarValue {
  const data: unknown = isScalar(node) ? node.value : null;
  const written = isScalar(node) ? (node.source ?? "") : "";
  if (data === null) return nothing(range);
  const scalar = { kind: "scalar", text: written, raw: source.slice(range.start, range.end), range } as const;
  if (typeof data === "string") return { ...scalar, type: "text", text: data, data };
  if (typeof data === "number") return { ...scalar, type: "number", data };
  if (typeof data === "boolean") return { ...scalar, type: "boolean", data };
  return { ...scalar, type: "other", data: null };
}

function convertList(node: YAMLSeq, range: Range, state: Conversion, depth: number): Value {
  const items: Value[] = [];
  for (const item of node.items) {
    if (state.refused) break;
    items.push(convertNode(item, state, depth + 1));
  }
  return { kind: "list", items, range };
}

function convertMap(node: YAMLMap, range: Range, state: Conversion, depth: number): MapValue {
  const own = new Map<string, Entry>();
  const merged: Entry[] = [];
  for (const pair of node.items) {
    if (state.refused) break;
    if (isMergeKey(pair.key)) merged.push(...mergedEntries(pair, state, depth));
    else addEntry(own, pair, state, depth);
  }
  // A key of the map itself wins over a merged one, and a merged one over those that come after it.
  for (const entry of merged) if (!own.has(entry.key)) own.set(entry.key, entry);
  return { kind: "map", entries: [...own.values()], range };
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === "symbol";
}

function mergedEntries(pair: Pair, state: Conversion, depth: number): readonly Entry[] {
  const source = convertNode(pair.value, state, depth + 1);
  const sources = source.kind === "list" ? source.items : [source];
  return sources.flatMap((map) => {
    if (map.kind === "map") return map.entries;
    state.problems.error(rangeOf(pair.value ?? pair.key), "`<<` merges maps only", {
      hint: "Give it an alias of a map, `<<: *name`, or a list of such aliases",
    });
    return [];
  });
}

function addEntry(own: Map<string, Entry>, pair: Pair, state: Conversion, depth: number): void {
  const keyRange = rangeOf(pair.key);
  const key = keyText(pair.key, keyRange, state);
  const value = pair.value === null ? nothing(keyRange) : convertNode(pair.value, state, depth + 1);
  if (key === undefined) return;
  const first = own.get(key);
  if (first === undefined) own.set(key, { key, keyRange, value });
  else {
    const related = { message: "First written here", range: first.keyRange };
    state.problems.error(keyRange, `\`${key}\` is written twice`, { hint: "Keep one of the two", related });
  }
}

function keyText(key: unknown, range: Range, { problems }: Conversion): string | undefined {
  const text = isScalar(key) ? plainKey(key) : undefined;
  if (text === undefined || text === "") problems.error(range, "A key must be plain text");
  // No name can be worth the trouble that this one makes in JavaScript.
  else if (text === "__proto__") problems.error(range, "`__proto__` cannot be a key");
  else return text;
  return undefined;
}

function plainKey(key: Scalar): string | undefined {
  return typeof key.value === "string" ? key.value : key.source;
}

function resolveAlias(name: string, range: Range, state: Conversion): Value {
  const value = state.anchors.get(name);
  if (value !== undefined) return value;
  state.problems.error(range, `\`*${name}\` has no anchor \`&${name}\` above it`, {
    hint: "An alias repeats a value that was completed and named with `&` before",
  });
  return nothing(range);
}

interface Excess {
  readonly message: string;
  readonly hint: string;
}

const TOO_DEEP: Excess = {
  message: "The plan is nested too deeply",
  hint: "A plan needs less than ten levels of lists and maps",
};
const TOO_MANY: Excess = {
  message: "The plan becomes too large once its aliases are written out",
  hint: "Repeat less: each `*name` counts as all that stands behind `&name`",
};

function weigh(value: Value, state: Conversion): void {
  const parts =
    value.kind === "map"
      ? value.entries.map((entry) => entry.value)
      : value.kind === "list"
        ? value.items
        : [];
  let values = 1;
  let depth = 0;
  for (const part of parts) {
    const weight = state.weights.get(part);
    values += weight?.values ?? 1;
    depth = Math.max(depth, 1 + (weight?.depth ?? 0));
  }
  state.weights.set(value, { values, depth });
  if (values > MAX_VALUES) refuse(state, value.range, TOO_MANY);
  if (depth > MAX_DEPTH) refuse(state, value.range, TOO_DEEP);
}

function refuse(state: Conversion, range: Range, { message, hint }: Excess): Value {
  if (!state.refused) state.problems.error(firstLine(range), message, { hint });
  state.refused = true;
  return nothing(range);
}

// The whole of what is too large is no help to look at.
function firstLine(range: Range): Range {
  return { start: range.start, end: Math.min(range.end, range.start + 1) };
}
