/**
 * Findings as SARIF 2.1.0, which code hosts and editors show beside the code.
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
 */
import { createHash } from "node:crypto";
import { isAbsolute, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { Finding, ImagePlace } from "../../core/findings/finding.ts";
import { ruleOf, type RuleId, type Severity } from "../../core/findings/rules.ts";
import type { Location } from "../../core/plan/source.ts";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { positionOf } from "../describe/source-frame.ts";
import { visible } from "../text/safe.ts";

/** What a log says besides its findings. */
export interface SarifOptions {
  /** Of this program. */
  readonly version: string;
  /** The page of a rule, Markdown; undefined where there is none. */
  readonly readPage: (rule: RuleId) => Promise<string | undefined>;
  /** Absolute folder that paths are told from: where the command was called, mostly the root of the repository. */
  readonly directory: string;
}

/** A SARIF log of one run: plain JSON. */
export interface SarifLog {
  readonly $schema: string;
  readonly version: "2.1.0";
  readonly runs: readonly [SarifRun];
}

export interface SarifRun {
  readonly tool: {
    readonly driver: {
      readonly name: string;
      readonly version: string;
      readonly rules: readonly SarifRule[];
    };
  };
  readonly columnKind: "utf16CodeUnits";
  readonly results: readonly SarifResult[];
}

export interface SarifRule {
  readonly id: string;
  /** Absent where it would be the id again, as readers of a log may refuse it. */
  readonly name?: string;
  readonly shortDescription: { readonly text: string };
  /** Required by GitHub. */
  readonly fullDescription: { readonly text: string };
  readonly help?: { readonly text: string; readonly markdown: string };
  readonly helpUri?: string;
  readonly defaultConfiguration: { readonly level: Severity };
}

export interface SarifResult {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: Severity;
  readonly message: { readonly text: string };
  readonly locations: readonly SarifLocation[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
}

export interface SarifLocation {
  readonly physicalLocation?: {
    readonly artifactLocation: { readonly uri: string };
    readonly region: SarifRegion;
  };
  readonly logicalLocations?: readonly {
    readonly name: string;
    readonly fullyQualifiedName: string;
    readonly kind: string;
    readonly properties: Readonly<Record<string, string>>;
  }[];
}

/** 1-based; the end column is that of the character after the last. */
export interface SarifRegion {
  readonly startLine: number;
  readonly startColumn?: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** Findings, in their order, as one log with the rules that they name. */
export async function sarifOf(findings: readonly Finding[], options: SarifOptions): Promise<SarifLog> {
  const ids = [...new Set(findings.map(({ rule }) => rule))];
  const rules = await Promise.all(ids.map((id) => sarifRule(id, options)));
  const fingerprint = fingerprints(options);
  const results = findings.map((finding) => ({
    ruleId: finding.rule,
    ruleIndex: ids.indexOf(finding.rule),
    level: finding.severity,
    message: { text: messageOf(finding) },
    locations: locationsOf(finding, options),
    partialFingerprints: { "buildxPlan/v1": fingerprint(finding) },
  }));
  const driver = { name: "buildx-plan", version: options.version, rules };
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [{ tool: { driver }, columnKind: "utf16CodeUnits", results }],
  };
}

async function sarifRule(id: RuleId, { readPage }: SarifOptions): Promise<SarifRule> {
  const { title, severity } = ruleOf(id);
  const page = await readPage(id);
  const checkName = /^buildkit\/(.+)$/.exec(id)?.[1];
  return {
    id,
    ...(id.includes("-") || checkName !== undefined ? { name: checkName ?? pascalCase(id) } : {}),
    shortDescription: { text: title },
    fullDescription: { text: firstParagraph(page) ?? title },
    ...(page === undefined ? {} : { help: { text: page, markdown: page } }),
    ...(checkName === undefined ? {} : { helpUri: `${BUILD_CHECKS}${kebabCase(checkName)}/` }),
    defaultConfiguration: { level: severity },
  };
}

/** Of a rule's page, on one line: what stands below its title. */
function firstParagraph(page = ""): string | undefined {
  const [, paragraph] = page.split(/\n{2,}/, 2);
  return paragraph?.trim().replaceAll("\n", " ");
}

const BUILD_CHECKS = "https://docs.docker.com/reference/build-checks/";

function pascalCase(id: string): string {
  return id.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `JSONArgsRecommended` -> `json-args-recommended` */
function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, (_, a = "", b = "", c = "") =>
      c === "" ? `${a}-${b}` : `${c}-`,
    )
    .toLowerCase();
}

function messageOf({ message, facts = [], fix, image }: Finding): string {
  const madeBy = image?.madeBy === undefined ? [] : [`made by ${image.madeBy}`];
  return [message, ...facts, ...madeBy, ...(fix === undefined ? [] : [fix])].map(visible).join("\n");
}

/** One location, which is a place in a file, in an image, or both. */
function locationsOf(finding: Finding, options: SarifOptions): readonly SarifLocation[] {
  const { location, image } = finding;
  if (location === undefined && image === undefined) return [];
  const logical = image === undefined ? {} : { logicalLocations: [logicalLocation(image)] };
  return [{ physicalLocation: physicalLocation(finding, options), ...logical }];
}

/**
 * The place in the file; of what stands in an image only, its name as a path: code hosts refuse a result without a file and
 * a line.
 */
function physicalLocation(
  { location, image }: Finding,
  { directory }: SarifOptions,
): NonNullable<SarifLocation["physicalLocation"]> {
  if (location === undefined) {
    const uri = pathUri(`${image?.reference ?? ""}/${image?.path ?? ""}`);
    return { artifactLocation: { uri }, region: { startLine: 1 } };
  }
  const uri = fileUri(location.file.path, directory);
  return { artifactLocation: { uri }, region: regionOf(location) };
}

function regionOf(location: Location): SarifRegion {
  const start = positionOf(location);
  const { end } = location.range;
  const last = positionOf({ file: location.file, range: { start: end, end } });
  return {
    startLine: start.line,
    startColumn: start.column,
    endLine: last.line,
    endColumn: last.column,
  };
}

function fileUri(path: string, directory: string): string {
  if (!isAbsolute(path)) return pathUri(path.replaceAll(sep, "/").replace(/^(?:\.\/)+/, ""));
  const inside = relative(directory, path);
  if (inside.startsWith("..") || isAbsolute(inside)) return pathToFileURL(path).href;
  return pathUri(inside.replaceAll(sep, "/"));
}

/** A relative reference of RFC 3986: a colon in the first part would make a scheme of it. */
function pathUri(path: string): string {
  const parts = path.toWellFormed().split("/");
  return parts
    .filter((part) => part !== "")
    .map(encodeURIComponent)
    .join("/");
}

function logicalLocation({
  reference,
  platform,
  layer,
  path,
}: ImagePlace): NonNullable<SarifLocation["logicalLocations"]>[number] {
  const named = platform === undefined ? undefined : formatPlatformFull(platform);
  const parts = [reference, named, path].filter((part) => part !== undefined).map(visible);
  return {
    name: parts.at(-1) ?? "",
    fullyQualifiedName: parts.join(" "),
    kind: "resource",
    properties: {
      reference: visible(reference),
      ...(named === undefined ? {} : { platform: visible(named) }),
      ...(layer === undefined ? {} : { layer }),
      ...(path === undefined ? {} : { path: visible(path) }),
    },
  };
}

/** The same for the same defect, also where lines have moved or the image has another tag; numbered where there are several. */
function fingerprints(options: SarifOptions): (finding: Finding) => string {
  const seen = new Map<string, number>();
  return (finding) => {
    const { rule, location, image } = finding;
    const identity = [
      rule,
      ...(location === undefined
        ? ["", ""]
        : [fileUri(location.file.path, options.directory), lineOf(location)]),
      image?.reference.replace(/@[^/]*$/, "").replace(/:[^:/]*$/, ""),
      image?.platform === undefined ? "" : formatPlatformFull(image.platform),
      image?.path,
    ];
    const digest = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
    const count = (seen.get(digest) ?? 0) + 1;
    seen.set(digest, count);
    return `${digest}:${count}`;
  };
}

function lineOf({ file, range }: Location): string {
  const start = file.text.lastIndexOf("\n", range.start - 1) + 1;
  const end = file.text.indexOf("\n", range.start);
  return file.text.slice(start, end === -1 ? undefined : end).trim();
}
