import type { Range } from "../plan/source.ts";
import type { Flag, Instruction, Word } from "./dockerfile.ts";
import { placeOf, slice, type Joined } from "./joined.ts";
import type { LogicalLine } from "./lines.ts";
import { splitAtBlanks, splitFlags, splitWords, type Part } from "./words.ts";

/** Takes an instruction apart: keyword, flags, the rest. */
export function readInstruction(line: LogicalLine, escape: string): Instruction {
  const { text } = line.joined;
  const start = text.length - text.trimStart().length;
  return take(slice(line.joined, start, text.trimEnd().length), line, escape);
}

function take(joined: Joined, { range, heredocs }: LogicalLine, escape: string): Instruction {
  const { text } = joined;
  const place = (start: number, end: number): Range => placeOf(joined, start, end);
  const end = text.search(/[\t\v\f\r ]/);
  const keyword = capitals(end === -1 ? text : text.slice(0, end));
  const { flags, rest } = splitFlags(text, end === -1 ? text.length : end, escape);
  const body = { text: text.slice(rest), at: rest, range: place(rest, text.length) };
  const hasTrigger = keyword === "ONBUILD" && body.text !== "";
  const inner = hasTrigger ? slice(joined, rest) : undefined;
  return {
    keyword,
    text,
    range,
    flags: flags.map((flag) => toFlag(flag, place)),
    body,
    heredocs,
    ...(inner === undefined ? {} : { trigger: takeTrigger(inner, range, heredocs, escape) }),
    place,
  };
}

/** Only of ASCII: other letters may become more of them. */
function capitals(text: string): string {
  return /^[a-zA-Z]+$/.test(text) ? text.toUpperCase() : text;
}

/** `ONBUILD ONBUILD` is refused, so this goes one level deep only. */
function takeTrigger(
  joined: Joined,
  range: Range,
  heredocs: LogicalLine["heredocs"],
  escape: string,
): Instruction {
  const start = placeOf(joined, 0, 1).start;
  const line = { joined, range: { start, end: range.end }, heredocs };
  const { trigger: _, ...instruction } = /^ONBUILD\b/i.test(joined.text)
    ? take({ text: "ONBUILD", pieces: joined.pieces }, line, escape)
    : take(joined, line, escape);
  return instruction;
}

function toFlag({ text, start, end }: Part, place: Instruction["place"]): Flag {
  const equals = text.indexOf("=");
  const range = place(start, end);
  if (equals === -1) return { name: text.slice(2), range, valueRange: range };
  return {
    name: text.slice(2, equals),
    value: text.slice(equals + 1),
    range,
    valueRange: place(Math.min(start + equals + 1, end), end),
  };
}

/** The value of a flag, the last one where it is there several times. */
export function flagOf(instruction: Instruction, name: string): Flag | undefined {
  return instruction.flags.findLast((flag) => flag.name === name && flag.value !== undefined);
}

/** The words of the body: of the JSON form where it has it, else split at blanks. */
export function wordsOf(instruction: Instruction): readonly Word[] {
  const json = jsonForm(instruction);
  const { body } = instruction;
  if (json !== undefined) return json.map((text) => ({ text, at: body.at, range: body.range }));
  return splitAtBlanks(body.text).map((part) => toWord(instruction, part));
}

/** The strings of `["a", "b"]`; undefined where the body is something else. */
export function jsonForm({ body }: Instruction): readonly string[] | undefined {
  if (!body.text.startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(body.text);
    return isStrings(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** A name and, where it has one, its value as written: quotes kept, variables not replaced. */
export interface Assignment {
  readonly name: string;
  readonly value?: string;
  /** Of name and value together. */
  readonly range: Range;
}

/** What ARG and ENV assign. `ENV name value` is one assignment. */
export function assignmentsOf(instruction: Instruction, escape: string): readonly Assignment[] {
  const { body, keyword } = instruction;
  const words = splitWords(body.text, escape);
  const [first] = words;
  if (keyword === "ENV" && first !== undefined && !first.text.includes("=")) {
    const value = body.text.slice(first.end).trim();
    return [{ name: first.text, value, range: body.range }];
  }
  return words.map((word) => {
    const equals = word.text.indexOf("=");
    const { range } = toWord(instruction, word);
    if (equals === -1) return { name: word.text, range };
    return { name: word.text.slice(0, equals), value: word.text.slice(equals + 1), range };
  });
}

function toWord(instruction: Instruction, { text, start, end }: Part): Word {
  const at = instruction.body.at + start;
  return { text, at, range: instruction.place(at, instruction.body.at + end) };
}
