import { formatPlatformFull } from "../../platforms/platform.ts";
import { Slots } from "../concurrent.ts";
import type { SbomPackage } from "../oci/sbom.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ScanHost } from "./host.ts";
import { readImageSbom, type ImageSbom } from "./image-sbom.ts";
import type { ImageToScan } from "./image-to-scan.ts";
import { copyHere } from "./local-image.ts";
import { keyOfPackage, merged } from "./merge.ts";
import type {
  ScanFailed,
  ScanFailure,
  ScanInput,
  ScanUnavailable,
  SourceAnswer,
  SourceName,
  Vulnerability,
  VulnerabilitySource,
} from "./source.ts";
import { pickSource, type SourceWish } from "./sources.ts";
import { guarded, inFolder } from "./tool.ts";

export type { ImageToScan, StatementPlace } from "./image-to-scan.ts";

/** What was found in all images of a release or reference. */
export interface Scanned {
  readonly source: SourceName;
  /** In the order in which they were given. */
  readonly images: readonly ScannedImage[];
  /** What could not be told, a sentence each. */
  readonly notes: readonly string[];
}

export interface ScannedImage {
  readonly image: ImageToScan;
  /** Where its packages were found. */
  readonly from: "sbom" | "layers";
  /** How many there are; undefined where the source does not say. */
  readonly packages?: number;
  /** The worst first, each once. */
  readonly vulnerabilities: readonly Vulnerability[];
}

export interface ScanOptions extends SourceWish {
  readonly images: readonly ImageToScan[];
  readonly host: ScanHost;
  readonly signal: AbortSignal;
}

/** Images that are read, copied or scanned at the same time: each may take a lot of memory and disk. */
const CONCURRENCY = 3;

/** Scans images with the first source that is there. Fails where one image could not be scanned. */
export async function scanImages(
  options: ScanOptions,
): Promise<Result<Scanned, ScanUnavailable | ScanFailed>> {
  const picked = await pickSource(options, options.host, options.signal);
  if (!picked.ok) return picked;
  return await scanWith(picked.value, options);
}

/** Scans images with this source. */
export async function scanWith(
  source: VulnerabilitySource,
  { images, host, signal }: Omit<ScanOptions, keyof SourceWish>,
): Promise<Result<Scanned, ScanFailed>> {
  const work: Work = { source, host, signal, slots: new Slots(CONCURRENCY) };
  const read = await Promise.all(images.map((image) => work.slots.hold(() => readSbom(image, work))));
  const described: Described[] = [];
  for (const each of read) {
    if (!each.ok) return each;
    described.push(each.value);
  }
  const shared = await scanShared(described, work);
  if (!shared.ok) return shared;
  const scanned = await Promise.all(
    described.map((each) => work.slots.hold(() => scanOne(each, shared.value, work))),
  );
  const found: ScannedImage[] = [];
  const notes = new Set(shared.value?.notes);
  for (const each of scanned) {
    if (!each.ok) return each;
    const { notes: own, ...image } = each.value;
    found.push(image);
    for (const note of own) notes.add(note);
  }
  return ok({
    source: source.name,
    images: found,
    notes: [...notes],
  });
}

interface Work {
  readonly source: VulnerabilitySource;
  readonly host: ScanHost;
  readonly signal: AbortSignal;
  readonly slots: Slots;
}

interface Described {
  readonly image: ImageToScan;
  readonly sbom?: ImageSbom;
}

async function readSbom(
  image: ImageToScan,
  { source, signal }: Work,
): Promise<Result<Described, ScanFailed>> {
  const sbom = await readImageSbom(image, signal);
  if (!sbom.ok) return failed(nameOf(image), sbom.error, source.name);
  return ok({ image, ...(sbom.value !== undefined && { sbom: sbom.value }) });
}

