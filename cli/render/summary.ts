/**
 * The end of a run as Markdown, for the page of a CI run.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
 */
import { formatBytes, formatDuration, shortDigest } from "../text/units.ts";
import { clipEnd } from "../text/width.ts";
import type { CiRun } from "../../core/ci/run.ts";
import type { CiReport, ReportedFailure, ReportedRelease, ReportedVariant } from "./ci-report.ts";
import type { Problem } from "./problems.ts";
import type { TagRow } from "./release-table.ts";

/** Rows of findings; the log has all of them. */
const MOST_FINDINGS = 50;
/** Columns of a headline: a step may be a whole script. */
const MOST_HEADLINE = 300;
const NOTHING = "–";

/** The summary in at most `limit` bytes of UTF-8: parts that have no room are left out, long logs first, and it says so. */
export function summaryOf(report: CiReport, limit: number): string {
  const { ok, untagged, releases, failures, findings, run } = report;
  const title = `## ${ok ? "✅" : "❌"} buildx-plan${ok ? "" : ": failed"}`;
  const parts = [
    part(0, [title, ...(run === undefined ? [] : runLine(run)), ...(untagged === true ? UNTAGGED : [])]),
    ...failures.map((failure) => part(2, failurePart(failure))),
    ...releases.map((release) => part(0, releasePart(release))),
    ...(findings.length === 0 ? [] : [part(1, findingsPart(findings))]),
  ];
  return fitted(parts, limit);
}

const UNTAGGED = [
  "",
  "No tag was moved. What is finished stays there: run again, and only the rest is built.",
];

interface Part {
  /** Parts of a lower one are given room first. */
  readonly rank: number;
  readonly text: string;
}

function part(rank: number, lines: readonly string[]): Part {
  return { rank, text: `${lines.join("\n")}\n\n` };
}

const LEFT_OUT = "_More was left out: a summary has room for so much only. The log has all of it._\n\n";

function fitted(parts: readonly Part[], limit: number): string {
  const whole = parts.map(({ text }) => text).join("");
  if (bytesOf(whole) <= limit) return whole;
  let room = limit - bytesOf(LEFT_OUT);
  if (room < 0) return "";
  const fitting = new Set<Part>();
  for (const each of parts.toSorted((one, other) => one.rank - other.rank)) {
    if (bytesOf(each.text) > room) continue;
    fitting.add(each);
    room -= bytesOf(each.text);
  }
  const shown = parts.filter((each) => fitting.has(each)).map(({ text }) => text);
  return [...shown, LEFT_OUT].join("");
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What is unusual about a run, if anything. */
function runLine({ pullRequest, attempt = 1 }: CiRun): readonly string[] {
  const facts = [
    ...(pullRequest?.isFork === true ? ["pull request from a fork"] : []),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ];
  return facts.length === 0 ? [] : ["", `_${facts.join(", ")}_`];
}

function failurePart({ headline, lines }: ReportedFailure): readonly string[] {
  return [
    `**${markdown(clipEnd(headline, MOST_HEADLINE))}**`,
    ...(lines.length === 0 ? [] : ["", ...codeBlock(lines)]),
  ];
}

/** A block that nothing in it can end. */
function codeBlock(lines: readonly string[]): readonly string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}text`, ...lines, fence];
}

function releasePart({ name, variants, index, tags }: ReportedRelease): readonly string[] {
  return [
    `### ${markdown(name)}`,
    "",
    "| Platform | Digest | Size | Time | Runs | Cache |",
    "| --- | --- | ---: | ---: | --- | ---: |",
    ...variants.map(variantRow),
    ...(index === undefined ? [] : ["", `Index ${code(index)}`]),
    ...(tags.length === 0 ? [] : ["", ...tags.map(tagLine)]),
    ...pullPart(tags, index),
  ];
}

function variantRow(variant: ReportedVariant): string {
  const { platform, digest, state, size, durationMs, execution, node, cache, takenFrom } = variant;
  const where = [execution, ...(node === undefined ? [] : [`on ${node}`])].join(" ");
  const cells = [
    markdown(platform),
    digest === undefined ? (state === "built" ? NOTHING : `**${state}**`) : code(shortDigest(digest)),
    size === undefined ? NOTHING : formatBytes(size),
    durationMs === undefined || takenFrom !== undefined ? NOTHING : formatDuration(durationMs),
    takenFrom === undefined ? (execution === undefined ? NOTHING : markdown(where)) : TAKEN[takenFrom],
    cache === undefined || takenFrom !== undefined ? NOTHING : `${cache.cached}/${cache.steps}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

const TAKEN = { staging: "taken over", release: "unchanged" } as const;

function tagLine({ tag, state, digest }: TagRow): string {
  if (state === "moved") return `- ${code(tag)}`;
  return `- ${code(tag)} (${state === "kept" ? `kept: ${shortDigest(digest)}` : "unchanged"})`;
}

function pullPart(tags: readonly TagRow[], index: string | undefined): readonly string[] {
  const tag = tags.find(({ state }) => state !== "kept")?.tag;
  if (tag === undefined) return [];
  const pinned = index === undefined ? tag : `${tag}@${index}`;
  return ["", ...codeBlock([`docker pull ${pinned}`])];
}

function findingsPart(findings: readonly Problem[]): readonly string[] {
  const rows = findings.slice(0, MOST_FINDINGS).map(findingRow);
  const more = findings.length - rows.length;
  return [
    "### Findings",
    "",
    "| | Where | What |",
    "| --- | --- | --- |",
    ...rows,
    ...(more === 0 ? [] : ["", `and ${more} more, in the log`]),
  ];
}

function findingRow({ severity, rule, message, file, line, image }: Problem): string {
  const where = file === undefined ? image : line === undefined ? file : `${file}:${line}`;
  const place = where === undefined ? NOTHING : code(where);
  const [first = ""] = message.split("\n");
  return `| ${severity} | ${place} | ${markdown(first)} ${code(rule)} |`;
}

/** Text that means nothing but itself in Markdown, in a cell of a table, too. */
export function markdown(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_{}[\]()#+!|~@:]/g, String.raw`\$&`);
}

/** Text as code in Markdown, in a cell of a table, too: HTML, for a bar ends a cell even in a span of code. */
export function code(text: string): string {
  const safe = text
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_{}[\]()#!|~@]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<code>${safe}</code>`;
}
