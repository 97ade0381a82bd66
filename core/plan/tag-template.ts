import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";

/** What an expression stands for: a value, or a date that is written as its argument says. */
export type Expressions = ReadonlyMap<string, string | ((format: string) => string)>;

/** An expression that a template has and nothing stands for. */
export interface UnknownExpression {
  readonly expression: string;
}

const EXPRESSION = /\{\{\s*([a-z_]+)(?:\s+(?:'([^'{}]*)'|"([^"{}]*)"))?\s*\}\}/g;

/** Puts values in the place of `{{name}}` and `{{name 'format'}}`. Values are put in as they are: they are no templates themselves. */
export function renderTemplate(template: string, values: Expressions): Result<string, UnknownExpression> {
  const unknown: string[] = [];
  const put = (whole: string, name: string, single?: string, double?: string): string => {
    const value = values.get(name);
    const format = single ?? double;
    if (typeof value === "string" && format === undefined) return value;
    if (typeof value === "function" && format !== undefined) return value(format);
    unknown.push(whole);
    return "";
  };
  const rendered = template.replaceAll(EXPRESSION, put);
  const [odd = /\{\{.*|.*\}\}/s.exec(template.replaceAll(EXPRESSION, ""))?.[0]] = unknown;
  return odd === undefined ? ok(rendered) : fail({ expression: odd });
}

/** A time in UTC, in the tokens of moment.js that are needed for tags: YYYY, YY, MM, DD, HH, mm, ss, X (seconds since 1970). */
export function formatTime(seconds: number, format: string): string {
  const iso = new Date(seconds * 1000).toISOString();
  const parts = new Map([
    ["YYYY", iso.slice(0, 4)],
    ["YY", iso.slice(2, 4)],
    ["MM", iso.slice(5, 7)],
    ["DD", iso.slice(8, 10)],
    ["HH", iso.slice(11, 13)],
    ["mm", iso.slice(14, 16)],
    ["ss", iso.slice(17, 19)],
    ["X", String(seconds)],
  ]);
  return format.replaceAll(/YYYY|YY|MM|DD|HH|mm|ss|X/g, (token) => parts.get(token) ?? token);
}
