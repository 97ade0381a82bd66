import type { Value } from "../plan/tree.ts";
import { csvIn, entriesIn, linesIn, splitPair, textIn, textsIn } from "./foreign.ts";
import { metadataTags } from "./metadata-tags.ts";
import { RELEASE } from "./proposal.ts";
import type { FoundImage, FoundRules } from "./proposal.ts";
import { metadataOf } from "./workflow-metadata.ts";
import { resolveText } from "./workflow-scope.ts";
import type { BuildStep, MetadataStep, WorkflowScope } from "./workflow-scope.ts";

/** The tags of an image in the plan's notation, and what of them the plan does not get. */
export interface WorkflowTags {
  readonly tags: FoundImage["tags"];
  readonly leftOut: readonly string[];
}

/**
 * Finds the tags that a build step ends with: its own `tags`, those that docker/metadata-action makes in its job, or, where it pushes by digest
 * alone, those that a later job gives the merged index.
 */
export function imagesOf(step: BuildStep, file: Value): WorkflowTags {
  const jobs = entriesIn(file, "jobs");
  const later = jobs.filter(({ value }) => textsIn(value, "needs").includes(step.job));
  const isPart = /\bpush-by-digest=true\b/.test(textIn(step.with, "outputs") ?? "");
  const merging = isPart ? later.flatMap(({ value }) => metadataOf(file, value)) : [];
  if (merging.length > 0) {
    const { tags, leftOut } = ofMetadata(merging, step.scope);
    return { tags, leftOut: [...leftOut, ...merging.flatMap((each) => annotationsOf(each))] };
  }
  const lines = tagLines(step);
  const made = new Set(
    lines.flatMap((line) => /steps\.([\w-]+)\.outputs\.(?:tags|json)/.exec(line)?.[1] ?? []),
  );
  const metadata = step.metadata.filter(({ id }) => made.has(id));
  const fixed = lines.filter((line) => !/steps\.[\w-]+\.outputs\./.test(line));
  return both(ofMetadata(metadata, step.scope), ofLines(fixed, step.scope));
}

/** Whether the job that merges gives them to the index stands in its script. */
function annotationsOf({ with: inputs }: MetadataStep): readonly string[] {
  return linesIn(inputs, "annotations").map(
    (line) => `\`annotations: ${line}\` of the job that merges: if the index has it, write \`index:${line}\``,
  );
}

function tagLines({ with: inputs }: BuildStep): readonly string[] {
  const listed = linesIn(inputs, "tags").flatMap((line) => (line.includes("${{") ? [line] : line.split(",")));
  const names = /(?:^|,)"?name=([^,"]+)/.exec(textIn(inputs, "outputs") ?? "")?.[1];
  return listed.length > 0 || names === undefined ? listed : [names];
}

function both(one: WorkflowTags, other: WorkflowTags): WorkflowTags {
  return { tags: [...one.tags, ...other.tags], leftOut: [...one.leftOut, ...other.leftOut] };
}

function ofLines(
  lines: readonly string[],
  scope: WorkflowScope,
): { readonly tags: readonly string[]; readonly leftOut: readonly string[] } {
  const read = lines.map((line) => ({ line, tag: resolveText(line.trim(), scope) }));
  return {
    tags: read.flatMap(({ tag }) => tag ?? []),
    leftOut: read.flatMap(({ line, tag }) =>
      tag === undefined ? [`the tag \`${line}\`: known only while the workflow runs`] : [],
    ),
  };
}

function ofMetadata(found: readonly MetadataStep[], scope: WorkflowScope): WorkflowTags {
  return found
    .map(({ with: inputs, env }) => ofRules(inputs, { ...scope, env }))
    .reduce(both, { tags: [], leftOut: [] });
}

function ofRules(inputs: Value | undefined, scope: WorkflowScope): WorkflowTags {
  const named = linesIn(inputs, "images").map((line) => readNames(line));
  const { tags: images, leftOut } = ofLines(
    named.flatMap(({ names }) => names),
    scope,
  );
  const made = metadataTags(linesIn(inputs, "tags"), linesIn(inputs, "flavor"), scope);
  // The action writes names in lower case; those of the plan's variables are.
  const repositories = images.length === 0 ? [undefined] : images.map((image) => image.toLowerCase());
  return {
    tags: repositories.flatMap((image) => tagsFor(image, made.rules)),
    leftOut: [...named.flatMap((each) => each.leftOut ?? []), ...leftOut, ...made.leftOut],
  };
}

/** Where no rule is left, the git tag stays: nothing moves that the workflow would not have moved. */
function tagsFor(image: string | undefined, rules: FoundRules): WorkflowTags["tags"] {
  if (rules.from.length > 0) return [{ ...(image !== undefined && { image }), ...rules }];
  return image === undefined ? [] : [`${image}:${RELEASE}`];
}

/** A line names one image with attributes, or several without. */
function readNames(line: string): { readonly names: readonly string[]; readonly leftOut?: string } {
  const parts = csvIn(line).map((part) => splitPair(part));
  const enable = parts.find(([key]) => key === "enable")?.[1] ?? "true";
  if (enable === "false") return { names: [] };
  if (enable !== "true")
    return { names: [], leftOut: `the image \`${line}\`: whether it counts is decided in the workflow` };
  return {
    names: parts.flatMap(([key, value]) => (value === undefined ? key : key === "name" ? value : [])),
  };
}
