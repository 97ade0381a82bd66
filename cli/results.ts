import type { Destination } from "../core/destination.ts";
import { LAYOUT_SCHEME } from "../core/oci/layout-reference.ts";
import { formatReference, formatRepository } from "../core/oci/reference.ts";
import type { Plan } from "../core/plan/plan.ts";
import { layoutNames } from "../core/publish/layout-release.ts";
import type { RunReport } from "../core/run.ts";

/** What there is now: references, images in a layout, names in Docker's store, or folders. */
export function resultsOf(plan: Plan, report: RunReport, destination: Destination): readonly string[] {
  const built = new Set(
    report.variants.flatMap(({ route, outcome }) => (outcome.kind === "built" ? [route.variant.id] : [])),
  );
  switch (destination.kind) {
    case "registries":
      return referencesOf(plan, report);
    case "layout":
      return report.released.flatMap(({ release, index }) =>
        layoutNames(release, plan.releases).map(
          ({ name }) => `${LAYOUT_SCHEME}${destination.path}:${name}@${index.descriptor.digest}`,
        ),
      );
    case "docker":
      return plan.releases
        .filter(({ variants }) => variants.every(({ id }) => built.has(id)))
        .flatMap(({ tags }) => tags.map(formatReference));
    case "files":
      return plan.releases
        .flatMap(({ variants }) => variants.filter(({ id }) => built.has(id)))
        .flatMap(({ build }) => build.outputs.map(({ dest }) => dest));
    default:
      return destination satisfies never;
  }
}

/** What can be pulled now: each tag with its digest; of a part, which gets no tag, each variant by its digest. */
function referencesOf(plan: Plan, report: RunReport): string[] {
  const tagged = report.released.flatMap(({ tags }) =>
    tags.map(({ tag, digest }) => `${formatReference(tag)}@${digest}`),
  );
  const parts = new Set(plan.releases.filter(({ omitted }) => omitted.length > 0).map(({ name }) => name));
  const pushed = report.variants.flatMap(({ route, outcome }) => {
    if (!parts.has(route.variant.release) || outcome.kind !== "built" || outcome.published === undefined)
      return [];
    const { digest } = outcome.published.manifest;
    return route.variant.build.repositories.map((repository) => `${formatRepository(repository)}@${digest}`);
  });
  return [...tagged, ...pushed];
}
