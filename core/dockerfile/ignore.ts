import type { Finding } from "../findings/finding.ts";
import { isRuleId, RULES } from "../findings/rules.ts";
import { nearest } from "../plan/nearest.ts";
import type { Range, SourceFile } from "../plan/source.ts";
import type { Comment, Dockerfile } from "./dockerfile.ts";
import { findingIn, quoted } from "./lint-view.ts";
import { parseDockerfile } from "./parse.ts";
import { isIgnoredBy } from "./twins.ts";

/** Rules that comments name, and the instructions that they hold for. */
interface Ignores {
  /** Of all instructions, ascending. */
  readonly instructions: readonly Range[];
  readonly named: readonly { readonly name: string; readonly range: Range }[];
  readonly everywhere: ReadonlySet<string>;
  /** By the start of the instruction. */
  readonly local: ReadonlyMap<number, ReadonlySet<string>>;
}

/** `# buildx-plan ignore=rule,rule -- reason`; a colon or a blank in the wrong place is no reason to go on alarming. */
const IGNORE = /^#\s*buildx-plan:?[ \t]+ignore(?:[ \t]*[=:]|[ \t])/;

/**
 * Leaves out findings that a comment of the Dockerfile does not want: `# buildx-plan ignore=literal-architecture -- why` holds for the
 * instruction that follows it, or in which it stands; before the first instruction, for the whole file. Findings in other files stay.
 */
export function withoutIgnored(findings: readonly Finding[], source: SourceFile): readonly Finding[] {
  if (!source.text.includes("buildx-plan")) return findings;
  const parsed = parseDockerfile(source);
  if (!parsed.ok) return findings;
  const { instructions, everywhere, local } = ignoresOf(parsed.value);
  return findings.filter(({ rule, location }) => {
    if (location?.file.path !== source.path) return true;
    const { start } = location.range;
    const holder = instructions[firstAfter(instructions, start)];
    const here = holder === undefined ? undefined : local.get(holder.start);
    return !isIgnoredBy(rule, everywhere) && (here === undefined || !isIgnoredBy(rule, here));
  });
}

/** Comments that ignore a rule that there is not: it would go on being reported, and nobody would know why. */
export function lintIgnores(dockerfile: Dockerfile): readonly Finding[] {
  const unknown = ignoresOf(dockerfile).named.filter(({ name }) => !isRuleId(name));
  return unknown.map(({ name, range }) => {
    const meant = nearest(name, Object.keys(RULES));
    return findingIn(dockerfile.source, "ignore-unknown", range, {
      message: `There is no rule ${quoted(name)} that could be ignored`,
      fix:
        meant === undefined
          ? "Write the name that stands in brackets after a finding."
          : `Did you mean \`${meant}\`?`,
    });
  });
}

function ignoresOf(dockerfile: Dockerfile): Ignores {
  const { source, globalArgs, stages } = dockerfile;
  const instructions = [
    ...globalArgs,
    ...stages.flatMap(({ from, instructions: own }) => [from.instruction, ...own]),
  ].map(({ range }) => range);
  const everywhere = new Set<string>();
  const local = new Map<number, Set<string>>();
  const named = dockerfile.comments.flatMap((comment) => {
    const rules = rulesOf(comment, source);
    if (rules.length === 0) return [];
    const isFirst = comment.range.start < (instructions[0]?.start ?? 0);
    // Instructions follow each other: the first that ends behind the comment holds it, or comes next.
    const next = instructions[firstAfter(instructions, comment.range.start)];
    const known = next === undefined ? new Set<string>() : (local.get(next.start) ?? new Set());
    if (next !== undefined && !isFirst) local.set(next.start, known);
    for (const { name } of rules) (isFirst ? everywhere : known).add(name);
    return rules;
  });
  return { instructions, named, everywhere, local };
}

/** Index of the first range that ends behind the offset, in ascending ranges. */
function firstAfter(ranges: readonly Range[], offset: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((ranges[middle]?.end ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

function rulesOf({ range }: Comment, { text }: SourceFile): Ignores["named"] {
  const line = text.slice(range.start, range.end);
  const start = IGNORE.exec(line)?.[0].length;
  if (start === undefined) return [];
  const reason = line.indexOf(" -- ", start);
  const list = line.slice(start, reason === -1 ? undefined : reason);
  return [...list.matchAll(/[^\s,]+/g)].map(({ 0: name, index }) => {
    const at = range.start + start + index;
    return { name, range: { start: at, end: at + name.length } };
  });
}
