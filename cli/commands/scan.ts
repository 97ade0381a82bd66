import { resolve } from "node:path";
import type { Failure } from "../../core/failure.ts";
import { hasErrors, type Finding } from "../../core/findings/finding.ts";
import { readScanChildren, type ReferenceToScan } from "../../core/images/scan-children.ts";
import { openDocumentMemory } from "../../core/layers/memory.ts";
import type { VulnerabilitySeverity } from "../../core/plan/plan.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { findBases, type BaseImage, type BaseWorld, type FoundBase } from "../../core/scan/base-image.ts";
import {
  acrossPlatforms,
  isHit,
  isIgnored,
  judge,
  type Gate,
  type SharedVulnerability,
} from "../../core/scan/judge.ts";
import { scanImages, type Scanned, type ScannedImage } from "../../core/scan/scan.ts";
import type { SourceName } from "../../core/scan/source.ts";
import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import { describeFindings } from "../describe/findings.ts";
import { findingJson } from "../describe/json.ts";
import { scanHost, verifiedFolder } from "../gates.ts";
import { listed, readPlatforms } from "../lists.ts";
import { readMeter } from "../read-meter.ts";
import { registriesOf } from "../registries.ts";
import { scanView, type ScanPlatform, type ScanView } from "../render/scan-view.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import { sarifCollision, writeSarif } from "../sarif-output.ts";
import type { Shell } from "../shell.ts";
import { inspectedOf, openStores, type Stores } from "../stores.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";

export interface ScanOptions {
  /** Lists, comma-separated; each may be repeated. */
  readonly platforms?: readonly string[];
  readonly ignore?: readonly string[];
  readonly failOn?: Exclude<VulnerabilitySeverity, "unknown">;
  readonly onlyFixed?: boolean;
  readonly source?: SourceName;
  /** Folder, relative to where the command is called. */
  readonly database?: string;
  /** False for `--no-base`. */
  readonly base?: boolean;
  readonly json?: boolean;
  /** A file, or true for standard output. */
  readonly sarif?: string | true;
  /** A plan that says how registries are reached. */
  readonly file?: string;
}

/** `scan`: which packages of an image have known vulnerabilities, in any registry or layout; nothing of it is run. */
export async function runScan(text: string, options: ScanOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const wishes = readWishes(options);
  if (!wishes.ok) return await reportFailures([wishes.error], shell, { json });
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "read", registries.value);
  try {
    const looked = await lookInto(text, { ...wishes.value, options }, { stores, shell });
    if (!looked.ok) return await reportFailures([looked.error], shell, { json });
    return await show(looked.value, wishes.value.gate, options, shell);
  } finally {
    await stores.close();
  }
}

interface Wishes {
  readonly platforms?: readonly Platform[];
  readonly gate: Gate;
}

function readWishes(options: ScanOptions): Result<Wishes, Failure> {
  const collision = sarifCollision(options);
  if (collision !== undefined) return fail(collision);
  const { failOn, onlyFixed = false } = options;
  if (onlyFixed && failOn === undefined)
    return fail({
      kind: "override-invalid",
      option: "--only-fixed",
      value: "",
      detail: "it says which vulnerabilities stop, and nothing does",
      hint: "Say how bad they must be, too: --fail-on high",
    });
  const platforms = readPlatforms(options.platforms);
  if (!platforms.ok) return platforms;
  return ok({
    ...(platforms.value.length > 0 && { platforms: platforms.value }),
    gate: { ...(failOn !== undefined && { failOn }), onlyFixed, ignore: listed(options.ignore) },
  });
}

interface Looked {
  readonly reference: ReferenceToScan;
  readonly scanned: Scanned;
  /** In the order of the images; empty with `--no-base`. */
  readonly bases: readonly FoundBase[];
}

async function lookInto(
  text: string,
  { platforms, options }: Wishes & { readonly options: ScanOptions },
  { stores, shell }: { readonly stores: Stores; readonly shell: Shell },
): Promise<Result<Looked, Failure>> {
  const { signal, cwd } = shell;
  const opened = await stores.source(text);
  if (!opened.ok) return opened;
  const meter = readMeter(shell);
  const target = inspectedOf(opened.value);
  const reference = await readScanChildren(
    {
      target: { ...target, store: meter.watch(target.store) },
      ...(platforms !== undefined && { platforms }),
    },
    { documents: openDocumentMemory(verifiedFolder(shell)), signal },
  );
  if (!reference.ok) return reference;
  const { images } = reference.value;
  const { source, database } = options;
  // Nobody waits for a registry to tell of base images where the scan itself has failed.
  const stop = new AbortController();
  const [scanned, bases] = await Promise.all([
    scanImages({
      images,
      host: scanHost(shell),
      ...(source !== undefined && { source }),
      ...(database !== undefined && { database: resolve(cwd, database) }),
      signal,
    }).then((result) => {
      if (!result.ok) stop.abort();
      return result;
    }),
    options.base === false ? [] : findBases(images, basesOf(stores, AbortSignal.any([signal, stop.signal]))),
  ]).finally(meter.end);
  return scanned.ok ? ok({ reference: reference.value, scanned: scanned.value, bases }) : scanned;
}

