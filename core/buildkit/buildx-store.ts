import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { Platform } from "../../platforms/platform.ts";
import type { Reach } from "./reach.ts";
import { platformOf, platformSchema } from "./workers.ts";

/** A builder as buildx keeps it, one JSON file for each; what else is in it is buildx's own. */
const storedSchema = z.looseObject({
  Name: z.string(),
  Nodes: z
    .array(z.looseObject({ Name: z.string(), Platforms: z.nullish(z.array(platformSchema)) }))
    .check(z.minLength(1)),
});

/** A node as buildx's store has it. */
export interface StoredNode {
  readonly name: string;
  /** What `buildx create --platform` declared; absent where it declared nothing. */
  readonly declared?: readonly Platform[];
  /** The builder's file as it would be with this node alone: by it, buildx reaches no other one. */
  readonly alone: string;
}

/** Names that are files of the store: buildx allows no others. */
const NAME = /^[a-z][a-z0-9._-]*$/i;

/**
 * Nodes of a builder that was made by `buildx create`; undefined for any other (a docker context), and where the store cannot be read. Asked
 * before `buildx ls`, which first tries to reach every node of every builder, and knows no platforms of those that it does not reach.
 * @see https://github.com/docker/buildx/blob/master/store/store.go `instances`
 */
export async function readStoredNodes(
  name: string,
  env: Reach["env"],
): Promise<readonly StoredNode[] | undefined> {
  const folder = storeFolder(env);
  if (folder === undefined || !NAME.test(name)) return undefined;
  const text = await readFile(join(folder, storedFile(name)), "utf8").catch(() => undefined);
  const stored = text === undefined ? undefined : parseStored(text);
  return stored?.Nodes.map((node) => ({
    name: node.Name,
    ...((node.Platforms ?? []).length === 0 ? {} : { declared: node.Platforms?.map(platformOf) ?? [] }),
    alone: JSON.stringify({ ...stored, Nodes: [node] }),
  }));
}

/** The file, below a `BUILDX_CONFIG`, by which buildx knows this builder. */
export function storedFile(name: string): string {
  return join("instances", name.toLowerCase());
}

function storeFolder(env: Reach["env"]): string | undefined {
  const home = env["HOME"] ?? env["USERPROFILE"] ?? "";
  const config = env["DOCKER_CONFIG"] || (home === "" ? "" : join(home, ".docker"));
  return env["BUILDX_CONFIG"] || (config === "" ? undefined : join(config, "buildx"));
}

function parseStored(text: string): z.infer<typeof storedSchema> | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
