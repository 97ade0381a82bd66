import { isAbsolute, relative, resolve, sep } from "node:path";
import { formatPlatformFull } from "../../platforms/platform.ts";
import type { Failure } from "../../core/failure.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { Diagnostic } from "../../core/plan/source.ts";
import { outline, summarise } from "../describe.ts";
import type { VariantContext } from "../describe/explanation.ts";
import { positionOf } from "../describe/source-frame.ts";
import { visible } from "../text/safe.ts";
import type { Annotation } from "./ci-commands.ts";

/** Something that went wrong or may, as annotations, reports and summaries show it; safe to show, and without secrets. */
export interface Problem extends Annotation {
  /** The rule of a finding, the kind of a failure, `plan`. */
  readonly rule: string;
  /** Where it is in an image, for those that are in no file: `linux/arm64 /server`. */
  readonly image?: string;
}

/** All that there is to tell of a command that has ended. */
export interface Trouble {
  readonly failures?: readonly FailedPart[];
  readonly findings?: readonly Finding[];
  readonly diagnostics?: readonly Diagnostic[];
}

/** A failure, and the variant that it is of. */
export interface FailedPart {
  readonly failure: Failure;
  readonly context?: VariantContext;
}

/** Where paths are told from, and what may not be shown. */
export interface ProblemOptions {
  /** Absolute folder that relative paths are meant from. */
  readonly cwd: string;
  /** Absolute folder of the repository. */
  readonly root: string;
  readonly redact: (text: string) => string;
}

/** Facts and log lines that are quoted: a problem is read beside a line of code. */
const MOST_LINES = 10;

/** Errors and warnings of all kinds, each one once, errors first. Notes are for those who ask. */
export function problemsOf(trouble: Trouble, options: ProblemOptions): readonly Problem[] {
  const { failures = [], findings = [], diagnostics = [] } = trouble;
  const all = [
    ...failures.flatMap((failed) => ofFailure(failed, options)),
    ...findings.flatMap((finding) => ofFinding(finding, options)),
    ...diagnostics.map((diagnostic) => ofDiagnostic(diagnostic, options)),
  ];
  const distinct = [...new Map(all.map((problem) => [JSON.stringify(problem), problem])).values()];
  return [...distinct.filter(isError), ...distinct.filter((problem) => !isError(problem))];
}

function isError({ severity }: Problem): boolean {
  return severity === "error";
}

function ofFailure({ failure, context }: FailedPart, options: ProblemOptions): readonly Problem[] {
  switch (failure.kind) {
    case "solve-cancelled":
      return [];
    case "plan-invalid":
      return failure.diagnostics.map((diagnostic) => ofDiagnostic(diagnostic, options));
    case "preflight-failed":
    case "verification-failed":
    case "vulnerabilities-found":
      return failure.findings.flatMap((finding) => ofFinding(finding, options));
    default: {
      const log = "log" in failure ? failure.log.slice(-MOST_LINES) : [];
      const title = context?.variant ?? "buildx-plan";
      const lines = log.length > 0 ? [summarise(failure), ...log] : outline(failure).slice(0, MOST_LINES);
      return [problem({ severity: "error", rule: failure.kind, title, lines, ...placeOf(failure) }, options)];
    }
  }
}

/** A place in a file, as whoever found it names that. */
interface Place {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
}

function placeOf(failure: Failure): { readonly place?: Place } {
  if (failure.kind === "route-refused") return { place: positionOf(failure.variant.location) };
  if (!("dockerfile" in failure) || failure.dockerfile === undefined) return {};
  return { place: { file: failure.dockerfile.path, line: failure.dockerfile.line } };
}

function ofFinding(finding: Finding, options: ProblemOptions): readonly Problem[] {
  const { severity, rule, message, location, image, facts = [], fix } = finding;
  if (severity === "note") return [];
  const lines = [
    message,
    ...imageLine(image),
    ...facts.slice(0, MOST_LINES),
    ...(fix === undefined ? [] : [fix]),
  ];
  const place = location === undefined ? {} : { place: positionOf(location) };
  const found = problem({ severity, rule, title: rule, lines, ...place }, options);
  return [image === undefined ? found : { ...found, image: options.redact(visible(imagePlace(image))) }];
}

function imageLine(image: Finding["image"]): readonly string[] {
  if (image === undefined) return [];
  const platform = image.platform === undefined ? [] : [formatPlatformFull(image.platform)];
  return [[image.reference, ...platform, ...(image.path === undefined ? [] : [image.path])].join(" ")];
}

/** As short as tells it from others: a summary has the reference elsewhere. */
function imagePlace({ reference, platform, path }: NonNullable<Finding["image"]>): string {
  const parts = [
    ...(platform === undefined ? [] : [formatPlatformFull(platform)]),
    ...(path === undefined ? [] : [path]),
  ];
  return parts.length === 0 ? reference : parts.join(" ");
}

function ofDiagnostic(diagnostic: Diagnostic, options: ProblemOptions): Problem {
  const { severity, message, hint, location } = diagnostic;
  const lines = [message, ...(hint === undefined ? [] : [hint])];
  return problem({ severity, rule: "plan", title: "plan", lines, place: positionOf(location) }, options);
}

interface Written {
  readonly severity: Problem["severity"];
  readonly rule: string;
  readonly title: string;
  /** As they came. */
  readonly lines: readonly string[];
  readonly place?: Place;
}

function problem({ severity, rule, title, lines, place }: Written, options: ProblemOptions): Problem {
  const { redact } = options;
  const message = redact(lines.map(visible).join("\n"));
  const about = { severity, rule, title: redact(visible(title)), message };
  return place === undefined ? about : { ...about, ...placeInRepository(place, options) };
}

/** Nothing of a file outside of the repository: nobody could be shown it. */
function placeInRepository({ file, line, column }: Place, { cwd, root }: ProblemOptions): Partial<Problem> {
  const path = relative(root, resolve(cwd, file));
  if (path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path)) return {};
  const inside = visible(path.replaceAll(sep, "/"));
  return { file: inside, line, ...(column === undefined ? {} : { column }) };
}