/** Vulnerabilities of packages, whichever images they are in. */
interface Shared {
  readonly byPackage: ReadonlyMap<string, readonly Vulnerability[]>;
  /** Those that the source tells of no package that it was asked for: whose they are is not known. */
  readonly others: readonly Vulnerability[];
  readonly notes: readonly string[];
}

/** Asks for the packages of all SBOMs at once: platforms have nearly the same. Undefined for sources that want SBOMs whole. */
async function scanShared(
  described: readonly Described[],
  { source, signal }: Work,
): Promise<Result<Shared | undefined, ScanFailed>> {
  const first = described.find(({ sbom }) => sbom !== undefined);
  if (!source.takes.includes("packages") || first === undefined) return ok(undefined);
  const packages = new Map<string, SbomPackage>();
  for (const each of described.flatMap(({ sbom }) => sbom?.packages ?? [])) {
    const key = keyOfPackage(each);
    if (!packages.has(key)) packages.set(key, each);
  }
  const answered = await ask(source, { kind: "packages", packages: [...packages.values()] }, signal);
  if (!answered.ok) return failed(first.image.reference, answered.error, source.name);
  const { vulnerabilities, notes } = answered.value;
  const byPackage = Map.groupBy(vulnerabilities, (each) => keyOfPackage(each.package));
  const others = vulnerabilities.filter((each) => !packages.has(keyOfPackage(each.package)));
  return ok({ byPackage, others, notes });
}

type WithNotes = ScannedImage & { readonly notes: readonly string[] };

async function scanOne(
  { image, sbom }: Described,
  shared: Shared | undefined,
  work: Work,
): Promise<Result<WithNotes, ScanFailed>> {
  if (sbom !== undefined && shared !== undefined) {
    const keys = new Set(sbom.packages.map(keyOfPackage));
    const found = [...keys].flatMap((key) => shared.byPackage.get(key) ?? []);
    const vulnerabilities = merged([...found, ...shared.others]);
    return ok({ image, from: "sbom", packages: sbom.packages.length, vulnerabilities, notes: [] });
  }
  const { source, signal } = work;
  if (sbom !== undefined && source.takes.includes("sbom")) {
    const { format, packages } = sbom;
    const answered = await ask(source, { kind: "sbom", format, bytes: sbom.bytes() }, signal);
    if (!answered.ok) return failed(nameOf(image), answered.error, source.name);
    return ok({ image, from: "sbom", packages: packages.length, ...answerOf(answered.value) });
  }
  const answered = await scanLayers(image, work);
  if (!answered.ok) return failed(nameOf(image), answered.error, source.name);
  const { packages } = answered.value;
  return ok({
    image,
    from: "layers",
    ...(packages !== undefined && { packages }),
    ...answerOf(answered.value),
  });
}

function answerOf({ vulnerabilities, notes }: SourceAnswer): Pick<WithNotes, "vulnerabilities" | "notes"> {
  return { vulnerabilities: merged(vulnerabilities), notes };
}

async function scanLayers(
  image: ImageToScan,
  { source, host, signal }: Work,
): Promise<Result<SourceAnswer, ScanFailure>> {
  if (!source.takes.includes("image"))
    return fail({ problem: "no-sbom", detail: `it has no SBOM, and ${source.name} cannot look into layers` });
  return await guarded(() =>
    inFolder(host, async (folder) => {
      const local = await copyHere(image, folder, signal);
      return local.ok ? await ask(source, { kind: "image", image: local.value }, signal) : local;
    }),
  );
}

async function ask(
  source: VulnerabilitySource,
  input: ScanInput,
  signal: AbortSignal,
): Promise<Result<SourceAnswer, ScanFailure>> {
  return await guarded(() => source.scan(input, signal));
}

function nameOf({ reference, platform }: ImageToScan): string {
  return `${reference} ${formatPlatformFull(platform)}`;
}

function failed(of: string, failure: ScanFailure, source: SourceName): Result<never, ScanFailed> {
  return fail({ kind: "scan-failed", of, source, ...failure });
}
