import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { deleteUnreachable } from "../../core/images/gc-delete.ts";
import { findUnreachable, type GcPlace, type GcReport } from "../../core/images/gc.ts";
import type { Failure } from "../../core/failure.ts";
import { openLayoutBlobs } from "../../core/layout/blobs.ts";
import { parseDigest, type Digest } from "../../core/oci/digest.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { StagingTag } from "../../core/images/gc-staging.ts";
import { gcLines, stagingLines, unknowns } from "../render/gc-view.ts";
import { registriesOf } from "../registries.ts";
import { printJson, reportFailures } from "../report.ts";
import type { Shell } from "../shell.ts";
import { openStores, readName, type Stores } from "../stores.ts";
import { pickStaging, type StagingOptions } from "./gc-staging.ts";

export interface GcOptions extends StagingOptions {
  /** A plan that says how registries are reached. */
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly delete?: boolean;
  readonly candidates?: string;
  readonly json?: boolean;
}

/** `gc`: what no tag, index or referrer reaches; with `--delete` it is removed. */
export async function runGc(
  [place, ...digests]: readonly [string, ...string[]],
  options: GcOptions,
  shell: Shell,
): Promise<number> {
  const json = options.json === true;
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, options.delete === true ? "write" : "read", registries.value);
  try {
    const swept = await sweep({ place, digests, options }, stores, shell);
    if (!swept.ok) return await reportFailures([swept.error], shell, { json });
    show(swept.value, options, shell);
    return 0;
  } finally {
    await stores.close();
  }
}

interface Swept {
  readonly report: GcReport;
  readonly staging?: readonly StagingTag[];
  readonly name: string;
  readonly isLayout: boolean;
}

async function sweep(
  {
    place: text,
    digests,
    options,
  }: { readonly place: string; readonly digests: readonly string[]; readonly options: GcOptions },
  stores: Stores,
  shell: Shell,
): Promise<Result<Swept, Failure>> {
  if ((options.dryRun === true) === (options.delete === true)) return fail(undecided(text));
  const candidates = await readCandidates(digests, options.candidates, shell);
  if (!candidates.ok) return candidates;
  const place = await openPlace(text, stores);
  if (!place.ok) return place;
  const isLayout = place.value.layout !== undefined;
  if (isLayout && candidates.value.length > 0) return fail(needless(text));
  const picked = await pickStaging(place.value, options, shell);
  if (!picked.ok) return picked;
  const going = new Map(picked.value?.going.map(({ tag, digest }) => [tag, digest]));
  const report = await findUnreachable(place.value, candidates.value, { going, signal: shell.signal });
  if (!report.ok) return report;
  const removed =
    options.delete === true
      ? await deleteUnreachable(place.value, report.value, shell.signal)
      : ok(undefined);
  const staging = picked.value === undefined ? {} : { staging: picked.value.all };
  return removed.ok ? ok({ report: report.value, ...staging, name: text, isLayout }) : removed;
}

/** A whole repository or layout: a tag or digest would mean a part of it. */
async function openPlace(text: string, stores: Stores): Promise<Result<GcPlace, Failure>> {
  const named = readName(text);
  if (!named.ok) return named;
  const { tag, digest } = named.value;
  if (tag !== undefined || digest !== undefined) return fail(partial(text));
  const source = await stores.source(text);
  if (!source.ok) return source;
  const { store } = source.value;
  if (named.value.kind === "registry") return ok({ store });
  const layout = await openLayoutBlobs(named.value.path);
  return layout.ok ? ok({ store, layout: layout.value }) : layout;
}

async function readCandidates(
  digests: readonly string[],
  file: string | undefined,
  shell: Shell,
): Promise<Result<readonly Digest[], Failure>> {
  const listed = file === undefined ? ok([]) : await readList(file, shell);
  if (!listed.ok) return listed;
  const candidates = new Set<Digest>();
  for (const text of [...digests, ...listed.value]) {
    // `REPO@DIGEST` is how other tools print it.
    const digest = parseDigest(text.slice(text.lastIndexOf("@") + 1));
    if (digest === undefined)
      return fail(usage("candidate", text, "it is no digest", "Digests look like sha256:..."));
    candidates.add(digest);
  }
  return ok([...candidates]);
}

async function readList(file: string, shell: Shell): Promise<Result<readonly string[], Failure>> {
  const text = await readText(file, shell);
  if (!text.ok) return text;
  if (!text.value.trimStart().startsWith("["))
    return ok(text.value.split(/\s+/).filter((line) => line !== ""));
  const array = readArray(text.value);
  return array === undefined
    ? fail(usage("--candidates", file, "it is no JSON array of strings", "Or write one digest a line."))
    : ok(array);
}

async function readText(file: string, shell: Shell): Promise<Result<string, Failure>> {
  if (file === "-") return ok(await shell.stdin());
  try {
    return ok(await readFile(resolve(shell.cwd, file), "utf8"));
  } catch (error) {
    const detail = error instanceof Error ? error.message : "it cannot be read";
    return fail(
      usage("--candidates", file, detail, "Name a file with one digest a line, or - for standard input."),
    );
  }
}

function readArray(text: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const isTexts = Array.isArray(parsed) && parsed.every((each) => typeof each === "string");
    return isTexts ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function undecided(text: string): Failure {
  const hint = "See first what would go: --dry-run. The same with --delete removes exactly that.";
  return usage("gc", text, "say either --dry-run or --delete", hint);
}

function partial(text: string): Failure {
  return usage(
    "gc",
    text,
    "a whole repository or layout is swept, not a tag or digest of it",
    "Leave tag and digest out; candidates are arguments of their own.",
  );
}

function needless(text: string): Failure {
  return usage("gc", text, "all blobs of a layout are candidates", "Leave the digests out.");
}

function usage(option: string, value: string, detail: string, hint: string): Failure {
  return { kind: "override-invalid", option, value, detail, hint };
}

function show({ report, staging, name, isLayout }: Swept, options: GcOptions, shell: Shell): void {
  const { unreachable, kept, absent, missing, manifests } = report;
  const deleted = options.delete === true;
  if (options.json === true) {
    const about = {
      place: name,
      deleted,
      unreachable,
      ...(isLayout ? {} : { kept, absent }),
      ...(staging === undefined ? {} : { staging: staging.map((tag) => stagingJson(tag, report)) }),
      missing,
      manifests,
    };
    printJson(shell, { ok: true, ...about, unknown: unknowns({ isLayout }) });
    return;
  }
  shell.stdout.write(unreachable.map(({ digest }) => `${digest}\n`).join(""));
  const lines = [
    ...gcLines(report, { isLayout }),
    ...stagingLines(report, { staging, nowMs: shell.now() }),
    ...(deleted ? ["deleted, all of them"] : []),
  ];
  shell.stderr.write(lines.map((line) => `${line}\n`).join(""));
}

function stagingJson(
  { stagedAtMs, ...tag }: StagingTag,
  { unreachable }: GcReport,
): Readonly<Record<string, unknown>> {
  const goes = unreachable.some(({ digest }) => digest === tag.digest);
  const stagedAt = stagedAtMs === undefined ? {} : { stagedAt: new Date(stagedAtMs).toISOString() };
  return { ...tag, ...stagedAt, goes };
}
