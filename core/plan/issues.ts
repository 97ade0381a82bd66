import type * as z from "zod/mini";
import { capital, describeIssue, inPlace, missingHint, placeName, wrongType } from "./issue-words.ts";
import { nearest } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import { EXTENSION_PREFIX, planJsonSchema, planSchema } from "./schema.ts";
import type { Range } from "./source.ts";
import { locate, toPlain } from "./tree.ts";
import type { Located, Value } from "./tree.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What people write who come from other tools, where spelling alone does not lead to our key. */
const SYNONYMS = new Map(
  Object.entries({
    "build-args": "args",
    "build-arg": "args",
    build_args: "args",
    file: "dockerfile",
    "build-contexts": "contexts",
    additional_contexts: "contexts",
    image: "tags",
    names: "tags",
    push: "tags",
    targets: "images",
    services: "images",
    variables: "vars",
    load: "output",
    depends_on: "needs",
  }),
);

/** Validates a plan against its schema and notes every violation where it stands. */
export function checkSchema(root: Value, problems: Problems): void {
  const result = planSchema.safeParse(toPlain(root));
  for (const issue of result.success ? [] : result.error.issues) {
    if (problems.full()) break;
    reportIssue(issue, [], root, problems);
  }
}

function reportIssue(issue: Issue, parent: Path, root: Value, problems: Problems): void {
  const path = [...parent, ...issue.path];
  const { found, complete } = locate(root, path);
  if (issue.code === "invalid_union") reportUnion(issue, path, root, problems);
  else if (issue.code === "unrecognized_keys") reportUnknownKeys(issue.keys, path, found.value, problems);
  else if (!complete) reportMissing(path, root, problems);
  else if (!problems.hasErrorAt(found.value.range)) {
    const { message, range, ...details } = describeIssue(issue, path, found);
    problems.error(range ?? found.value.range, message, details);
  }
}

/** The kind of value that a form wants where this is of another; a choice of texts wants one of them. */
function wrongKind(branch: readonly Issue[], value: Value): string | undefined {
  const own = branch.find(({ path }) => path.length === 0);
  if (own?.code === "invalid_type") return own.expected;
  const isText = value.kind === "scalar" && value.type === "text";
  return own?.code === "invalid_value" && !isText ? `one of ${own.values.map(String).join(", ")}` : undefined;
}

/** Of the forms that were possible, the one that was meant: the first whose kind of value it is. */
function reportUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, root: Value, problems: Problems): void {
  const { value } = locate(root, path).found;
  const meant = issue.errors.find((branch) => wrongKind(branch, value) === undefined);
  if (meant !== undefined) {
    for (const inner of meant) reportIssue(inner, path, root, problems);
    return;
  }
  const expected = issue.errors.flatMap((branch) => wrongKind(branch, value) ?? []);
  if (problems.hasErrorAt(value.range)) return;
  const { message, ...details } = wrongType(expected, path, value);
  problems.error(value.range, message, details);
}

function reportUnknownKeys(keys: readonly string[], path: Path, value: Value, problems: Problems): void {
  const unknown = new Set(keys);
  const known = keysAt(path);
  for (const { key, keyRange } of value.kind === "map" ? value.entries : []) {
    if (problems.full()) break;
    if (!unknown.has(key) || (path.length === 0 && key.startsWith(EXTENSION_PREFIX))) continue;
    problems.error(keyRange, `Unknown key \`${key}\`${inPlace(path)}`, { hint: keyHint(key, known, path) });
  }
}

function meantKey(key: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS.get(key);
  return synonym !== undefined && known.includes(synonym) ? synonym : nearest(key, known);
}

function keyHint(key: string, known: readonly string[], path: Path): string {
  if (isOfImage(key, path)) return "Write it at the image: it is one for all platforms";
  const meant = meantKey(key, known);
  return meant === undefined ? `Known here: ${known.join(", ")}` : `Did you mean \`${meant}\`?`;
}

/** Is this a key of an image that stands at one of its platforms? */
function isOfImage(key: string, path: Path): boolean {
  const [kind, , list, , ...deeper] = path;
  return (
    kind === "images" && list === "platforms" && deeper.length === 0 && keysAt(path.slice(0, 2)).includes(key)
  );
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

// Made when the first mistake is found, and once: a plan may have thousands.
let jsonSchema: JsonSchema | undefined;

/** The keys that the schema allows at a path, whatever forms there are. */
function keysAt(path: Path): readonly string[] {
  jsonSchema ??= planJsonSchema();
  let schemas: readonly JsonSchema[] = [jsonSchema];
  for (const step of path)
    schemas = schemas.flatMap((schema) => forms(schema)).flatMap((s) => inside(s, step));
  return schemas
    .flatMap((schema) => forms(schema))
    .flatMap(({ properties }) => Object.keys(properties ?? {}));
}

function forms(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf?.flatMap((form) => forms(form)) ?? [schema];
}

function inside(schema: JsonSchema, step: PropertyKey): readonly JsonSchema[] {
  const { additionalProperties: others, items, properties } = schema;
  if (typeof step === "number") return items ? [items] : [];
  const own =
    typeof step === "string" && properties && Object.hasOwn(properties, step) ? properties[step] : undefined;
  return own ? [own] : typeof others === "object" ? [others] : [];
}

function reportMissing(path: Path, root: Value, problems: Problems): void {
  const key = String(path.at(-1));
  const parent = locate(root, path.slice(0, -1)).found;
  if (isMisspelt(key, parent.value, path.slice(0, -1))) return;
  const hint = missingHint(key);
  const owner = path.length === 1 ? "The plan" : capital(placeName(path.slice(0, -1)));
  problems.error(headOf(parent), `${owner} has no \`${key}\``, hint === undefined ? {} : { hint });
}

/** A misspelt key is reported as such; that the right one is missing is its echo. */
function isMisspelt(missing: string, parent: Value, path: Path): boolean {
  const known = keysAt(path);
  const others = parent.kind === "map" ? parent.entries.slice(0, MAX_LOOKED_AT) : [];
  return others.some(({ key }) => !known.includes(key) && meantKey(key, known) === missing);
}

const MAX_LOOKED_AT = 100;

/** The key that holds a value, or for one without a key its first line. */
function headOf({ entry, value }: Located): Range {
  if (entry !== undefined) return entry.keyRange;
  const first = value.kind === "map" ? value.entries[0]?.keyRange : undefined;
  return first ?? { start: value.range.start, end: Math.min(value.range.start + 1, value.range.end) };
}
