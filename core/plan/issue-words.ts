import type * as z from "zod/mini";
import { nearest } from "./nearest.ts";
import type { ProblemDetails } from "./problems.ts";
import type { Range } from "./source.ts";
import type { Located, Value } from "./tree.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

const REQUIRED_HINTS = new Map(
  Object.entries({
    version: "Add `version: 1` as the first line",
    images: "Add `images:` with a name and what to build below it",
    platforms: "List what to build, for instance `platforms: [linux/amd64, linux/arm64]`",
    platform: "Add `platform:` with the platform that these settings are for",
    type: "Add `type:` with what the tag is made of: semver, match, tag, branch, pr, edge, sha, schedule or raw",
    id: "Add `id:` with the name that the Dockerfile uses",
  }),
);

/** What to write where a key that must be there is missing. */
export function missingHint(key: string): string | undefined {
  return REQUIRED_HINTS.get(key);
}

/** A schema violation in words; `range` where another place than the value itself shows it best. */
export interface Words extends ProblemDetails {
  readonly message: string;
  readonly range?: Range;
}

/** Puts one violation (of any code but unions, unknown and missing keys) into words. */
export function describeIssue(issue: Issue, path: Path, found: Located): Words {
  const name = placeName(path);
  switch (issue.code) {
    case "invalid_type":
      return wrongType([issue.expected], path, found.value);
    case "invalid_value":
      return wrongChoice(issue.values.map(String), path, found.value);
    case "invalid_key":
      return { ...wrongName(path), range: found.entry?.keyRange ?? found.value.range };
    case "too_small":
      return issue.origin === "int" || issue.origin === "number"
        ? { message: `${capital(name)} must be at least ${issue.minimum}` }
        : { message: `${capital(name)} is empty`, ...hintFor(path) };
    case "too_big":
      return { message: `${capital(name)} must be at most ${issue.maximum}` };
    case "invalid_format":
      return wrongFormat(path, found.value);
    default:
      return { message: `${capital(name)} is not valid: ${issue.message}` };
  }
}

function hintFor(path: Path): ProblemDetails {
  const hint = REQUIRED_HINTS.get(String(path.at(-1)));
  return { hint: hint ?? "Give it a value, or remove it" };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  record: "a map",
  object: "a map",
  array: "a list",
  boolean: "true or false",
  number: "a number",
  int: "a whole number",
};

/** Words for a value of a kind that is not among the expected ones (zod's names of types). */
export function wrongType(expected: readonly string[], path: Path, value: Value): Words {
  const name = capital(placeName(path));
  const wanted = [...new Set(expected.map((type) => TYPE_WORDS[type] ?? type))].join(" or ");
  if (value.kind !== "scalar") return { message: `${name} must be ${wanted}, not a ${value.kind}` };
  if (value.type === "null") return { message: `${name} has no value`, ...emptyHint(expected, path) };
  if (value.type === "text")
    return { message: `${name} must be ${wanted}, not text`, ...listHint(expected, value.text) };
  const shown = value.text.length > 40 ? "this" : value.text;
  if (!expected.includes("string")) return { message: `${name} must be ${wanted}, not ${shown}` };
  const read = value.type === "other" ? "something else" : `a ${value.type}`;
  return {
    message: `${name} must be text, but YAML reads ${shown} as ${read}`,
    hint: `Quote it: "${shown}"`,
  };
}

function emptyHint(expected: readonly string[], path: Path): ProblemDetails {
  if (!expected.includes("string") || path.includes("platforms")) return hintFor(path);
  return { hint: 'Write "" for an empty text; the environment is only read through `vars`' };
}

function listHint(expected: readonly string[], text: string): ProblemDetails {
  const short = text.length <= 60 && !text.includes("\n");
  return expected.includes("array") && short ? { hint: `Write it as a list: [${text}]` } : {};
}

function wrongChoice(choices: readonly string[], path: Path, value: Value): Words {
  const written = value.kind === "scalar" ? value.text : "";
  if (path.length === 1 && path[0] === "version") return wrongVersion(value, written);
  const meant = nearest(written, choices);
  return {
    message: `${capital(placeName(path))} must be one of ${choices.join(", ")}`,
    ...(meant !== undefined && { hint: `Did you mean \`${meant}\`?` }),
  };
}

function wrongVersion(value: Value, written: string): Words {
  if (value.kind === "scalar" && value.type === "number") {
    const message = `This buildx-plan reads plans of version 1, not ${written.slice(0, 20)}`;
    return { message, hint: "Write `version: 1`, or use a buildx-plan that knows the newer version" };
  }
  return { message: "`version` must be the number 1", hint: "Write `version: 1`" };
}

function wrongName(path: Path): Words {
  const [kind] = path;
  const isVariable = kind === "vars" || path.includes("matrix");
  const what = path.includes("matrix")
    ? "a matrix key"
    : kind === "vars"
      ? "a variable"
      : kind === "builders"
        ? "a builder"
        : kind === "images" && path.length === 2
          ? "an image"
          : "a key";
  const allowed = isVariable ? "letters, digits, `_` and `-`, and start with a letter or `_`" : NAME_RULE;
  return {
    message: `\`${String(path.at(-1)).slice(0, 60)}\` cannot be the name of ${what}`,
    hint: `Use ${allowed}`,
  };
}

const NAME_RULE = "letters, digits, `_`, `.` and `-`, and start with a letter or digit";

const DURATIONS: ReadonlySet<unknown> = new Set(["timeout", "stall"]);

function wrongFormat(path: Path, value: Value): Words {
  const written = value.kind === "scalar" ? value.text.slice(0, 40) : "";
  if (DURATIONS.has(path.at(-1)))
    return { message: `\`${written}\` is no duration`, hint: "Write for instance 90s, 45m or 1h30m" };
  return { message: `\`${written}\` cannot be the name of an environment variable` };
}

/** A path as people say it: `args.NODE_VERSION`; the image or builder itself by its kind and name. */
export function placeName(path: Path): string {
  const [kind, name, ...rest] = path;
  const single =
    kind === "images" ? "image" : kind === "builders" ? "builder" : kind === "vars" ? "variable" : undefined;
  if (single !== undefined && name !== undefined && rest.length === 0) return `${single} \`${String(name)}\``;
  const keys = single !== undefined && name !== undefined ? rest : path;
  if (keys.length === 0) return "the plan";
  return `\`${keys.map((key, index) => step(key, index)).join("")}\``;
}

function step(key: PropertyKey, index: number): string {
  if (typeof key === "number") return `[${key}]`;
  return index === 0 ? String(key) : `.${String(key)}`;
}

/** ` in image `app``, or nothing for the plan itself. */
export function inPlace(path: Path): string {
  return path.length === 0 ? "" : ` in ${placeName(path)}`;
}

/** Makes a sentence of words that may begin with a name. */
export function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
