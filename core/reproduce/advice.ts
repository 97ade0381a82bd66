import type { Build } from "../plan/build.ts";
import type { EntryChange, LayerDifference, ValueDifference } from "./difference.ts";

/** What a difference comes from, as far as it can be told: the way in which the first entry differs, or the kind of value. */
export type Cause =
  | EntryChange["what"]
  /** Times in the config. */
  | "created"
  | "config"
  | "compression"
  | "unknown";

/** Is it the same but for the times of its entries? */
export function isInTimesOnly(layer: LayerDifference): boolean {
  return layer.kind === "entries" && causeOf(layer) === "mtime";
}

/** What makes a layer another one, where several things do: what tells most. */
export function causeOf(layer: LayerDifference): Cause {
  if (layer.kind === "compression") return "compression";
  if (layer.kind !== "entries") return "unknown";
  return layer.groups[0]?.example.changes[0]?.what ?? "header";
}

/** The same for documents whose layers are the same. */
export function causeOfValues(values: readonly Pick<ValueDifference, "path">[]): Cause {
  if (values.length === 0) return "unknown";
  return values.every(({ path }) => isTime(path)) ? "created" : "config";
}

/** Is it a time that BuildKit writes into the config? */
export function isTime(path: string): boolean {
  return /^(?:history\[\d+\]\.)?created$/.test(path);
}

/** What to do about it, one sentence or two; what the plan does already is not advised. */
export function adviseOn(what: Cause, build: Pick<Build, "args" | "image">): string {
  switch (what) {
    case "mtime":
      return adviseOnTimes(build, "rewritten");
    case "created":
      return adviseOnTimes(build, "told");
    case "content":
      return "Look at what this step writes: times, random values, results of work done in parallel, downloads that change; many tools keep to SOURCE_DATE_EPOCH (`source-date-epoch: commit`).";
    case "presence":
      return "Look at what this step leaves behind: caches, logs, temporary files with random names; remove them in the same step.";
    case "kind":
    case "link":
    case "device":
    case "mode":
    case "owner":
    case "xattrs":
      return "Look at what this step does to the entry: something decides about it that is not the same in each build.";
    case "order":
    case "header":
      return "The same entries were packed in other ways: build both times with the same BuildKit and the same snapshotter.";
    case "config":
      return "Look at what the value is made of: a build argument, or a label that holds a time, makes each build another one.";
    case "compression":
      return 'Build both times with the same BuildKit, and have base layers packed anew as well: `output: ["type=image,compression=gzip,force-compression=true"]`.';
    case "unknown":
      return "Build it once more, and look at the two with `buildx-plan diff`.";
    default:
      return what satisfies never;
  }
}

/** `told`: BuildKit has to know the time; `rewritten`: and has to give it to the files in the layers. */
function adviseOnTimes({ args, image }: Pick<Build, "args" | "image">, need: "told" | "rewritten"): string {
  const hasEpoch = args["SOURCE_DATE_EPOCH"] !== undefined || image["source-date-epoch"] !== undefined;
  const epoch = hasEpoch ? [] : ["`source-date-epoch: commit`"];
  const isRewritten = need === "told" || image["rewrite-timestamp"] === "true";
  const rewrite = isRewritten ? [] : ['`output: ["type=image,rewrite-timestamp=true"]`'];
  const lacking = [...epoch, ...rewrite];
  if (lacking.length > 0)
    return `Give the image ${lacking.join(" and ")} in the plan: times then are that of the commit.`;
  return "Files keep times before SOURCE_DATE_EPOCH: look at the step that sets another one in each build.";
}
