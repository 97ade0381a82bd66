import { formatPlatformFull } from "../../platforms/platform.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { count } from "../text/units.ts";
import type { Explanation } from "./explanation.ts";
import { hintLine } from "./explanation.ts";
import type { TextOptions } from "./diagnostics.ts";
import { namePosition, sourceFrame } from "./source-frame.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { Severity } from "../../core/findings/rules.ts";

const MOST_SHOWN = 50;
const MOST_FACTS = 12;

const ORDER: readonly Severity[] = ["error", "warning", "note"];

/** Findings as people read them, errors first: place, message, the source line, facts and what to do; then how many, and where to read on. */
export function describeFindings(findings: readonly Finding[], options: TextOptions): string {
  if (findings.length === 0) return "";
  const sorted = inOrder(findings);
  const shown = sorted.slice(0, MOST_SHOWN).map((each) => findingLines(each, options).join("\n"));
  const hidden = sorted.length - shown.length;
  const last = hidden > 0 ? `and ${hidden} more; ${tally(findings)}` : tally(findings);
  const rule = ownRule(sorted);
  const more =
    rule === undefined ? [] : [hintLine(`\`buildx-plan explain ${rule}\` tells more.`, options.colour)];
  return [...shown, [last, ...more].join("\n")].join("\n\n");
}

/** The first rule that has a page: BuildKit's own bring the address of theirs. */
function ownRule(findings: readonly Finding[]): string | undefined {
  return findings.find(({ rule }) => !rule.startsWith("buildkit/"))?.rule;
}

/** Errors first, otherwise in the order in which they were found. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return ORDER.flatMap((severity) => findings.filter((each) => each.severity === severity));
}

/** `2 errors, 1 warning` */
export function tally(findings: readonly Finding[]): string {
  const parts = ORDER.flatMap((severity) => {
    const many = findings.filter((each) => each.severity === severity).length;
    return many === 0 ? [] : [count(many, severity)];
  });
  return parts.length === 0 ? "no findings" : parts.join(", ");
}

/** One finding, several lines. */
function findingLines(finding: Finding, options: TextOptions): readonly string[] {
  const { error, warning, strong, faint } = palette(options.colour);
  const paint = { error, warning, note: faint }[finding.severity];
  const place = placeOf(finding);
  const head = `${paint(`${finding.severity}:`)} ${strong(visible(finding.message))} ${faint(`[${finding.rule}]`)}`;
  return [
    place === undefined ? head : `${place}: ${head}`,
    ...(finding.location === undefined ? [] : sourceFrame(finding.location, options)),
    ...imageFacts(finding).map((fact) => `  ${visible(fact)}`),
    ...limitedFacts(finding).map((fact) => `  ${visible(fact)}`),
    ...(finding.fix === undefined ? [] : [hintLine(finding.fix, options.colour)]),
  ];
}

/** Facts as far as they help a reader; machines get all of them. */
function limitedFacts({ facts = [] }: Finding): readonly string[] {
  if (facts.length <= MOST_FACTS) return facts;
  return [...facts.slice(0, MOST_FACTS - 1), `and ${facts.length - MOST_FACTS + 1} more`];
}

/** Where it stands, in a word or two: a place in a file before one in an image. */
function placeOf({ location, image }: Finding): string | undefined {
  if (location !== undefined) return namePosition(location);
  if (image === undefined) return undefined;
  const platform = image.platform === undefined ? [] : [formatPlatformFull(image.platform)];
  return visible([image.reference, ...platform].join(" "));
}

function imageFacts({ image, location }: Finding): readonly string[] {
  if (image === undefined) return [];
  const platform = image.platform === undefined ? "" : ` ${formatPlatformFull(image.platform)}`;
  return [
    ...(location === undefined ? [] : [`in ${image.reference}${platform}`]),
    ...(image.path === undefined ? [] : [`file ${image.path}`]),
    ...(image.layer === undefined ? [] : [`layer ${image.layer}`]),
    ...(image.madeBy === undefined ? [] : [`made by ${image.madeBy}`]),
  ];
}

/** Findings that stopped something, as one failure. */
export function explainFindings(headline: string, findings: readonly Finding[]): Explanation {
  const errors = findings.filter(({ severity }) => severity === "error");
  const facts = errors.slice(0, 20).flatMap((each) => {
    const place = placeOf(each);
    const head = `${each.message} [${each.rule}]`;
    const below = [...imageFacts(each), ...limitedFacts(each)].map((fact) => `  ${fact}`);
    return [place === undefined ? head : `${place}: ${head}`, ...below];
  });
  const hidden = errors.length > 20 ? [`and ${errors.length - 20} more`] : [];
  const fixes = [...new Set(errors.flatMap(({ fix }) => fix ?? []))].slice(0, 5);
  const rule = ownRule(errors);
  const more = rule === undefined ? [] : [`\`buildx-plan explain ${rule}\` tells more.`];
  return { headline, facts: [...facts, ...hidden], advice: [...fixes, ...more] };
}