function basesOf({ registry }: Stores, signal: AbortSignal): BaseWorld {
  return { stores: (repository) => registry.store(repository), signal };
}

async function show(looked: Looked, gate: Gate, options: ScanOptions, shell: Shell): Promise<number> {
  const { reference, scanned } = looked;
  const { stdout } = shell;
  const vulnerabilities = judge(scanned, { reference: reference.reference, gate });
  const findings = [...reference.findings, ...vulnerabilities];
  const exitCode = hasErrors(findings) ? 4 : 0;
  const notes = notesOf(looked);
  tell(reference.findings, notes, shell);
  if (options.sarif !== undefined && !(await writeSarif(findings, options.sarif, shell))) return 2;
  const view = viewOf(looked, gate);
  if (options.json === true)
    printJson(shell, { ok: exitCode === 0, ...answerOf(looked, { view, notes, gate }) });
  else if (options.sarif !== true)
    stdout.write(`${scanView(view, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  return exitCode;
}

/** What is beside the vulnerabilities, which are the answer. */
function tell(findings: readonly Finding[], notes: readonly string[], { stderr }: Shell): void {
  const text = describeFindings(findings, { width: widthOf(stderr), colour: stderr.colour });
  if (text !== "") stderr.write(`${text}\n`);
  const { faint } = palette(stderr.colour);
  for (const note of notes) stderr.write(`${faint("note:")} ${visible(note)}\n`);
}

function notesOf({ scanned, bases }: Looked): readonly string[] {
  return [...new Set([...scanned.notes, ...bases.flatMap(({ notes }) => notes)])];
}

function viewOf({ reference, scanned, bases }: Looked, gate: Gate): ScanView {
  const all = acrossPlatforms(scanned);
  const counted = all.filter(({ vulnerability }) => !isIgnored(vulnerability, gate));
  return {
    reference: reference.reference,
    digest: reference.digest,
    source: scanned.source,
    platforms: scanned.images.map((image, at) => platformOf(image, bases[at]?.base, gate)),
    vulnerabilities: counted.map((each) => ({
      severity: each.vulnerability.severity,
      id: each.vulnerability.id,
      package: each.vulnerability.package.name,
      installed: each.vulnerability.package.version,
      ...(each.vulnerability.fixedVersion !== undefined && { fixed: each.vulnerability.fixedVersion }),
      platforms: each.platforms.map(formatPlatformFull),
    })),
    ignored: all.length - counted.length,
    ...(gate.failOn !== undefined && { failOn: gate.failOn }),
    hits: counted.filter(({ vulnerability }) => isHit(vulnerability, gate)).length,
  };
}

function platformOf(
  { image, packages, from, vulnerabilities }: ScannedImage,
  base: BaseImage | undefined,
  gate: Gate,
): ScanPlatform {
  const counted = vulnerabilities.filter((each) => !isIgnored(each, gate));
  const number = (severity: VulnerabilitySeverity): number =>
    counted.filter((each) => each.severity === severity).length;
  return {
    platform: formatPlatformFull(image.platform),
    digest: image.manifest,
    from,
    ...(packages !== undefined && { packages }),
    critical: number("critical"),
    high: number("high"),
    medium: number("medium"),
    low: number("low"),
    unknown: number("unknown"),
    ...(base !== undefined && { base }),
  };
}

function answerOf(
  { reference: { reference, digest, mediaType, findings }, scanned }: Looked,
  { view, notes, gate }: { readonly view: ScanView; readonly notes: readonly string[]; readonly gate: Gate },
): Readonly<Record<string, unknown>> {
  return {
    reference,
    digest,
    mediaType,
    source: scanned.source,
    platforms: view.platforms,
    vulnerabilities: acrossPlatforms(scanned).map((each) => vulnerabilityJson(each, gate)),
    notes,
    findings: findings.map(findingJson),
  };
}

function vulnerabilityJson(
  { vulnerability, platforms }: SharedVulnerability,
  gate: Gate,
): Readonly<Record<string, unknown>> {
  return {
    ...vulnerability,
    platforms: platforms.map(formatPlatformFull),
    ignored: isIgnored(vulnerability, gate),
    stops: isHit(vulnerability, gate),
  };
}
