import type { Dockerfile } from "../../core/dockerfile/dockerfile.ts";
import { parseDockerfile } from "../../core/dockerfile/parse.ts";
import { position, type Location, type Range } from "../../core/plan/source.ts";

/** A Dockerfile that a test writes down as text. */
export function dockerfile(text: string, path = "Dockerfile"): Dockerfile {
  const parsed = parseDockerfile({ path, text });
  if (!parsed.ok) throw new Error(`not a Dockerfile: ${parsed.error.message}`);
  return parsed.value;
}

/** `2:4 =amd64`: where a range begins, and what it covers. */
export function placed({ file, range }: Location): string {
  const { line, column } = position(file, range.start);
  return `${line}:${column} ${file.text.slice(range.start, range.end)}`;
}

/** What a range covers. */
export function textAt(text: string, range: Range): string {
  return text.slice(range.start, range.end);
}
