import * as z from "zod/mini";

/** What the parts of the schema are made of. */

/** What variables and matrix keys are called, so that `${...}` can name them. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** What images and builders are called. */
const OBJECT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** Go's notation of durations, without fractions: `90s`, `1h30m`. */
const DURATION = /^(?:\d+(?:ms|s|m|h))+$/;

export const text = z.string().check(z.minLength(1));
export const anyText = z.string();
export const name = z.string().check(z.regex(VARIABLE_NAME));
export const objectName = z.string().check(z.regex(OBJECT_NAME));
export const duration = z.string().check(z.regex(DURATION));

type Schema = z.core.$ZodType;

/** The same schema with what editors say of it; a copy, because one schema may stand in many places. */
export function described<S extends Schema>(schema: S, description: string): S {
  const copy = z.clone(schema);
  z.globalRegistry.add<Schema>(copy, { description });
  return copy;
}

/** A key that may be missing. */
export function maybe<S extends Schema>(schema: S, description: string): z.ZodMiniOptional<S> {
  const optional = z.optional(schema);
  z.globalRegistry.add<Schema>(optional, { description });
  return optional;
}

/** `{ KEY: value }`, or as Compose also has it `[ "KEY=value" ]`. */
export function textMap(description: string) {
  return described(z.union([z.record(text, anyText), z.array(text)]), description);
}

/** A list whose items are CSV text as in buildx (`type=local,dest=out`), or maps of the same attributes. */
export function attributeList(description: string) {
  return described(z.array(z.union([text, z.record(text, anyText)])), description);
}
