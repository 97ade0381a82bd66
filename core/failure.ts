import type { ToolFailure } from "./buildkit/buildkit.ts";
import type { PlanFailure } from "./plan/plan.ts";
import type { RegistryFailure } from "./registry/registry.ts";
import type { RouteRefused } from "./route/route.ts";

/** Every expected failure of every stage: what cli/describe.ts must have words for. */
export type Failure = PlanFailure | RouteRefused | ToolFailure | RegistryFailure;
