import { basename } from "node:path";
import { readDocument } from "../plan/document.ts";
import { loadPlan } from "../plan/load.ts";
import type { Plan, PlanFailure } from "../plan/plan.ts";
import { gatherProblems } from "../plan/problems.ts";
import type { Diagnostic } from "../plan/source.ts";
import { locate } from "../plan/tree.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import type { BakeQuestion } from "./ask-bake.ts";
import { draftPlan } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { lookInto } from "./folder.ts";
import type { InitFailure, LookedAt } from "./init-failure.ts";
import { planText } from "./plan-text.ts";
import type { FoundPlan, LeftOut, ProposedVariable, Source } from "./proposal.ts";
import { filesOf, readSource } from "./sources.ts";

/** Where a plan is made, and of what. */
export interface ProposeOptions extends Pick<BakeQuestion, "directory" | "env" | "signal" | "onCommand"> {
  /** This source only; without it the first that has an image. */
  readonly from?: Source;
}

/** A plan that our own loader takes, and how it came about. */
export interface Proposal {
  readonly text: string;
  readonly plan: Plan;
  readonly source: Source;
  /** All that was there, in the order in which it counts. */
  readonly lookedAt: readonly LookedAt[];
  readonly leftOut: readonly LeftOut[];
  /** Variables that a person has to look at. */
  readonly open: readonly (ProposedVariable & { readonly name: string })[];
}

/** In which order sources count: what says most of a build comes first. */
const ORDER: readonly Source[] = ["bake", "workflow", "compose", "dockerfile"];

/** Proposes a plan from what a folder has. Nothing in it is run, and nothing is asked but what bake files mean. */
export async function proposePlan(options: ProposeOptions): Promise<Result<Proposal, InitFailure>> {
  const { directory, from } = options;
  const files = await lookInto(directory);
  const lookedAt: LookedAt[] = [];
  for (const source of ORDER) {
    const own = filesOf(files, source);
    if (own.length === 0 || (from !== undefined && source !== from)) continue;
    const used = lookedAt.find(({ images }) => images !== undefined);
    if (used !== undefined) lookedAt.push({ source, files: own, after: used.source });
    else lookedAt.push(...(await lookAt(source, own, options)));
  }
  const chosen = lookedAt.find(({ images }) => images !== undefined);
  return chosen?.images === undefined
    ? fail({ kind: "init-nothing-found", directory, ...(from && { from }), lookedAt })
    : await propose(chosen.images, lookedAt, options);
}

async function lookAt(
  source: Source,
  files: readonly string[],
  options: ProposeOptions,
): Promise<readonly LookedAt[]> {
  const read = await readSource(source, files, { ...options, folder: basename(options.directory) });
  return read.map(({ files, found }): LookedAt => {
    if (!found.ok) return { source, files, unusable: found.error };
    return found.value.images.length === 0 ? { source, files } : { source, files, images: found.value };
  });
}

/** Images that the loader refuses are left out, until it takes the rest. */
async function propose(
  found: FoundPlan,
  lookedAt: readonly LookedAt[],
  options: ProposeOptions,
): Promise<Result<Proposal, InitFailure>> {
  const { files, images, leftOut, source } = found;
  const unusable = (reasons: readonly string[]) =>
    fail<InitFailure>({ kind: "init-unusable", source, files, reasons });
  if (images.length === 0) return unusable(leftOut.map(({ of, what }) => `${of}: ${what}`));
  const draft = draftPlan(found);
  const text = planText(draft, files, leftOut);
  const loaded = await load(text, options);
  if (loaded.ok)
    return ok({ text, plan: loaded.value, source, lookedAt, leftOut, open: openVariables(draft) });
  const wrong = wrongImages(text, loaded.error);
  const gone = draft.images.map(({ name }) => wrong.get(name));
  if (gone.every((message) => message === undefined)) return unusable(reasonsOf(loaded.error));
  const rest = images.filter((_, index) => gone[index] === undefined);
  return await propose(
    { ...found, images: rest, leftOut: [...leftOut, ...namesOf(images, gone)] },
    lookedAt,
    options,
  );
}

function openVariables({ variables }: Draft): Proposal["open"] {
  return [...variables].flatMap(([name, variable]) =>
    variable.comment !== undefined && name !== "release" ? [{ ...variable, name }] : [],
  );
}

function namesOf(images: FoundPlan["images"], gone: readonly (string | undefined)[]): readonly LeftOut[] {
  return images.flatMap(({ name }, index) => {
    const message = gone[index];
    return message === undefined ? [] : [{ of: name, what: `the image: ${message}` }];
  });
}

async function load(text: string, { directory, env }: ProposeOptions): Promise<Result<Plan, PlanFailure>> {
  return await loadPlan({
    path: "-",
    cwd: directory,
    stdin: () => Promise.resolve(text),
    env,
    set: [],
    images: [],
    only: [],
    run: { id: "0" },
  });
}

function errorsOf(failure: PlanFailure): readonly Diagnostic[] {
  const all = failure.kind === "plan-invalid" ? failure.diagnostics : [];
  return all.filter(({ severity }) => severity === "error");
}

function reasonsOf(failure: PlanFailure): readonly string[] {
  const errors = errorsOf(failure).map(({ message }) => message);
  return errors.length > 0 ? errors : [failure.kind];
}

/** The images in whose lines the errors are, with the first of each. */
function wrongImages(text: string, failure: PlanFailure): ReadonlyMap<string, string> {
  const document = readDocument({ path: "", text }, gatherProblems({ path: "", text }));
  const images = document && locate(document, ["images"]).found.value;
  const wrong = new Map<string, string>();
  for (const { message, location } of errorsOf(failure).toReversed()) {
    const at = location.range.start;
    const owner = (images?.kind === "map" ? images.entries : []).find(
      ({ keyRange, value }) => keyRange.start <= at && at < Math.max(value.range.end, keyRange.end),
    );
    if (owner !== undefined) wrong.set(owner.key, message);
  }
  return wrong;
}
