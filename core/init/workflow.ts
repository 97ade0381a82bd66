import { posix } from "node:path";
import { child } from "../plan/tree.ts";
import type { Value } from "../plan/tree.ts";
import { entriesIn, itemsIn, linesIn, linesOf, textIn, textsIn } from "./foreign.ts";
import { metadataOf } from "./workflow-metadata.ts";
import { buildOf, leftOutOf } from "./workflow-build.ts";
import { imagesOf } from "./workflow-images.ts";
import { cellsOf, resolveText } from "./workflow-scope.ts";
import type { BuildStep } from "./workflow-scope.ts";
import type { FoundImage, FoundPlan, LeftOut, PlanValue, ProposedVariable } from "./proposal.ts";

const BUILD_ACTION = "docker/build-push-action@";

/** Makes images of the steps of a GitHub workflow that build some with docker/build-push-action. */
export function readWorkflow(file: Value, path: string): FoundPlan {
  const variables = new Map<string, ProposedVariable>();
  const steps = entriesIn(file, "jobs").flatMap(({ key, value }) => stepsOf(file, key, value, variables));
  const builds = steps.filter((step) => pushes(step));
  const leftOut: LeftOut[] = builds.flatMap((step) => leftOutOf(step, path));
  const images = builds.map((step) => {
    const named = imagesOf(step, file);
    leftOut.push(...named.leftOut.map((what) => ({ of: path, what })));
    return imageOf(step, named.tags);
  });
  const runners = runnersOf(file, builds);
  const unique = [...new Map(leftOut.map((each) => [`${each.of}:${each.what}`, each])).values()];
  return { source: "workflow", files: [path], images: merged(images), variables, runners, leftOut: unique };
}

function stepsOf(
  file: Value,
  job: string,
  value: Value,
  variables: Map<string, ProposedVariable>,
): readonly BuildStep[] {
  const steps = itemsIn(value, "steps").filter(
    (step) => textIn(step, "uses")?.startsWith(BUILD_ACTION) === true,
  );
  if (steps.length === 0) return [];
  const cells = cellsOf(child(child(value, "strategy"), "matrix"));
  const metadata = metadataOf(file, value);
  return cells.flatMap((cell) =>
    steps.map((step) => {
      const env = [child(file, "env"), child(value, "env"), child(step, "env")];
      return { job, with: child(step, "with"), scope: { env, cell, variables }, metadata };
    }),
  );
}

/** Steps that only try a build are no release. */
function pushes(step: BuildStep): boolean {
  const isOff = ["", "false"].includes(textIn(step.with, "push") ?? "");
  return !isOff || /\b(?:push=true|type=registry)\b/.test(textIn(step.with, "outputs") ?? "");
}

function imageOf(step: BuildStep, tags: FoundImage["tags"]): FoundImage {
  const platforms = linesIn(step.with, "platforms")
    .flatMap((line) => line.split(","))
    .flatMap((each) => resolveText(each.trim(), step.scope) ?? [])
    .filter((each) => each !== "");
  return { name: nameOf(tags, step), build: buildOf(step), platforms, tags };
}

/** The last part of the repository, the folder that is built, or the job. */
function nameOf([first = ""]: FoundImage["tags"], step: BuildStep): string {
  const repository = typeof first === "string" ? first.replace(/:[^/]*$/, "") : (first.image ?? "");
  const last = posix.basename(repository);
  if (/^[A-Za-z0-9][\w.-]*$/.test(last)) return last;
  const folder = posix.basename(textIn(step.with, "context") ?? ".");
  return /^[A-Za-z0-9][\w.-]*$/.test(folder) ? folder : step.job;
}

/** Builds that differ in nothing but the platform are one image: a matrix over platforms makes a step for each. */
function merged(images: readonly FoundImage[]): readonly FoundImage[] {
  const groups = new Map<string, FoundImage>();
  for (const image of images) {
    const key = JSON.stringify({ ...image, platforms: [] });
    const before = groups.get(key);
    const platforms = [...new Set([...(before?.platforms ?? []), ...image.platforms])];
    groups.set(key, { ...image, platforms });
  }
  return [...groups.values()];
}

/** Which runner builds which platform, where the cells of a matrix have runners of their own. */
function runnersOf(file: Value, builds: readonly BuildStep[]): ReadonlyMap<string, PlanValue> {
  const found = new Map<string, PlanValue>();
  for (const step of builds) {
    const job = child(child(file, "jobs"), step.job);
    const labels = textsIn(job, "runs-on").map((label) => resolveText(label, step.scope));
    const platform = resolveText(linesOf(textIn(step.with, "platforms") ?? "")[0] ?? "", step.scope);
    const isSingle = platform !== undefined && platform !== "" && !platform.includes(",");
    const known = labels.flatMap((label) => label ?? []);
    if (!isSingle || known.length === 0 || known.length < labels.length) continue;
    found.set(platform, known.length === 1 ? (known[0] ?? "") : known);
  }
  const distinct = new Set([...found.values()].map((labels) => JSON.stringify(labels)));
  return distinct.size > 1 ? found : new Map();
}
