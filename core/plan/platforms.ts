import {
  findImpossibleVariant,
  formatPlatform,
  formatPlatformFull,
  isKnownPlatform,
  normalizePlatform,
  parsePlatform,
  suggestPlatform,
} from "../../platforms/platform.ts";
import type { Platform, PlatformProblem } from "../../platforms/platform.ts";
import { rangeOf } from "./fields.ts";
import { resolveText } from "./place.ts";
import type { Place, Resolved } from "./place.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import type { WrittenPlatform } from "./written.ts";

/** A platform of an image, in canonical form, and what the plan says for it alone. */
export interface ImagePlatform {
  readonly platform: Platform;
  readonly written: WrittenPlatform;
}

/** Resolves the platforms of an image; what is none, or is there twice, is reported and left out. */
export function resolvePlatforms(
  written: readonly WrittenPlatform[],
  place: Place,
): readonly ImagePlatform[] {
  const platforms = new Map<string, ImagePlatform>();
  for (const each of written) {
    if (place.problems.full()) break;
    const text = resolveText(each.platform, place);
    const parsed = text && readPlatform(text, place.problems);
    if (parsed === undefined) continue;
    const platform = normalizePlatform(parsed);
    // Equal platforms have one text in canonical form, so a map finds them faster than comparing each with each.
    const name = formatPlatformFull(platform);
    const first = platforms.get(name);
    if (first === undefined) platforms.set(name, { platform, written: each });
    else reportTwice(each, first, place.problems);
  }
  return [...platforms.values()];
}

function reportTwice({ platform: text }: WrittenPlatform, first: ImagePlatform, problems: Problems): void {
  const name = formatPlatformFull(first.platform);
  const same =
    text.value === name
      ? `${name} is there twice`
      : `${text.value} and ${first.written.platform.value} are the same platform`;
  const related = { message: "First given here", range: rangeOf(first.written.platform) };
  problems.error(rangeOf(text), same, { hint: "Keep one of the two", related });
}

/** Reads a platform and reports what is wrong with it; a platform that nobody publishes for is only a warning. */
export function readPlatform({ value, text }: Resolved, problems: Problems): Platform | undefined {
  return readPlatformAt(value, rangeOf(text), problems);
}

/** Reads a platform that stands anywhere, in a key for instance. */
export function readPlatformAt(value: string, range: Range, problems: Problems): Platform | undefined {
  const parsed = parsePlatform(value);
  const shown = value.slice(0, 100);
  if (!parsed.ok) {
    const { problem, suggestion } = parsed.error;
    const hint = suggestion === undefined ? FORM_HINT : `Did you mean ${suggestion}?`;
    problems.error(range, `\`${shown}\` is no platform: ${WORDS[problem]}`, { hint });
    return undefined;
  }
  const impossible = findImpossibleVariant(parsed.value);
  if (impossible !== undefined) {
    const { architecture } = parsed.value;
    const hint = `Did you mean ${impossible.suggestion}?`;
    problems.error(range, `There is no variant ${impossible.variant} of ${architecture}`, { hint });
    return undefined;
  }
  if (!isKnownPlatform(parsed.value)) warnUnknown(parsed.value, { value, range }, problems);
  return parsed.value;
}

const FORM_HINT = "Write os/architecture or os/architecture/variant, for instance linux/arm64";

const WORDS: Readonly<Record<PlatformProblem, string>> = {
  empty: "it is empty",
  wildcard: "each platform has to be named",
  "too-many-parts": "it has too many parts",
  "malformed-part": "it has characters that no platform has",
  "malformed-escape": "it has a `%` that starts no escape",
  "unknown-name": "it names neither an operating system nor an architecture that is known",
  "missing-os": "its operating system is missing",
  "missing-architecture": "its architecture is missing",
};

function warnUnknown(
  platform: Platform,
  { value, range }: { readonly value: string; readonly range: Range },
  problems: Problems,
): void {
  if (problems.full("warning")) return;
  const meant = suggestPlatform(value);
  problems.warning(range, `${formatPlatform(platform)} is no platform that images are usually made for`, {
    hint: meant === undefined ? "Check the spelling" : `Did you mean ${meant}?`,
  });
}
