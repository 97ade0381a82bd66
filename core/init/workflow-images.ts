import { child } from "../plan/tree.ts";
import type { Entry, Value } from "../plan/tree.ts";
import { entriesIn, itemsIn, linesIn, textIn, textsIn } from "./foreign.ts";
import { metadataTags } from "./metadata-tags.ts";
import { resolveText } from "./workflow-scope.ts";
import type { BuildStep, WorkflowScope } from "./workflow-scope.ts";

/** The tags of an image in the plan's notation, and what of them the plan does not get. */
export interface WorkflowTags {
  readonly tags: readonly string[];
  readonly leftOut: readonly string[];
}

const METADATA_ACTION = "docker/metadata-action@";

/**
 * Finds the tags that a build step ends with: its own `tags`, those that docker/metadata-action makes in its job, or, where it pushes by digest
 * alone, those that a later job gives the merged index.
 */
export function imagesOf(step: BuildStep, file: Value): WorkflowTags {
  const jobs = entriesIn(file, "jobs");
  const own = jobs.find(({ key }) => key === step.job);
  const later = jobs.filter(({ value }) => textsIn(value, "needs").includes(step.job));
  const isPart = /\bpush-by-digest=true\b/.test(textIn(step.with, "outputs") ?? "");
  const merging = isPart ? later.flatMap((job) => metadataOf(job)) : [];
  if (merging.length > 0) return ofMetadata(merging, step.scope, file);
  const lines = tagLines(step);
  const made = new Set(
    lines.flatMap((line) => /steps\.([\w-]+)\.outputs\.(?:tags|json)/.exec(line)?.[1] ?? []),
  );
  const metadata = own === undefined ? [] : metadataOf(own).filter(({ id }) => made.has(id));
  const fixed = lines.filter((line) => !/steps\.[\w-]+\.outputs\./.test(line));
  return both(ofMetadata(metadata, step.scope, file), ofLines(fixed, step.scope));
}

function tagLines({ with: inputs }: BuildStep): readonly string[] {
  const listed = linesIn(inputs, "tags").flatMap((line) => (line.includes("${{") ? [line] : line.split(",")));
  const names = /(?:^|,)"?name=([^,"]+)/.exec(textIn(inputs, "outputs") ?? "")?.[1];
  return listed.length > 0 || names === undefined ? listed : [names];
}

function both(one: WorkflowTags, other: WorkflowTags): WorkflowTags {
  return { tags: [...one.tags, ...other.tags], leftOut: [...one.leftOut, ...other.leftOut] };
}

function ofLines(lines: readonly string[], scope: WorkflowScope): WorkflowTags {
  const read = lines.map((line) => ({ line, tag: resolveText(line.trim(), scope) }));
  return {
    tags: read.flatMap(({ tag }) => tag ?? []),
    leftOut: read.flatMap(({ line, tag }) =>
      tag === undefined ? [`the tag \`${line}\`: known only while the workflow runs`] : [],
    ),
  };
}

interface Metadata {
  readonly id: string;
  readonly job: Value;
  readonly step: Value;
}

function metadataOf({ value: job }: Entry): readonly Metadata[] {
  return itemsIn(job, "steps")
    .filter((step) => textIn(step, "uses")?.startsWith(METADATA_ACTION) === true)
    .map((step) => ({ id: textIn(step, "id") ?? "", job, step }));
}

function ofMetadata(found: readonly Metadata[], scope: WorkflowScope, file: Value): WorkflowTags {
  return found
    .map(({ job, step }) => {
      const env = [child(file, "env"), child(job, "env"), child(step, "env")];
      return ofRules(child(step, "with"), { ...scope, env });
    })
    .reduce(both, { tags: [], leftOut: [] });
}

function ofRules(inputs: Value | undefined, scope: WorkflowScope): WorkflowTags {
  const names = linesIn(inputs, "images").map(
    (line) =>
      line
        .split(",")[0]
        ?.replace(/^name=/, "")
        .trim() ?? "",
  );
  const images = ofLines(names, scope);
  // What cannot be resolved keeps its braces, by which it is known.
  const rules = linesIn(inputs, "tags").map((line) => resolveText(line, scope) ?? line);
  const { tags, leftOut } = metadataTags(rules, linesIn(inputs, "flavor"));
  return {
    tags: images.tags.flatMap((image) =>
      tags.length === 0 ? [image] : tags.map((tag) => `${image}:${tag}`),
    ),
    leftOut: [...images.leftOut, ...leftOut],
  };
}
