/**
 * What `${x#p}`, `${x%p}` and `${x/p/r}` make of a value, as BuildKit's frontend does it: `*` and `?` in patterns, `\` before what shall
 * stand for itself. Undefined where the pattern is refused, or is more than anybody writes.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/shell/lex.go
 */

/** A hostile pattern takes time in proportion to the value to the power of its stars. */
const [MOST_STARS, LONGEST_VALUE] = [4, 1000];

/** `#` and `##` take the pattern from the beginning, `%` and `%%` from the end; doubled, as much of it as fits. */
export function trimmed(value: string, operator: "#" | "%", pattern: string): string | undefined {
  const isGreedy = pattern.startsWith(operator);
  const wanted = isGreedy ? pattern.slice(1) : pattern;
  const [from, source] = operator === "#" ? [value, wanted] : [reversed(value), reversedPattern(wanted)];
  const found = patternOf(source, isGreedy, from);
  if (found === undefined) return undefined;
  const left = from.slice(new RegExp(`^${found}`, "u").exec(from)?.[0].length ?? 0);
  return operator === "#" ? left : reversed(left);
}

/** The first, or every, place that the pattern fits becomes `replacement`. */
export function replaced(
  value: string,
  { pattern, replacement, isAll }: Readonly<Record<"pattern" | "replacement", string>> & { isAll: boolean },
): string | undefined {
  const found = patternOf(pattern, true, value);
  // Go has a language of its own for replacements.
  if (found === undefined || (isAll && replacement.includes("$"))) return undefined;
  return value.replace(new RegExp(found, isAll ? "gu" : "u"), () => replacement);
}

function patternOf(pattern: string, isGreedy: boolean, value: string): string | undefined {
  const parts = [...pattern.matchAll(/\\([\s\S])?|([\s\S])/gu)].map(([, escaped, plain]) => {
    if (plain === "*") return isGreedy ? "[^\\n]*" : "[^\\n]*?";
    if (plain === "?") return "[^\\n]";
    if (plain === undefined && !"*?\\}/".includes(escaped ?? " ")) return undefined;
    return literally(plain ?? escaped ?? "");
  });
  const stars = parts.filter((part) => part?.startsWith("[^\\n]*")).length;
  const isRefused = parts.includes(undefined) || stars > MOST_STARS || value.length > LONGEST_VALUE;
  return isRefused ? undefined : parts.join("");
}

function literally(character: string): string {
  return /^[\\^$.*+?()[\]{}|/]$/.test(character) ? `\\${character}` : character;
}

function reversed(text: string): string {
  return Array.from(text).toReversed().join("");
}

/** An escape stays before what it escapes. */
function reversedPattern(pattern: string): string {
  return (pattern.match(/\\[\s\S]|[\s\S]/gu) ?? []).toReversed().join("");
}
