import type { StagingTag } from "../../core/images/gc-staging.ts";
import type { GcReport } from "../../core/images/gc.ts";
import { isStagingTag } from "../../core/staging/tag.ts";
import { visible } from "../text/safe.ts";
import { count, formatAge, formatBytes } from "../text/units.ts";

/** What was found, and what could not be known, for people: the lines beside the answer of `gc`. */
export function gcLines(report: GcReport, place: { readonly isLayout: boolean }): readonly string[] {
  const { unreachable, kept, absent, missing, roots, manifests } = report;
  const bytes = unreachable.reduce((sum, { size }) => sum + size, 0);
  const lists = unreachable.filter(({ tag }) => tag !== undefined);
  const gone = [...roots].filter(([, digest]) => digest === undefined);
  const what = place.isLayout ? "blob" : "manifest";
  return [
    `${count(unreachable.length, what)} (${formatBytes(bytes)}) that nothing reaches; followed ${count(manifests, "manifest")} from ${count(roots.size, "name")}`,
    ...lists.map(
      ({ digest, tag }) =>
        `${digest} is ${visible(tag ?? "")}, a list of what refers to a manifest that is gone`,
    ),
    ...(place.isLayout
      ? []
      : kept.map(({ digest, via }) => `kept: ${digest}, which ${visible(via)} leads to`)),
    ...absent.map((digest) => `not there: ${digest}`),
    ...missing.map(({ digest, via }) => `missing: ${digest}, which ${visible(via)} names`),
    ...(place.isLayout ? [] : gone.map(([name]) => `missing: what the tag ${visible(name)} names`)),
    ...unknowns(place).map((sentence) => `not known: ${sentence}`),
  ];
}

/** What is staged in a repository, the oldest first; where nobody asked for a list, only that there is something. */
export function stagingLines(
  { roots, unreachable }: Pick<GcReport, "roots" | "unreachable">,
  { staging, nowMs }: { readonly staging: readonly StagingTag[] | undefined; readonly nowMs: number },
): readonly string[] {
  if (staging === undefined) {
    const tags = [...roots.keys()].filter(isStagingTag).length;
    return tags === 0
      ? []
      : [`${count(tags, "staging tag")} of unfinished releases among the names: --staging tells more`];
  }
  const going = new Set(unreachable.map(({ digest }) => digest));
  const lines = staging.map((each) => {
    const { tag, digest, isForeign } = each;
    const what = isForeign ? "not one of buildx-plan's" : stagedWords(each, nowMs);
    return `${going.has(digest) ? "goes" : "stays"}: ${visible(tag)}, ${what}`;
  });
  return [count(staging.length, "staging tag"), ...lines];
}

function stagedWords({ variant, node, stagedAtMs, slots }: StagingTag, nowMs: number): string {
  const age = stagedAtMs === undefined ? "of unknown age" : `staged ${formatAge(nowMs - stagedAtMs)} ago`;
  const from = node === undefined ? "" : ` on ${visible(node)}`;
  const others = slots > 1 ? `, beside ${count(slots - 1, "older slot")}` : "";
  return `${visible(variant ?? "an unknown variant")}, ${age}${from}${others}`;
}

/** What no answer of a registry tells. */
export function unknowns({ isLayout }: { readonly isLayout: boolean }): readonly string[] {
  if (isLayout) return [];
  return [
    "manifests without a tag that were not given as candidates; registries do not list them",
    "whether anybody pulls one of these by its digest, from a deployment for instance",
  ];
}
