import type { ValueDifference } from "./difference.ts";

/**
 * All places where two JSON values differ, in the order of the first: `created`, `history[3].created`, `config.Env[2]`. Names that
 * are no plain words are quoted: `config.Labels["a.b"]`.
 */
export function jsonDifferences(first: unknown, second: unknown): readonly ValueDifference[] {
  return compare(first, second, "");
}

function compare(first: unknown, second: unknown, path: string): readonly ValueDifference[] {
  if (Array.isArray(first) && Array.isArray(second)) return compareLists(first, second, path);
  if (isObject(first) && isObject(second)) return compareObjects(first, second, path);
  const [one, other] = [textOf(first), textOf(second)];
  return one === other ? [] : [{ path, first: one, second: other }];
}

function compareLists(
  first: readonly unknown[],
  second: readonly unknown[],
  path: string,
): readonly ValueDifference[] {
  const length = Math.max(first.length, second.length);
  return Array.from({ length }, (_, at) => compare(first[at], second[at], `${path}[${at}]`)).flat();
}

type Fields = Readonly<Record<string, unknown>>;

function compareObjects(first: Fields, second: Fields, path: string): readonly ValueDifference[] {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return [...names].flatMap((name) => compare(field(first, name), field(second, name), below(path, name)));
}

function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function below(path: string, name: string): string {
  if (!/^[\w-]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
