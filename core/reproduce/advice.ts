import type { Build } from "../plan/plan.ts";
import type { EntryChange, ImageDifference } from "./difference.ts";

/** What a difference comes from, as far as it can be told: the way in which the first entry differs, or the kind of value. */
export type Cause =
  | EntryChange["what"]
  /** Times in the config. */
  | "created"
  | "config"
  | "compression"
  | "unknown";

/** The one that is to be mended first. */
export function cause({ layers, config, manifest }: ImageDifference): Cause {
  if (layers?.kind === "compression") return "compression";
  if (layers?.kind === "entries") return layers.groups[0]?.example.changes[0]?.what ?? "header";
  if (layers !== undefined) return "unknown";
  if (config.length === 0) return manifest.length === 0 ? "unknown" : "config";
  return config.every(({ path }) => TIMES.test(path)) ? "created" : "config";
}

const TIMES = /^(?:history\[\d+\]\.)?created$/;

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
