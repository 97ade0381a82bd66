import { isAbsolute } from "node:path";
import * as z from "zod/mini";
import { normalizePlatform, parsePlatform, type Platform } from "../../platforms/platform.ts";
import { findTool, isExecutable } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import { readStoredNodes, type StoredNode } from "./buildx-store.ts";
import { NO_ANSWER, withDeadline, type Reach } from "./reach.ts";
import type { ToolFailure } from "./buildkit.ts";
import { readTool } from "./tool.ts";

/** How long docker may take to tell which builder is the current one, in milliseconds: a dead remote context must not hold a run up. */
const DEADLINE_MS = 8_000;

/** A builder as `docker buildx ls --format json` prints it, one object a line. */
const builderSchema = z.looseObject({
  Name: z.string(),
  Current: z.optional(z.boolean()),
  Err: z.optional(z.string()),
  Nodes: z.nullish(
    z.array(z.looseObject({ Name: z.optional(z.string()), Platforms: z.nullish(z.array(z.string())) })),
  ),
});

type BuildxBuilder = z.infer<typeof builderSchema>;

/** A node of a buildx builder, and how it is picked among the others. */
export interface BuildxNode {
  readonly name: string;
  /** Platforms that are its own, as buildx was told. */
  readonly declared?: readonly Platform[];
  /** See {@link StoredNode.alone}; only where there are others. */
  readonly alone?: string;
  /** Where buildx keeps no file of it: a platform that no node before it has, which is all that `dial-stdio` takes. */
  readonly platform?: string;
}

/** The nodes of one buildx builder, in its order. */
export async function findBuildxNodes(
  name: string,
  reach: Reach,
): Promise<Result<readonly BuildxNode[], ToolFailure>> {
  const stored = isThere(reach) ? await readStoredNodes(name, reach.env) : undefined;
  if (stored !== undefined) return ok(stored.map((node) => (stored.length > 1 ? node : onlyOne(node))));
  return await listNodes(name, reach);
}

/** Whether docker is there is asked first: whoever has builders may have it no more. */
function isThere({ buildx: [tool], env }: Reach): boolean {
  return isAbsolute(tool) ? isExecutable(tool) : findTool(tool, env) !== undefined;
}

function onlyOne({ name, declared }: StoredNode): BuildxNode {
  return { name, ...(declared === undefined ? {} : { declared }) };
}

async function listNodes(name: string, reach: Reach): Promise<Result<readonly BuildxNode[], ToolFailure>> {
  const builders = await listBuilders(reach);
  if (!builders.ok) return builders;
  const builder = builders.value.find((candidate) => candidate.Name === name);
  if (builder === undefined) {
    return fail({ kind: "builder-not-found", builder: name, known: builders.value.map(({ Name }) => Name) });
  }
  if (builder.Err !== undefined && builder.Err !== "") {
    return fail({
      kind: "builder-unreachable",
      builder: name,
      address: `docker buildx builder ${name}`,
      detail: builder.Err,
    });
  }
  return ok(distinguish(builder));
}

/** The builder that `docker buildx build` would take, or undefined where Docker does not answer. */
export async function currentBuildxBuilder(reach: Reach): Promise<string | undefined> {
  const builders = await listBuilders(withDeadline(reach, AbortSignal.timeout(DEADLINE_MS)));
  if (!builders.ok) return undefined;
  return builders.value.find(({ Current, Err }) => Current === true && (Err ?? "") === "")?.Name;
}

/** `dial-stdio` takes a platform, not a node's name: each node is asked for by the first platform that no earlier one has. */
function distinguish(builder: BuildxBuilder): BuildxNode[] {
  const nodes = (builder.Nodes ?? []).filter(({ Name }) => (Name ?? "") !== "");
  if (nodes.length <= 1) return [{ name: nodes[0]?.Name ?? builder.Name }];
  const taken = new Set<string>();
  return nodes.flatMap((node) => {
    const own = (node.Platforms ?? []).map((platform) => platform.replace(/\*$/, ""));
    const platform = own.find((candidate) => !taken.has(candidate));
    for (const each of own) taken.add(each);
    const declared = declaredOf(node.Platforms ?? []);
    if (platform === undefined) return [];
    return [{ name: node.Name ?? "", platform, ...(declared.length === 0 ? {} : { declared }) }];
  });
}

/** `buildx ls` marks those that `buildx create --platform` declared. */
function declaredOf(platforms: readonly string[]): readonly Platform[] {
  const marked = platforms.filter((platform) => platform.endsWith("*"));
  return marked.flatMap((text) => {
    const parsed = parsePlatform(text.slice(0, -1));
    return parsed.ok ? [normalizePlatform(parsed.value)] : [];
  });
}

async function listBuilders(reach: Reach): Promise<Result<BuildxBuilder[], ToolFailure>> {
  const [tool, ...plugin] = reach.buildx;
  const { ended, stdout, stderr } = await readTool({
    tool,
    argv: [...plugin, "ls", "--format", "json"],
    env: reach.env,
    signal: reach.signal,
  });
  if (ended.kind === "cancelled") {
    return fail({
      kind: "builder-unreachable",
      builder: "docker buildx",
      address: "docker buildx ls",
      detail: NO_ANSWER,
    });
  }
  if (ended.kind === "not-found" || (ended.kind === "exited" && ended.exitCode !== 0)) {
    return fail({
      kind: "tool-missing",
      tool: "docker buildx",
      neededFor: `reaching docker buildx builders (${ended.kind === "not-found" ? "docker is not on PATH" : firstLine(stderr)})`,
      install: "https://docs.docker.com/build/install-buildx/",
    });
  }
  return ok(stdout.split("\n").flatMap(parseBuilder));
}

function parseBuilder(line: string): BuildxBuilder[] {
  try {
    const parsed = builderSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

function firstLine(text: string): string {
  return text.split("\n").find((line) => line.trim() !== "") ?? "it failed without a word";
}
