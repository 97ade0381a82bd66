import type { Checkout } from "./checkout.ts";
import { rangeOf } from "./fields.ts";
import { interpolate } from "./interpolate.ts";
import type { Interpolation } from "./interpolate.ts";
import type { Paths } from "./paths.ts";
import type { Variables } from "./variables.ts";
import type { SourceFile } from "./source.ts";
import type { Field, Text } from "./written.ts";

/** Where texts of the plan are resolved: an image, a matrix cell, or one platform of it. */
export interface Place extends Interpolation {
  readonly paths: Paths;
  readonly variables: Variables;
}

/** What all images share: the names of variables and of the run, the folder, what is checked out, and the environment for secrets. */
export interface PlanPlace extends Place {
  readonly file: SourceFile;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly checkout: Checkout;
  /** Milliseconds since 1970. */
  readonly now?: number;
  /** The predefined labels of OCI that a Dockerfile (absolute path) sets itself. */
  readonly labelsOf: (dockerfile: string) => ReadonlySet<string>;
  /** Names of the plan's builders, those that are not usable included. */
  readonly builders: readonly string[];
  /** See `LoadOptions`. */
  readonly lacksSecrets?: true;
}

/** A resolved text that still knows where it came from. */
export interface Resolved {
  readonly value: string;
  readonly text: Text;
}

/** Resolves texts; those that cannot be are reported and left out. */
export function resolveTexts(texts: readonly Text[], place: Interpolation): readonly Resolved[] {
  return texts.flatMap((text) => resolveText(text, place) ?? []);
}

/** Resolves one text. */
export function resolveText(text: Text | undefined, place: Interpolation): Resolved | undefined {
  const value = text && interpolate(text, place);
  return text === undefined || value === undefined ? undefined : { value, text };
}

/** Resolves the values of fields. */
export function resolveFields(
  fields: readonly Field[] | undefined,
  place: Interpolation,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (fields ?? []).flatMap(({ key, value }) => {
      const resolved = interpolate(value, place);
      return resolved === undefined ? [] : [[key, resolved]];
    }),
  );
}

/** The field of a name. */
export function field(fields: readonly Field[], key: string): Field | undefined {
  return fields.find((each) => each.key === key);
}

/** Does any of the values use a name of this namespace itself? */
export function mentions(fields: readonly Field[], namespace: "platform" | "matrix"): boolean {
  return fields.some(({ value }) => new RegExp(`\\$\\{${namespace}(?![A-Za-z0-9_])`).test(value.value));
}

/** Reports something about a text, at its place. */
export function complain(
  text: Text,
  message: string,
  hint: string | undefined,
  { problems }: Interpolation,
): undefined {
  problems.error(rangeOf(text), message, hint === undefined ? {} : { hint });
  return undefined;
}
