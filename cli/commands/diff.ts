import { diffImages, type ImageDiff } from "../../core/images/diff.ts";
import { openDocumentMemory } from "../../core/layers/memory.ts";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { describeFindings } from "../describe/findings.ts";
import { findingJson } from "../describe/json.ts";
import { verifiedFolder } from "../gates.ts";
import { registriesOf } from "../registries.ts";
import { diffView } from "../render/diff-view.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import type { Shell } from "../shell.ts";
import { inspectedOf, openStores } from "../stores.ts";

export interface DiffOptions {
  /** End with 4 where there are differences. */
  readonly exitCode?: boolean;
  readonly json?: boolean;
  /** A plan that says how registries are reached. */
  readonly file?: string;
}

/** `diff`: what became of an image, platform by platform. */
export async function runDiff(
  older: string,
  newer: string,
  options: DiffOptions,
  shell: Shell,
): Promise<number> {
  const json = options.json === true;
  const registries = await registriesOf(options.file, shell);
  if (!registries.ok) return await reportFailures(registries.error, shell, { json });
  const stores = openStores(shell, "read", registries.value);
  try {
    const sides = [await stores.source(older), await stores.source(newer)] as const;
    for (const side of sides) if (!side.ok) return await reportFailures([side.error], shell, { json });
    const [one, other] = sides.map((side) => (side.ok ? inspectedOf(side.value) : undefined));
    if (one === undefined || other === undefined)
      throw new Error("Internal error: two references, one store");
    const documents = openDocumentMemory(verifiedFolder(shell));
    const diff = await diffImages({ older: one, newer: other }, documents, shell.signal);
    if (!diff.ok) return await reportFailures([diff.error], shell, { json });
    show(diff.value, json, shell);
    return options.exitCode === true && !diff.value.same ? 4 : 0;
  } finally {
    await stores.close();
  }
}

function show(diff: ImageDiff, json: boolean, shell: Shell): void {
  const { stdout, stderr } = shell;
  const platforms = diff.platforms.map((each) => ({ ...each, platform: formatPlatformFull(each.platform) }));
  if (diff.findings.length > 0)
    stderr.write(`${describeFindings(diff.findings, { width: widthOf(stderr), colour: stderr.colour })}\n`);
  if (json) printJson(shell, { ok: true, ...diff, platforms, findings: diff.findings.map(findingJson) });
  else
    stdout.write(`${diffView({ ...diff, platforms }, { width: widthOf(stdout), colour: stdout.colour })}\n`);
}
