import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findEntry, parseLayoutIndex, tagsOf } from "../oci/layout-index.ts";
import type { Build, BuildContext } from "../plan/build.ts";
import { fail, ok, type Result } from "../result.ts";
import type { SolveRefused } from "./buildkit.ts";

const MAX_INDEX_BYTES = 4 * 1024 * 1024;

/**
 * Replaces tags of OCI layouts by digests, since BuildKit takes nothing else: the layout's `index.json` says which image has
 * the tag (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file).
 */
export async function resolveLayouts(build: Build): Promise<Result<Build, SolveRefused>> {
  const contexts: Record<string, BuildContext> = {};
  for (const [name, context] of Object.entries(build.contexts)) {
    const resolved = await resolveLayout(context);
    if (!resolved.ok) return resolved;
    contexts[name] = resolved.value;
  }
  const main = await resolveLayout(build.context);
  return main.ok ? ok({ ...build, context: main.value, contexts }) : main;
}

async function resolveLayout(context: BuildContext): Promise<Result<BuildContext, SolveRefused>> {
  if (context.kind !== "oci-layout" || context.reference.kind === "digest") return ok(context);
  const { tag } = context.reference;
  const refuse = (why: string): Result<never, SolveRefused> =>
    fail({ kind: "solve-refused", message: `the OCI layout ${context.path} ${why}` });
  const bytes = await readIndex(join(context.path, "index.json"));
  const index = bytes === undefined ? undefined : parseLayoutIndex(bytes);
  if (index?.ok !== true) return refuse("has no readable index.json");
  const found = findEntry(index.value, tag);
  if (found.kind === "one") {
    const { digest } = found.descriptor;
    return ok({ ...context, reference: { kind: "digest", digest } });
  }
  if (found.kind === "several")
    return refuse(
      `has several images tagged ${tag}; ask for one of them by its digest: ${found.digests.join(", ")}`,
    );
  const tags = tagsOf(index.value);
  return refuse(
    `has no image tagged ${tag}; it has ${tags.length === 0 ? "none with a tag" : tags.join(", ")}`,
  );
}

async function readIndex(path: string): Promise<Uint8Array | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size <= MAX_INDEX_BYTES ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}
