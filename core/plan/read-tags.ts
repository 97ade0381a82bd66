import { parseAttributes, rangeOf, textOf } from "./fields.ts";
import { hintFor } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import { child } from "./tree.ts";
import type { Value } from "./tree.ts";
import type { Field, TagRuleType, Text, WrittenTagRule, WrittenTagRules } from "./written.ts";

/** What each rule may say besides what all may; `short` is what stands behind the colon in `semver:{{version}}`. */
interface RuleForm {
  readonly short?: string;
  /** Is the short one needed? */
  readonly needed?: boolean;
  readonly others?: readonly string[];
}

const FORMS: Readonly<Record<TagRuleType, RuleForm>> = {
  schedule: { short: "pattern" },
  semver: { short: "pattern", needed: true, others: ["match", "value"] },
  match: { short: "pattern", needed: true, others: ["group", "value"] },
  edge: { short: "branch" },
  branch: {},
  tag: {},
  pr: {},
  raw: { short: "value", needed: true },
  sha: { short: "format" },
};

const TYPES: ReadonlyMap<string, TagRuleType> = new Map(
  (["schedule", "semver", "match", "edge", "branch", "tag", "pr", "raw", "sha"] as const).map((type) => [
    type,
    type,
  ]),
);
const COMMON = ["prefix", "suffix", "priority", "enable"];

/** Reads `{ image: ..., from: [...] }`; what a map without `tag` lacks for it is reported. */
export function readTagRules(value: Value, problems: Problems): WrittenTagRules | undefined {
  if (value.kind !== "map") return undefined;
  const [image, from] = [textOf(child(value, "image")), child(value, "from")];
  if (image === undefined || from?.kind !== "list") return reportLack(value, problems);
  const [prefix, suffix] = [textOf(child(value, "prefix")), textOf(child(value, "suffix"))];
  const onLatest = child(value, "on-latest");
  return {
    image,
    rules: from.items.flatMap((item) => readRule(item, problems) ?? []),
    latest: readLatest(child(value, "latest")),
    ...(prefix && { prefix }),
    ...(suffix && { suffix }),
    onLatest: onLatest?.kind === "scalar" && onLatest.data === true,
  };
}

/** Reports keys of rules beside a `tag`. */
export function refuseRules(value: Value, problems: Problems): undefined {
  for (const { key, keyRange } of value.kind === "map" ? value.entries : []) {
    if (key === "tag" || key === "if-exists" || !KEYS.has(key)) continue;
    problems.error(keyRange, `\`${key}\` belongs to rules, and this entry is a \`tag\``, {
      hint: "Write either `tag`, or `image` and `from`",
    });
  }
}

const KEYS: ReadonlySet<string> = new Set(["image", "from", "latest", "prefix", "suffix", "on-latest"]);

function reportLack(value: Extract<Value, { readonly kind: "map" }>, problems: Problems): undefined {
  const lacks = (key: string): boolean => child(value, key) === undefined;
  const first = value.entries[0]?.keyRange ?? value.range;
  // A misspelt key has been reported, and that the right one is missing is its echo.
  if (value.entries.some(({ keyRange }) => problems.hasErrorAt(keyRange))) return undefined;
  if (value.entries.every(({ key }) => !KEYS.has(key)))
    problems.error(first, "This entry of `tags` has no `tag`", {
      hint: "Add `tag:` with a reference, or `image:` and `from:` with rules",
    });
  else if (lacks("image"))
    problems.error(first, "These rules have no `image`", {
      hint: "Add `image:` with the repository, without a tag",
    });
  else if (lacks("from"))
    problems.error(first, "This image has no rules", {
      hint: 'Add `from:` with rules, for instance ["semver:{{version}}", branch, pr]',
    });
  return undefined;
}

function readLatest(value: Value | undefined): WrittenTagRules["latest"] {
  if (value?.kind !== "scalar" || typeof value.data !== "boolean") return "auto";
  return value.data ? "always" : "never";
}

interface Parts {
  readonly range: Range;
  readonly fields: readonly Field[];
  readonly shown: string;
}

/** `branch`, `semver:{{version}}`, `type=semver,pattern={{version}}`, or a map of the same. */
function readRule(value: Value, problems: Problems): WrittenTagRule | undefined {
  const text = textOf(value);
  if (text !== undefined && !/^type\s*=/.test(text.value)) return readShort(text, problems);
  const parts = text === undefined ? readMap(value) : readLine(text, problems);
  return parts && checkRule(parts, problems);
}

