import type { Failure } from "../../core/failure.ts";
import { hasErrors } from "../../core/findings/finding.ts";
import type { Inspected } from "../../core/images/inspect.ts";
import { verifyReference } from "../../core/images/verify.ts";
import type { VerifiedEntry, VerifiedReference } from "../../core/images/verified-reference.ts";
import { openDocumentMemory, openLayerMemory } from "../../core/layers/memory.ts";
import { nearest } from "../../core/plan/nearest.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AttestationDemand } from "../../core/verify/attestations.ts";
import { formatPlatformFull, samePlatform, type Platform } from "../../platforms/platform.ts";
import { findingJson } from "../describe/json.ts";
import { describeFindings, inOrder } from "../describe/findings.ts";
import { verifiedFolder } from "../gates.ts";
import { namesOf, readPlatforms } from "../lists.ts";
import { readMeter } from "../read-meter.ts";
import { registriesOf } from "../registries.ts";
import { verifyView, type StartVerdict, type VerifyView } from "../render/verify-view.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import { sarifCollision, writeSarif } from "../sarif-output.ts";
import type { Shell } from "../shell.ts";
import { inspectedOf, openStores, type Stores, type StoreUnopened } from "../stores.ts";

export interface VerifyOptions {
  /** Lists, comma-separated; each may be repeated. */
  readonly platforms?: readonly string[];
  readonly attest?: readonly string[];
  readonly against?: string;
  /** False for `--no-content`. */
  readonly content?: boolean;
  readonly ignore?: readonly string[];
  readonly strict?: boolean;
  readonly json?: boolean;
  /** A file, or true for standard output. */
  readonly sarif?: string | true;
  /** A plan that says how registries are reached. */
  readonly file?: string;
}

/** `verify`: is an image what its label says? Any image or index, in any registry or layout; nothing is run. */
export async function runVerify(
  references: readonly string[],
  options: VerifyOptions,
  shell: Shell,
): Promise<number> {
  const json = options.json === true;
  const wishes = readWishes(options);
  if (!wishes.ok) return await reportFailures([wishes.error], shell, { json });
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "read", registries.value);
  try {
    const named = await openAll(stores, references, options.against);
    if (!named.ok) return await reportFailures([named.error], shell, { json });
    const folder = verifiedFolder(shell);
    const meter = readMeter(shell);
    const { target } = named.value;
    const verified = await verifyReference(
      { ...named.value, ...wishes.value, target: { ...target, store: meter.watch(target.store) } },
      { layers: openLayerMemory(folder), documents: openDocumentMemory(folder), signal: shell.signal },
    ).finally(meter.end);
    if (!verified.ok) return await reportFailures([verified.error], shell, { json });
    return await show(verified.value, named.value.copies, options, shell);
  } finally {
    await stores.close();
  }
}

interface Wishes {
  readonly platforms?: readonly Platform[];
  readonly attestations: AttestationDemand;
  readonly settings: { readonly content: "error" | "off"; readonly ignore: readonly string[] };
}

function readWishes(options: VerifyOptions): Result<Wishes, Failure> {
  const collision = sarifCollision(options);
  if (collision !== undefined) return fail(collision);
  const platforms = readPlatforms(options.platforms);
  if (!platforms.ok) return platforms;
  const kinds = namesOf("--attest", options.attest);
  if (!kinds.ok) return kinds;
  const attestations = readKinds(kinds.value);
  if (!attestations.ok) return attestations;
  const settings = {
    content: options.content === false ? "off" : "error",
    ignore: options.ignore ?? [],
  } as const;
  return ok({
    ...(platforms.value.length === 0 ? {} : { platforms: platforms.value }),
    attestations: attestations.value,
    settings,
  });
}

const KINDS = ["provenance", "sbom"] as const;

function readKinds(texts: readonly string[]): Result<AttestationDemand, Failure> {
  const unknown = texts.find((text) => !KINDS.some((kind) => kind === text.toLowerCase()));
  if (unknown !== undefined) {
    const meant = nearest(unknown, KINDS);
    const hint = meant === undefined ? "Known: provenance, sbom" : `Did you mean ${meant}?`;
    const detail = "no kind of attestation";
    return fail({ kind: "override-invalid", option: "--attest", value: unknown, detail, hint });
  }
  const kinds = KINDS.filter((kind) => texts.some((text) => text.toLowerCase() === kind));
  return ok({ kinds, severity: "error" });
}

