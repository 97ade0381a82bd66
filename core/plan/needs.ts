import { rangeOf } from "./fields.ts";
import { resolveTexts } from "./place.ts";
import type { Place, Resolved } from "./place.ts";
import type { Text } from "./written.ts";

/** An image of the plan that something is built on or after, by the name that it has there. */
export interface ImageNeed extends Resolved {
  /** The named context that it becomes; absent: it is waited for, and that is all. */
  readonly context?: string;
}

/** Resolves what an image names in `needs`; one that is there twice is reported and left out. */
export function resolveNeeds(texts: readonly Text[], place: Place): readonly ImageNeed[] {
  const needs = new Map<string, ImageNeed>();
  for (const each of resolveTexts(texts, place)) {
    const first = needs.get(each.value);
    if (first === undefined) needs.set(each.value, each);
    else reportTwice(each, first, place);
  }
  return [...needs.values()];
}

function reportTwice({ value, text }: ImageNeed, first: ImageNeed, { problems }: Place): void {
  const related = { message: "First named here", range: rangeOf(first.text) };
  problems.error(rangeOf(text), `\`${value}\` is needed twice`, { hint: "Keep one of the two", related });
}
