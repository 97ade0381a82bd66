import { posix } from "node:path";

/** What Go's `strings.TrimSpace` takes away; JavaScript's `trim` knows a byte order mark besides, and no U+0085. */
const BLANK = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const BLANKS = new RegExp(`^${BLANK}+|${BLANK}+$`, "gu");

/**
 * The patterns of a `.dockerignore`, as BuildKit reads them: blanks around them and comments left out, `/a` is `a`, paths in their
 * shortest form. An exception keeps its `!`.
 * @see https://github.com/moby/patternmatcher/blob/v0.6.1/ignorefile/ignorefile.go
 */
export function readIgnoreFile(text: string): readonly string[] {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  return lines.flatMap((line) => {
    if (line.startsWith("#")) return [];
    const pattern = trimBlanks(line);
    if (pattern === "") return [];
    return pattern.startsWith("!") ? [`!${rooted(trimBlanks(pattern.slice(1)))}`] : [rooted(pattern)];
  });
}

function rooted(pattern: string): string {
  if (pattern === "") return "";
  const clean = cleanPath(pattern);
  return clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean;
}

/** Without the blanks around it, as Go counts them. */
export function trimBlanks(text: string): string {
  return text.replaceAll(BLANKS, "");
}

/** The shortest form of a path, as Go's `filepath.Clean` has it: without a slash at its end. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}