function readShort(text: Text, problems: Problems): WrittenTagRule | undefined {
  const [, name = "", colon = "", rest = ""] = /^([^:]*)(:?)(.*)$/s.exec(text.value) ?? [];
  const range = rangeOf(text);
  const type = TYPES.get(name);
  if (type === undefined) {
    const hint = hintFor(name, [...TYPES.keys()]);
    return complainOf(range, `\`${name.slice(0, 60)}\` is no rule for tags`, hint, problems);
  }
  const { short } = FORMS[type];
  if (colon !== "" && short === undefined)
    return complainOf(range, `Nothing can stand behind \`${type}:\``, `Write \`${type}\``, problems);
  const at = name.length + 1;
  const value = { ...text, value: rest, offset: text.offset + at };
  const fields = colon === "" || short === undefined ? [] : [{ key: short, keyRange: range, value }];
  return checked(type, { range, fields, shown: text.value }, problems);
}

function readLine(text: Text, problems: Problems): Parts | undefined {
  const { range, fields, bare } = parseAttributes(text, problems);
  const [odd] = bare;
  if (odd === undefined) return { range, fields, shown: text.value };
  return complainOf(rangeOf(odd), "This is no attribute of a rule", "Write `name=value`", problems);
}

function readMap(value: Value): Parts | undefined {
  if (value.kind !== "map") return undefined;
  const fields = value.entries.flatMap(({ key, keyRange, value: inner }): readonly Field[] =>
    inner.kind === "scalar" && inner.type !== "null"
      ? [{ key, keyRange, value: { value: inner.text, scalar: inner, offset: 0 } }]
      : [],
  );
  const shown = fields.map((field) => `${field.key}=${field.value.value}`).join(",");
  return { range: value.range, fields, shown };
}

/** `type=ref,event=branch` is what metadata-action calls `branch`. */
function checkRule(parts: Parts, problems: Problems): WrittenTagRule | undefined {
  const [type, event] = ["type", "event"].map((key) => parts.fields.find((field) => field.key === key));
  if (type === undefined && parts.fields.some(({ keyRange }) => problems.hasErrorAt(keyRange)))
    return undefined;
  if (type === undefined)
    return complainOf(
      parts.range,
      "A rule needs a `type`",
      `Known: ${[...TYPES.keys()].join(", ")}`,
      problems,
    );
  const isRef = type.value.value === "ref";
  const named = isRef && event ? event : type;
  const name = named.value.value;
  const found = isRef && !["branch", "tag", "pr"].includes(name) ? undefined : TYPES.get(name);
  if (found === undefined) {
    const hint = isRef ? "Write `event=branch`, `event=tag` or `event=pr`" : hintFor(name, [...TYPES.keys()]);
    const message = isRef
      ? "A rule of type ref needs an event"
      : `\`${name.slice(0, 60)}\` is no rule for tags`;
    return complainOf(rangeOf(named.value), message, hint, problems);
  }
  const fields = parts.fields.filter((field) => field !== type && !(isRef && field === event));
  return checked(found, { ...parts, fields }, problems);
}

function checked(type: TagRuleType, parts: Parts, problems: Problems): WrittenTagRule | undefined {
  const { short, needed = false, others = [] } = FORMS[type];
  const known = [...(short === undefined ? [] : [short]), ...others, ...COMMON];
  for (const { key, keyRange } of parts.fields.filter((field) => !known.includes(field.key))) {
    // What no rule has the schema check has reported.
    if (problems.hasErrorAt(keyRange)) continue;
    const hint = hintFor(key, known);
    problems.error(keyRange, `The rule \`${type}\` has no attribute \`${key.slice(0, 60)}\``, { hint });
  }
  const own = parts.fields.find(({ key }) => key === short)?.value.value ?? "";
  if (needed && own === "")
    return complainOf(
      parts.range,
      `The rule \`${type}\` needs a ${short ?? "value"}`,
      `Write for instance \`${EXAMPLES.get(type) ?? type}\``,
      problems,
    );
  return { type, ...parts };
}

const EXAMPLES: ReadonlyMap<TagRuleType, string> = new Map([
  ["semver", "semver:{{version}}"],
  ["match", "match:\\d{8}"],
  ["raw", "raw:nightly"],
]);

function complainOf(range: Range, message: string, hint: string | undefined, problems: Problems): undefined {
  problems.error(range, message, hint === undefined ? {} : { hint });
  return undefined;
}
