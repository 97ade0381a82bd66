import type { DefaultBranch } from "../../core/ci/default-branch.ts";
import type { LookedAt } from "../../core/init/init-failure.ts";
import type { LeftOut, Source } from "../../core/init/proposal.ts";
import type { Proposal } from "../../core/init/propose.ts";
import { count } from "../text/units.ts";

const NAMES: Readonly<Record<Source, string>> = {
  bake: "bake file",
  workflow: "workflow",
  compose: "Compose file",
  dockerfile: "Dockerfile",
};

/** What was found, and what became of it; then what the plan does not have. */
export function foundLines(lookedAt: readonly LookedAt[], leftOut: readonly LeftOut[]): readonly string[] {
  return [
    ...lookedAt.map((each) => `found ${NAMES[each.source]} ${listed(each.files)}: ${outcome(each)}`),
    ...leftOut.map(({ of, what }) => `left out: ${of}: ${what}`),
  ];
}

/** What became of one source. */
function outcome({ source, images, unusable, after }: LookedAt): string {
  if (images !== undefined)
    return `the plan is made of ${images.images.length === 1 ? "its image" : `its ${images.images.length} images`}`;
  if (after !== undefined)
    return `not looked into, because of the ${NAMES[after]}; --from ${source} takes it`;
  return unusable === undefined ? "builds no image" : `cannot be used: ${unusable}`;
}

const MAX_NAMED = 5;

function listed(files: readonly string[]): string {
  const named = files.slice(0, MAX_NAMED).join(", ");
  return files.length > MAX_NAMED ? `${named} and ${count(files.length - MAX_NAMED, "more file")}` : named;
}

/** A source for machines. */
export function lookedAtJson(each: LookedAt): Readonly<Record<string, unknown>> {
  const { source, files, images, unusable, after } = each;
  return {
    source,
    files,
    used: images !== undefined,
    ...(unusable !== undefined && { unusable }),
    ...(after !== undefined && { after }),
  };
}

const KNOWN: Readonly<Record<DefaultBranch["from"], string>> = {
  origin: "the default branch of origin",
  checkout: "it is checked out; origin does not say which is its default",
  nothing: "a guess, git does not say which is the default branch; change it in the file where it is another",
};

/** The branch that a workflow releases, and how that is known. */
export function branchLine({ name, from }: DefaultBranch): string {
  return `pushes to ${name} are released: ${KNOWN[from]}`;
}

/** What there is to do next. */
export function nextLines({ open, plan }: Proposal, file: string): readonly string[] {
  const option = file === "buildx-plan.yaml" ? "" : ` -f ${file}`;
  return [
    ...open.map(({ name, comment = "" }) => `look at \`vars.${name}\`: ${comment}`),
    `${count(plan.releases.length, "image")}; next: buildx-plan plan${option}`,
  ];
}
