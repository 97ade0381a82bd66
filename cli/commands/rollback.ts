import { isAbsolute, join } from "node:path";
import { formatReference } from "../../core/oci/reference.ts";
import { readRecord } from "../../core/publish/record-file.ts";
import type { ReleaseRecord } from "../../core/publish/record.ts";
import { findIncomplete, rollBack, type RolledBack } from "../../core/publish/rollback.ts";
import { openRegistry } from "../../core/registry/client.ts";
import type { Registry } from "../../core/registry/registry.ts";
import { failureJson } from "../describe/json.ts";
import { printJson, reportFailures, reportRegistryWarnings } from "../report.ts";
import type { Shell } from "../shell.ts";
import { unreachable } from "../unreachable.ts";

export interface RollbackOptions {
  readonly json?: boolean;
  readonly force?: boolean;
}

/** `rollback`: puts the tags of a release back to what they named before it, as its record says. Needs no plan. */
export async function runRollback(file: string, options: RollbackOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const path = isAbsolute(file) ? file : join(shell.cwd, file);
  const record = await readRecord(path);
  if (!record.ok) return await reportFailures([record.error], shell, { json });
  const registry = openFor(record.value, path, shell);
  try {
    const { signal } = shell;
    const rolledBack = await rollBack(record.value, { registry, signal, force: options.force === true });
    return await answer(rolledBack, json, shell);
  } finally {
    reportRegistryWarnings(registry, shell);
    await registry.close();
  }
}

/** Registries as the plan of the release reached them. */
function openFor({ registries }: ReleaseRecord, path: string, shell: Shell): Registry {
  const location = { file: { path, text: "" }, range: { start: 0, end: 0 } };
  return openRegistry({
    env: shell.env,
    home: shell.home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "write",
    registries: registries.map((settings) => ({ ...settings, location })),
  });
}

async function answer(rolledBack: readonly RolledBack[], json: boolean, shell: Shell): Promise<number> {
  const failure = findIncomplete(rolledBack);
  const interrupted = failure !== undefined && shell.signal.aborted;
  const exitCode = interrupted ? 130 : failure === undefined ? 0 : 3;
  if (!json) shell.stdout.write(rolledBack.map((each) => `${lineOf(each)}\n`).join(""));
  if (failure !== undefined) await reportFailures([failure], shell, { json: false });
  if (interrupted) shell.stderr.write("buildx-plan: interrupted; roll back again to go on\n");
  if (json) {
    const tags = rolledBack.map(({ tag, outcome }) => ({
      tag: formatReference(tag),
      outcome: outcome.kind,
      ...("digest" in outcome ? { digest: outcome.digest } : {}),
    }));
    const failed = failure === undefined ? {} : { failure: failureJson(failure) };
    printJson(shell, { ok: exitCode === 0, tags, ...failed });
  }
  return exitCode;
}

function lineOf({ tag, outcome }: RolledBack): string {
  const name = formatReference(tag);
  switch (outcome.kind) {
    case "restored":
      return `restored    ${name}@${outcome.digest}`;
    case "removed":
      return `removed     ${name}`;
    case "as-before":
      return outcome.digest === null
        ? `as before   ${name} (not there)`
        : `as before   ${name}@${outcome.digest}`;
    case "untouched":
      return `untouched   ${name} (the release did not move it)`;
    case "moved-since":
      return `left alone  ${name} (moved since)`;
    case "stays":
      return `stays       ${name} (was not there before; this registry does not delete it)`;
    case "failed":
      return `failed      ${name}`;
    default:
      return unreachable(outcome);
  }
}
