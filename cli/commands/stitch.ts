import {
  formatPlatformFull,
  normalizePlatform,
  parsePlatform,
  type Platform,
} from "../../platforms/platform.ts";
import type { Failure } from "../../core/failure.ts";
import { parseTaggedReference } from "../../core/oci/reference.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { stitchImages, type Stitched } from "../../core/images/stitch.ts";
import type { StitchChild } from "../../core/images/stitch-child.ts";
import type { AttestationPolicy } from "../../core/images/stitch-policy.ts";
import { reportRefusal, reportToCi } from "../report-to-ci.ts";
import type { Ended, ReportOptions } from "../render/ci-report.ts";
import { guardOf, type GuardOptions } from "../guard.ts";
import { notCopiedLines, transferLine } from "../render/transfer-view.ts";
import { registriesOf } from "../registries.ts";
import { printJson, reportFailures } from "../report.ts";
import type { Shell } from "../shell.ts";
import { openStores, type Stores } from "../stores.ts";

export interface StitchOptions extends GuardOptions, ReportOptions {
  /** A plan that says how registries are reached. */
  readonly file?: string;
  readonly tag: readonly string[];
  readonly annotation: readonly string[];
  readonly attest: AttestationPolicy;
  readonly json?: boolean;
}

/** `stitch`: one index of images that are pushed already, and tags that name it. */
export async function runStitch(
  children: readonly string[],
  options: StitchOptions,
  shell: Shell,
): Promise<number> {
  const json = options.json === true;
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "write", registries.value);
  try {
    const stitched = await stitch(children, options, { stores, signal: shell.signal });
    if (!stitched.ok) return await reportRefusal([stitched.error], options, shell);
    show(stitched.value, json, shell);
    return await reportToCi(endedOf(stitched.value), options, shell);
  } finally {
    await stores.close();
  }
}

/** An index is made of what is there already: times, nodes and caches belong to the runs that built it. */
function endedOf({ index, names, platforms }: Stitched): Ended {
  const { digest } = index.descriptor;
  const [name = digest] = names;
  const variants = platforms.map(({ entry }) => ({
    platform: platformOf(entry),
    state: "built" as const,
    digest: entry.digest,
  }));
  const tags = names.map((tag) => ({ tag, state: "moved" as const, digest }));
  return { ok: true, releases: [{ name, index: digest, variants, tags }] };
}

async function stitch(
  texts: readonly string[],
  options: StitchOptions,
  { stores, signal }: { readonly stores: Stores; readonly signal: AbortSignal },
): Promise<Result<Stitched, Failure>> {
  const annotations = readAnnotations(options.annotation);
  if (!annotations.ok) return annotations;
  if (options.tag.length === 0) return fail(usage("--tag", "", "an index of children needs a tag", TAG_HINT));
  const targets = each(options.tag, (text) => {
    const tag = parseTaggedReference(text);
    return tag.ok ? ok({ store: stores.registry.store(tag.value), tag: tag.value.tag }) : tag;
  });
  if (!targets.ok) return targets;
  const children: StitchChild[] = [];
  for (const text of texts) {
    const child = await readChildName(text, stores);
    if (!child.ok) return child;
    children.push(child.value);
  }
  const guard = guardOf(options, targets.value, { stores, signal });
  if (!guard.ok) return guard;
  const { attest: attestations } = options;
  return await stitchImages({
    children,
    targets: targets.value,
    annotations: annotations.value,
    attestations,
    ...(guard.value === undefined ? {} : { guard: guard.value }),
    signal,
  });
}

/** `[PLATFORM=]CHILD`; the path of a layout may have an equals sign of its own. */
async function readChildName(text: string, stores: Stores): Promise<Result<StitchChild, Failure>> {
  const at = text.indexOf("=");
  const isNamed = at !== -1 && !text.slice(0, at).includes("://");
  const platform = isNamed ? readPlatform(text.slice(0, at), text) : ok(undefined);
  if (!platform.ok) return platform;
  const name = isNamed ? text.slice(at + 1) : text;
  const opened = await stores.source(name);
  if (!opened.ok) return opened;
  const { store, tag = "latest", digest } = opened.value;
  const about = { store, reference: digest ?? tag, name };
  return ok(platform.value === undefined ? about : { ...about, platform: platform.value });
}

function readPlatform(text: string, child: string): Result<Platform, Failure> {
  const platform = parsePlatform(text);
  if (platform.ok) return ok(normalizePlatform(platform.value));
  const hint =
    "A child is PLATFORM=REFERENCE, linux/arm64=registry.example/app:1-arm64 for instance, or a reference.";
  return fail(usage("child", child, `\`${text}\` is no platform`, hint));
}

const TAG_HINT = "Write --tag registry.example/app:1; without children, the parts of a plan are joined.";

const LEVELS = /^(index-descriptor|manifest-descriptor|manifest|index)(\[[^\]]*\])?:/;

function readAnnotations(texts: readonly string[]): Result<Readonly<Record<string, string>>, Failure> {
  const read = each(texts, (text): Result<readonly [string, string], Failure> => {
    const [, level = "index"] = LEVELS.exec(text) ?? [];
    const plain = text.replace(LEVELS, "");
    const at = plain.indexOf("=");
    if (level !== "index")
      return fail(
        usage("--annotation", text, `a stitch writes the index alone, and no ${level}`, LEVEL_HINT),
      );
    return at > 0
      ? ok([plain.slice(0, at), plain.slice(at + 1)])
      : fail(usage("--annotation", text, "it is not KEY=VALUE", LEVEL_HINT));
  });
  return read.ok ? ok(Object.fromEntries(read.value)) : read;
}

const LEVEL_HINT =
  "Write KEY=VALUE for the index; images are taken as they are, so their own annotations belong into the build.";

function usage(option: string, value: string, detail: string, hint: string): Failure {
  return { kind: "override-invalid", option, value, detail, hint };
}

function each<T>(
  texts: readonly string[],
  read: (text: string) => Result<T, Failure>,
): Result<readonly T[], Failure> {
  const values: T[] = [];
  for (const text of texts) {
    const value = read(text);
    if (!value.ok) return value;
    values.push(value.value);
  }
  return ok(values);
}

function show({ index, names, platforms, transferred }: Stitched, json: boolean, shell: Shell): void {
  const { digest, mediaType, size } = index.descriptor;
  const references = names.map((name) => `${name}@${digest}`);
  const images = platforms.map(({ entry, name, attestations }) => ({
    platform: platformOf(entry),
    digest: entry.digest,
    child: name,
    attestations: attestations.map((attestation) => attestation.digest),
  }));
  if (json) {
    printJson(shell, { ok: true, digest, mediaType, size, tags: references, platforms: images, transferred });
    return;
  }
  shell.stdout.write(references.map((reference) => `${reference}\n`).join(""));
  const brought = transferred.manifests === 0 ? [] : [`copied: ${transferLine(transferred)}`];
  const lines = [
    ...images.map((image) => `${image.platform}  ${image.digest}${attested(image.attestations.length)}`),
    ...brought,
    ...notCopiedLines(transferred),
  ];
  shell.stderr.write(lines.map((line) => `${line}\n`).join(""));
}

function platformOf({ platform }: Stitched["platforms"][number]["entry"]): string {
  return platform === undefined ? "unknown" : formatPlatformFull(normalizePlatform(platform));
}

function attested(amount: number): string {
  return amount === 0 ? "" : "  attested";
}
