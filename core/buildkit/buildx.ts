import * as z from "zod/mini";
import { fail, ok, type Result } from "../result.ts";
import type { Reach } from "./reach.ts";
import type { ToolFailure } from "./buildkit.ts";
import { readTool } from "./tool.ts";

/** How long docker may take to list its builders, in milliseconds: a dead remote context must not hold a run up. */
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

/** A node of a buildx builder, and a platform by which `dial-stdio` picks it among the others. */
export interface BuildxNode {
  readonly name: string;
  readonly platform: string | undefined;
}

/** The nodes of one buildx builder, in its order. */
export async function findBuildxNodes(
  name: string,
  reach: Reach,
): Promise<Result<BuildxNode[], ToolFailure>> {
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
  const builders = await listBuilders(reach);
  if (!builders.ok) return undefined;
  return builders.value.find(({ Current, Err }) => Current === true && (Err ?? "") === "")?.Name;
}

/** `dial-stdio` takes a platform, not a node's name: each node is asked for by the first platform that no earlier one has. */
function distinguish(builder: BuildxBuilder): BuildxNode[] {
  const nodes = (builder.Nodes ?? []).filter(({ Name }) => (Name ?? "") !== "");
  if (nodes.length <= 1) return [{ name: nodes[0]?.Name ?? builder.Name, platform: undefined }];
  const taken = new Set<string>();
  return nodes.flatMap((node) => {
    const own = (node.Platforms ?? []).map((platform) => platform.replace(/\*$/, ""));
    const platform = own.find((candidate) => !taken.has(candidate));
    for (const each of own) taken.add(each);
    return platform === undefined ? [] : [{ name: node.Name ?? "", platform }];
  });
}

async function listBuilders(reach: Reach): Promise<Result<BuildxBuilder[], ToolFailure>> {
  const [tool, ...plugin] = reach.buildx;
  const { ended, stdout, stderr } = await readTool({
    tool,
    argv: [...plugin, "ls", "--format", "json"],
    env: reach.env,
    signal: AbortSignal.any([reach.signal, AbortSignal.timeout(DEADLINE_MS)]),
  });
  if (ended.kind === "cancelled") {
    return fail({
      kind: "builder-unreachable",
      builder: "docker buildx",
      address: "docker buildx ls",
      detail: `it gave no answer within ${DEADLINE_MS / 1000} s`,
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
