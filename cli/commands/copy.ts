import { copyImage, type Copied } from "../../core/images/copy.ts";
import type { Target } from "../../core/publish/transfer-tags.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { guardOf, type GuardOptions } from "../guard.ts";
import { streamMemory } from "../memory.ts";
import { notCopiedLines, transferLine, transferMeter } from "../render/transfer-view.ts";
import { registriesOf } from "../registries.ts";
import { printJson, reportFailures } from "../report.ts";
import type { Shell } from "../shell.ts";
import { openStores, readName, type NamedStore, type Stores, type StoreUnopened } from "../stores.ts";
import type { Failure } from "../../core/failure.ts";

export interface CopyOptions extends GuardOptions {
  /** A plan that says how registries are reached. */
  readonly file?: string;
  readonly referrers: boolean;
  readonly json?: boolean;
}

/** `copy`: promotes an image or index with all that belongs to it, byte for byte. */
export async function runCopy(
  [source, ...targets]: readonly [string, ...string[]],
  options: CopyOptions,
  shell: Shell,
): Promise<number> {
  const json = options.json === true;
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "write", registries.value);
  const meter = transferMeter(shell);
  const memory = streamMemory();
  try {
    const copied = await copyBetween({ source, targets, options }, stores, {
      signal: shell.signal,
      onProgress: (progress) => {
        if (progress.kind === "bytes") memory.onBytes(progress.bytes);
        meter.onProgress(progress);
      },
    });
    meter.end();
    if (!copied.ok) return await reportFailures([copied.error], shell, { json });
    show(copied.value, json, shell);
    return 0;
  } finally {
    meter.end();
    await stores.close();
  }
}

interface Wanted {
  readonly source: string;
  readonly targets: readonly string[];
  readonly options: CopyOptions;
}

interface Done extends Copied {
  readonly source: string;
  /** With digest, as they are printed. */
  readonly references: readonly string[];
}

async function copyBetween(
  { source: text, targets: texts, options }: Wanted,
  stores: Stores,
  world: {
    readonly signal: AbortSignal;
    readonly onProgress: ReturnType<typeof transferMeter>["onProgress"];
  },
): Promise<Result<Done, Failure>> {
  const source = await stores.source(text);
  if (!source.ok) return source;
  const targets = await openTargets(texts, source.value, stores);
  if (!targets.ok) return targets;
  const { store, tag, digest } = source.value;
  const about = {
    store,
    ...(tag === undefined && digest === undefined ? { tag: "latest" } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
  const wanted = targets.value.map((named): Target =>
    named.tag === undefined ? { store: named.store } : { store: named.store, tag: named.tag },
  );
  const guard = guardOf(options, wanted, { stores, signal: world.signal });
  if (!guard.ok) return guard;
  const guarded = guard.value === undefined ? {} : { guard: guard.value };
  const { referrers } = options;
  const copied = await copyImage({ source: about, targets: wanted, referrers, ...guarded, ...world });
  if (!copied.ok) return copied;
  const finished = await stores.finish();
  if (!finished.ok) return finished;
  const { root } = copied.value;
  const references = targets.value.map(
    ({ name, tag: given }) => `${name}${given === undefined ? "" : `:${given}`}@${root.digest}`,
  );
  return ok({ ...copied.value, source: text, references });
}

async function openTargets(
  texts: readonly string[],
  source: NamedStore,
  stores: Stores,
): Promise<Result<readonly NamedStore[], Failure>> {
  const opened: NamedStore[] = [];
  for (const text of texts) {
    const target = await openTarget(text, source, stores);
    if (!target.ok) return target;
    opened.push(target.value);
  }
  return ok(opened);
}

/** A target without a tag takes the source's; a layout, which is found by its tags, `latest` where that has none. */
async function openTarget(
  text: string,
  source: NamedStore,
  stores: Stores,
): Promise<Result<NamedStore, Failure | StoreUnopened>> {
  const named = readName(text);
  if (named.ok && named.value.digest !== undefined) return fail(targetDigest(text));
  const target = await stores.target(text);
  if (!target.ok || target.value.tag !== undefined) return target;
  const isLayout = target.value.store.repository === undefined;
  const inherited = source.tag ?? (source.digest === undefined || isLayout ? "latest" : undefined);
  return ok({ ...target.value, ...(inherited === undefined ? {} : { tag: inherited }) });
}

function targetDigest(text: string): Failure {
  return {
    kind: "override-invalid",
    option: "copy to",
    value: text,
    detail: "a target has no digest of its own",
    hint: "Name the digest in the source (SRC@DIGEST), and a tag or nothing in the target.",
  };
}

function show(copied: Done, json: boolean, shell: Shell): void {
  const { references, source, root, manifests, referrers, blobs, bytes, notCopied } = copied;
  if (json) {
    const { digest, mediaType } = root;
    const counts = { manifests, referrers, blobs, bytes };
    printJson(shell, { ok: true, source, digest, mediaType, targets: references, ...counts, notCopied });
    return;
  }
  shell.stdout.write(references.map((reference) => `${reference}\n`).join(""));
  shell.stderr.write([transferLine(copied), ...notCopiedLines(copied)].map((line) => `${line}\n`).join(""));
}
