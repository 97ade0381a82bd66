/**
 * Foreign text (logs, registry answers, the plan itself) made harmless before a terminal sees it: it may hold sequences that
 * move the cursor, retitle the window, or reorder what is read.
 * @see https://ecma-international.org/publications-and-standards/standards/ecma-48/
 */

const ESC = "\u001b";
const BEL = "\u0007";
const STRING_END = `(?:${BEL}|${ESC}\\\\|\u009c)`;
/** Control strings (OSC, DCS, SOS, PM, APC) up to their end or the end of the text. */
const CONTROL_STRING = `(?:${ESC}[\\]PX^_]|[\u0090\u0098\u009d-\u009f])[^${BEL}${ESC}\u009c]*${STRING_END}?`;
const CONTROL_SEQUENCE = `(?:${ESC}\\[|\u009b)[0-?]*[ -/]*[@-~]?`;
const ESCAPE = `${ESC}[ -/]*[0-~]?`;
const SEQUENCES = new RegExp(`${CONTROL_STRING}|${CONTROL_SEQUENCE}|${ESCAPE}`, "g");
/** Ways to return to the start of the line that progress bars use besides a carriage return. */
const TO_LINE_START = new RegExp(`${ESC}\\[[01]?G`, "g");
/** Controls, line separators, and the characters that change the reading direction (CVE-2021-42574). */
const UNSAFE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const TAB = "    ";

/**
 * One line of a log as it would have looked: escape sequences stripped, of a progress bar (segments that overwrite each
 * other) the last segment kept, tabs as spaces, all other control characters dropped.
 */
export function plainLine(line: string): string {
  const segments = line.replace(TO_LINE_START, "\r").replace(SEQUENCES, "").split("\r");
  const last = segments.findLast((segment) => segment.trim() !== "") ?? "";
  return last.replaceAll("\t", TAB).replace(UNSAFE, "").trimEnd().toWellFormed();
}

/** A quotation on one line: control and direction characters are spelled out (`\x1b`, `\u202e`), so that nothing is hidden. */
export function visible(text: string): string {
  return text.replace(UNSAFE, spelled).toWellFormed();
}

function spelled(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}
