import type { OverrideInvalid } from "../core/plan/select.ts";
import { fail, ok, type Result } from "../core/result.ts";
import {
  isKnownPlatform,
  normalizePlatform,
  parsePlatform,
  suggestPlatform,
  type Platform,
} from "../platforms/platform.ts";

/** What options with comma-separated lists say that may be repeated. */
export function listed(texts: readonly string[] = []): readonly string[] {
  return texts
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

/**
 * What an option names, empty where it is not given. One that is given and names nothing is refused: it is mostly a variable that
 * is not set, and a check that it asks for must not be left out unnoticed.
 */
export function namesOf(
  option: string,
  texts: readonly string[] | undefined,
): Result<readonly string[], OverrideInvalid> {
  const names = listed(texts);
  if (texts === undefined || names.length > 0) return ok(names);
  const hint = "Name what it asks for, or leave the option out";
  return fail({ kind: "override-invalid", option, value: "", detail: "it names nothing", hint });
}

/** Reads the platforms that `--platforms` names. */
export function readPlatforms(
  texts: readonly string[] | undefined,
): Result<readonly Platform[], OverrideInvalid> {
  const names = namesOf("--platforms", texts);
  if (!names.ok) return names;
  const platforms: Platform[] = [];
  for (const value of names.value) {
    const parsed = parsePlatform(value);
    if (!parsed.ok) return noPlatform(value, parsed.error.suggestion);
    // One that nobody knows may be right; one that looks like another is a slip.
    const meant = isKnownPlatform(parsed.value) ? undefined : suggestPlatform(value);
    if (meant !== undefined) return noPlatform(value, meant);
    platforms.push(normalizePlatform(parsed.value));
  }
  return ok(platforms);
}

function noPlatform(value: string, suggestion: string | undefined): Result<never, OverrideInvalid> {
  const hint = suggestion === undefined ? "Write it as in linux/arm64" : `Did you mean ${suggestion}?`;
  return fail({ kind: "override-invalid", option: "--platforms", value, detail: "no platform", hint });
}
