import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { parseDigest } from "../oci/digest.ts";
import type { Build, BuildContext } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import type { SolveRefused } from "./buildkit.ts";

const REF_NAME = "org.opencontainers.image.ref.name";

const indexSchema = z.looseObject({
  manifests: z.array(
    z.looseObject({ digest: z.string(), annotations: z.nullish(z.record(z.string(), z.string())) }),
  ),
});

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
  const parsed = indexSchema.safeParse(await readJson(join(context.path, "index.json")));
  if (!parsed.success) return refuse("has no readable index.json");
  const { manifests } = parsed.data;
  const named = manifests.find(({ annotations }) => annotations?.[REF_NAME] === tag);
  const digest = parseDigest(named?.digest ?? "");
  if (digest !== undefined) return ok({ ...context, reference: { kind: "digest", digest } });
  const tags = manifests.flatMap(({ annotations }) => annotations?.[REF_NAME] ?? []);
  return refuse(
    `has no image tagged ${tag}; it has ${tags.length === 0 ? "none with a tag" : tags.join(", ")}`,
  );
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
