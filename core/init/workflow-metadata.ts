import { child } from "../plan/tree.ts";
import type { Value } from "../plan/tree.ts";
import { itemsIn, linesIn, textIn } from "./foreign.ts";
import type { BuildStep, MetadataStep } from "./workflow-scope.ts";

const METADATA_ACTION = "docker/metadata-action@";

/** The steps of a job that make tags and labels with docker/metadata-action. */
export function metadataOf(file: Value, job: Value | undefined): readonly MetadataStep[] {
  return itemsIn(job, "steps")
    .filter((step) => textIn(step, "uses")?.startsWith(METADATA_ACTION) === true)
    .map((step) => ({
      id: textIn(step, "id") ?? "",
      with: child(step, "with"),
      env: [child(file, "env"), child(job, "env"), child(step, "env")],
    }));
}

type Kind = "labels" | "annotations";

/**
 * The lines of labels or annotations of a build. In the place of what docker/metadata-action makes stands what it is told itself; what it
 * knows of the repository the plan gives without being asked.
 */
export function labelLines(step: BuildStep, kind: Kind): readonly string[] {
  return linesIn(step.with, kind).flatMap((line) => {
    const made = madeBy(line, step);
    return made === undefined ? [line] : ownLines(made, kind).filter((each) => !hasTemplate(each));
  });
}

/** Lines of labels and annotations that a plan does not get: it has no `{{...}}` there. */
export function templateLines(step: BuildStep, kind: Kind): readonly string[] {
  const made = linesIn(step.with, kind).flatMap((line) => madeBy(line, step) ?? []);
  return made.flatMap((each) => ownLines(each, kind)).filter(hasTemplate);
}

function madeBy(line: string, { metadata }: BuildStep): MetadataStep | undefined {
  const id = /^\$\{\{\s*steps\.([\w-]+)\.outputs\.(?:labels|annotations)\s*\}\}$/.exec(line)?.[1];
  return metadata.find((each) => each.id === id);
}

function ownLines({ with: inputs, env }: MetadataStep, kind: Kind): readonly string[] {
  const levels = env.map((each) => textIn(each, "DOCKER_METADATA_ANNOTATIONS_LEVELS")).findLast(Boolean);
  const before = kind === "labels" || levels === undefined ? "" : `${levels}:`;
  return linesIn(inputs, kind).map((line) => `${before}${line}`);
}

function hasTemplate(line: string): boolean {
  return /(?<!\$)\{\{/.test(line);
}
