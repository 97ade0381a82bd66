/**
 * JSON as Go's `json.MarshalIndent(value, "", "  ")` writes it, byte for byte: what the field's other tools give an index,
 * so that equal sets of images have equal digests whoever stitched them.
 */
export type GoJson = string | number | readonly GoJson[] | GoStruct;

/**
 * The fields of an object, in the order in which they are written; those whose value is undefined are left out. A list and not
 * an object, because a JavaScript object moves keys that look like numbers to its front.
 */
export interface GoStruct {
  readonly fields: readonly (readonly [key: string, value: GoJson | undefined])[];
}

/** A Go map: written in the order of its keys' UTF-8 bytes; undefined where it is empty, as `omitempty` has it. */
export function goMap(record: Readonly<Record<string, string>> | undefined): GoStruct | undefined {
  const entries = Object.entries(record ?? {});
  if (entries.length === 0) return undefined;
  return { fields: entries.toSorted(([one], [other]) => compareUtf8(one, other)) };
}

/** The text, without a line break at its end. */
export function writeGoJson(value: GoJson, indent = ""): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return String(value);
  const inner = `${indent}  `;
  if ("fields" in value) {
    const lines = value.fields.flatMap(([key, field]) =>
      field === undefined ? [] : [`${quote(key)}: ${writeGoJson(field, inner)}`],
    );
    return enclose("{", lines, "}", indent);
  }
  const items = value.map((item) => writeGoJson(item, inner));
  return enclose("[", items, "]", indent);
}

function enclose(open: string, lines: readonly string[], close: string, indent: string): string {
  if (lines.length === 0) return open + close;
  return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(",\n")}\n${indent}${close}`;
}

/** Go also escapes what could end a script element in a page, and the two line ends that JavaScript once knew. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** UTF-16 order is not UTF-8 order: characters beyond U+FFFF would come before U+E000. */
function compareUtf8(one: string, other: string): number {
  const encoder = new TextEncoder();
  const [left, right] = [encoder.encode(one), encoder.encode(other)];
  for (const [at, byte] of left.entries()) {
    const difference = byte - (right[at] ?? -1);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
