import type { PlannedRelease } from "../../core/plan/plan.ts";

/** A release named `app` with nothing in it; a test changes what it is about. */
export function plannedRelease(changes: Partial<PlannedRelease> = {}): PlannedRelease {
  return {
    name: "app",
    image: "app",
    cell: {},
    variants: [],
    omitted: [],
    tags: [],
    repositories: [],
    mediaTypes: "oci",
    attestations: "keep",
    verify: { content: "error", ignore: [] },
    indexAnnotations: {},
    location: { file: { path: "buildx-plan.yaml", text: "" }, range: { start: 0, end: 0 } },
    ...changes,
  };
}