interface Opened {
  readonly target: Inspected;
  readonly copies: readonly Inspected[];
  readonly against?: Inspected;
}

async function openAll(
  stores: Stores,
  references: readonly string[],
  against: string | undefined,
): Promise<Result<Opened, StoreUnopened>> {
  const opened: Inspected[] = [];
  for (const text of [...references, ...(against === undefined ? [] : [against])]) {
    const source = await stores.source(text);
    if (!source.ok) return source;
    opened.push(inspectedOf(source.value));
  }
  const [target, ...others] = opened;
  if (target === undefined) throw new Error("Internal error: no reference to verify");
  const older = against === undefined ? undefined : others.at(-1);
  return ok({
    target,
    copies: older === undefined ? others : others.slice(0, -1),
    ...(older === undefined ? {} : { against: older }),
  });
}

async function show(
  verified: VerifiedReference,
  copies: readonly Inspected[],
  options: VerifyOptions,
  shell: Shell,
): Promise<number> {
  const { findings } = verified;
  const isStopped =
    hasErrors(findings) ||
    (options.strict === true && findings.some(({ severity }) => severity === "warning"));
  const exitCode = isStopped ? 4 : 0;
  const view = viewOf(verified, copies);
  const { stdout, stderr } = shell;
  const text = describeFindings(findings, { width: widthOf(stderr), colour: stderr.colour });
  if (text !== "") stderr.write(`${text}\n`);
  if (options.sarif !== undefined && !(await writeSarif(findings, options.sarif, shell))) return 2;
  if (options.json === true) printJson(shell, { ok: exitCode === 0, ...answerOf(verified, view) });
  else if (options.sarif !== true)
    stdout.write(`${verifyView(view, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  return exitCode;
}

function viewOf(verified: VerifiedReference, copies: readonly Inspected[]): VerifyView {
  const { reference, digest, images, findings, against } = verified;
  const differ = new Set(
    findings.flatMap(({ rule, image }) => (rule === "digest-differs" ? (image?.reference ?? []) : [])),
  );
  const number = (severity: string): number => findings.filter((each) => each.severity === severity).length;
  return {
    reference,
    digest,
    platforms: images.map((image) => ({
      ...image,
      platform: formatPlatformFull(image.platform),
      starts: startVerdict(image, verified),
    })),
    sameIn: copies.map(({ name }) => name).filter((name) => !differ.has(name)),
    ...(against === undefined
      ? {}
      : {
          against: {
            reference: against.reference,
            lost: against.lost.map(formatPlatformFull),
            added: against.added.map(formatPlatformFull),
            changed: against.changed.map(formatPlatformFull),
            unchanged: against.unchanged.map(formatPlatformFull),
          },
        }),
    errors: number("error"),
    warnings: number("warning"),
  };
}

function startVerdict({ platform, programs }: VerifiedEntry, { findings }: VerifiedReference): StartVerdict {
  const rules = new Set(
    findings
      .filter(({ image }) => image?.platform !== undefined && samePlatform(image.platform, platform))
      .map(({ rule }) => rule),
  );
  if (programs === undefined || rules.has("layer-unreadable")) return "unknown";
  if (rules.has("entrypoint-architecture") || rules.has("libc-architecture")) return "foreign";
  return rules.has("entrypoint-missing") ? "missing" : "fine";
}

function answerOf(verified: VerifiedReference, view: VerifyView): Readonly<Record<string, unknown>> {
  const { reference, digest, mediaType, bytesRead, findings } = verified;
  const { platforms, sameIn, against } = view;
  return {
    reference,
    digest,
    mediaType,
    platforms,
    sameIn,
    ...(against === undefined ? {} : { against: { ...against, digest: verified.against?.digest } }),
    bytesRead,
    findings: inOrder(findings).map(findingJson),
  };
}
