import { parseDockerfile } from "../dockerfile/parse.ts";
import type { Finding } from "../findings/finding.ts";
import { ruleOf, type RuleId } from "../findings/rules.ts";
import type { Range, SourceFile } from "../plan/source.ts";
import type { LintWarning } from "./buildkit.ts";

/**
 * BuildKit's warnings as findings `buildkit/<rule>`, on the lines that they are about. They are errors where the Dockerfile itself says so
 * (`# check=error=true`), for then they stop its build.
 */
export function lintFindings(warnings: readonly LintWarning[], source: SourceFile): readonly Finding[] {
  const starts = lineStarts(source.text);
  const stops = stopsBuilds(source);
  return warnings.map(({ rule, message, url, lines }) => {
    const id: RuleId = `buildkit/${rule}`;
    return {
      rule: id,
      severity: stops ? "error" : ruleOf(id).severity,
      message: message === "" ? `BuildKit's check ${rule} found something` : message,
      ...(lines === undefined ? {} : { location: { file: source, range: rangeOf(lines, source, starts) } }),
      ...(url === undefined ? {} : { facts: [url] }),
    };
  });
}

/** `# check=skip=all;error=true` */
function stopsBuilds(source: SourceFile): boolean {
  const parsed = parseDockerfile(source);
  const check = parsed.ok ? parsed.value.directives.find(({ name }) => name === "check")?.value : undefined;
  return check?.split(";").some((option) => /^\s*error\s*=\s*true\s*$/i.test(option)) === true;
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** From the first character of the first line to the last of the last one, blanks left out. */
function rangeOf(
  { first, last }: NonNullable<LintWarning["lines"]>,
  { text }: SourceFile,
  starts: readonly number[],
): Range {
  const start = starts[first - 1] ?? text.length;
  const whole = text.slice(start, starts[Math.max(first, last)] ?? text.length);
  const from = start + whole.length - whole.trimStart().length;
  return { start: Math.min(from, text.length), end: Math.max(from, start + whole.trimEnd().length) };
}
