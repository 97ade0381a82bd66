import { setImmediate } from "node:timers/promises";
import type { BuildKit, Node } from "../core/buildkit/buildkit.ts";
import { connectBuilders, isAddress, type Connected } from "../core/buildkit/connect.ts";
import type { LostNode } from "../core/buildkit/lost.ts";
import type { Failure } from "../core/failure.ts";
import { loadPlan } from "../core/plan/load.ts";
import { withRegistries } from "../core/buildkit/registry-access.ts";
import type { LoadOptions, Plan, Variant } from "../core/plan/plan.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { withLost } from "../core/route/lost.ts";
import { routeVariants, type Route, type RouteOptions, type RouteRefused } from "../core/route/route.ts";
import { reportLost } from "./report.ts";
import type { Shell } from "./shell.ts";
import { BUILDX, findTools } from "./tools.ts";

/** Options of every command that reads a plan. */
export interface PlanSelection {
  readonly file: string;
  readonly set: readonly string[];
  readonly image: readonly string[];
  readonly only: readonly string[];
  readonly builder?: string;
  readonly json?: boolean;
}

/** A plan whose variants all have a place to be built: what `plan` shows and `build` carries out. */
export interface Session {
  readonly plan: Plan;
  readonly routes: readonly Route[];
  /** Optional variants that no node may build. */
  readonly refused: readonly RouteRefused[];
  /** Nodes that could not be reached; they have been told. */
  readonly lost: readonly LostNode[];
  readonly buildkit: BuildKit;
}

/** What a command changes of a plan before it is routed, and which of its variants it does not want built. */
export interface SessionChanges {
  readonly change?: (plan: Plan) => Result<Plan, Failure>;
  readonly isJoined?: (variant: Variant) => boolean;
}

/** Load, expand, route: the first three arrows, the same for `plan` and `build`. */
export async function openSession(
  selection: PlanSelection,
  shell: Shell,
  { change = ok, isJoined = () => false }: SessionChanges = {},
): Promise<Result<Session, readonly Failure[]>> {
  const asked = askEarly(selection, shell);
  // The question leaves in this turn; what follows keeps the processor busy for a while.
  if (asked !== undefined) await setImmediate();
  const read = await readPlan(selection, shell);
  const plan = read.ok ? changed(read.value, change) : read;
  if (!plan.ok) {
    await asked?.drop();
    return plan;
  }
  const opening = asked?.buildkit ?? openBuilders(plan.value, selection, shell);
  const [opened, options] = await Promise.all([opening, routeOptions(plan.value, shell)]);
  if (!opened.ok) return opened;
  const { lost } = opened.value;
  await reportLost(lost, shell);
  const buildkit = withRegistries(opened.value, plan.value.registries);
  const toBuild = variantsOf(plan.value).filter((variant) => !isJoined(variant));
  const routed = routeWhatMustBe(toBuild, buildkit.nodes, options);
  if (!routed.ok) {
    await buildkit.close();
    return fail(withLost(routed.error, lost));
  }
  const { routes, refused } = routed.value;
  return ok({ plan: plan.value, routes, refused: withLost(refused, lost), lost, buildkit });
}

/** A plan, and where its variants would be built as far as that can be told. */
export interface Outlook {
  readonly plan: Plan;
  readonly routes: readonly Route[];
  /** Variants that no node may build, optional ones or not. */
  readonly refused: readonly RouteRefused[];
  /** Nodes that could not be reached, though others were; they have been told. */
  readonly lost: readonly LostNode[];
  readonly buildkit?: BuildKit;
  /** Why no builder could be asked. */
  readonly unreached: readonly Failure[];
}

/** Like {@link openSession}, but what is wrong with builders stops nothing: `check` looks at the rest. `isOffline`: none is asked. */
export async function openOutlook(
  selection: PlanSelection,
  shell: Shell,
  { isOffline }: { readonly isOffline: boolean },
): Promise<Result<Outlook, readonly Failure[]>> {
  const read = await readPlan(selection, shell);
  if (!read.ok) return read;
  const plan = read.value;
  const nowhere = { plan, routes: [], refused: [], lost: [] };
  if (isOffline) return ok({ ...nowhere, unreached: [] });
  const opened = await openBuilders(plan, selection, shell);
  if (!opened.ok) return ok({ ...nowhere, unreached: opened.error });
  const { lost } = opened.value;
  await reportLost(lost, shell);
  const buildkit = withRegistries(opened.value, plan.registries);
  const routed = variantsOf(plan).map((variant) => routeVariants([variant], buildkit.nodes));
  return ok({
    plan,
    routes: routed.flatMap((each) => (each.ok ? each.value : [])),
    refused: withLost(
      routed.flatMap((each) => (each.ok ? [] : each.error)),
      lost,
    ),
    lost,
    buildkit,
    unreached: [],
  });
}

function changed(
  plan: Plan,
  change: NonNullable<SessionChanges["change"]>,
): Result<Plan, readonly Failure[]> {
  const result = change(plan);
  return result.ok ? result : fail([result.error]);
}

/** What decides besides variants and nodes. It is read while the builders are asked. */
async function routeOptions(plan: Plan, shell: Shell): Promise<RouteOptions> {
  // Imported late: the builders' question is on its way then.
  const { readDurations } = await import("./history.ts");
  const { maxParallelism } = plan;
  return {
    durations: await readDurations(plan, shell),
    ...(maxParallelism === undefined ? {} : { maxParallelism }),
  };
}

/** An optional variant that has no place is left out; anything else that has none refuses the whole plan. */
function routeWhatMustBe(
  variants: readonly Variant[],
  nodes: readonly Node[],
  options: RouteOptions,
): Result<Pick<Session, "routes" | "refused">, readonly RouteRefused[]> {
  const all = routeVariants(variants, nodes, options);
  if (all.ok) return ok({ routes: all.value, refused: [] });
  if (all.error.some(({ variant }) => variant.required)) return all;
  const left = new Set(all.error.map(({ variant }) => variant.id));
  const rest = routeVariants(
    variants.filter(({ id }) => !left.has(id)),
    nodes,
    options,
  );
  return rest.ok ? ok({ routes: rest.value, refused: all.error }) : rest;
}

/** Reads the plan that the command line names. */
export async function readPlan(
  selection: PlanSelection & Pick<LoadOptions, "lacksSecrets">,
  shell: Shell,
): Promise<Result<Plan, readonly Failure[]>> {
  const plan = await loadPlan({
    path: selection.file,
    cwd: shell.cwd,
    stdin: shell.stdin,
    env: shell.env,
    set: selection.set,
    images: selection.image,
    only: selection.only,
    ...(selection.lacksSecrets && { lacksSecrets: true }),
    run: { id: String(shell.now()) },
    now: shell.now(),
  });
  return plan.ok ? plan : fail([plan.error]);
}

/** All variants of a plan, in its order. */
export function variantsOf(plan: Plan): readonly Variant[] {
  return plan.releases.flatMap(({ variants }) => variants);
}

type Opened = Promise<Result<Connected, readonly Failure[]>>;

/** Asks a BuildKit that the command line gives the address of, while the plan is read; all other choices may need the plan. */
function askEarly(
  selection: PlanSelection,
  shell: Shell,
): { readonly buildkit: Opened; readonly drop: () => Promise<void> } | undefined {
  if (selection.builder === undefined || !isAddress(selection.builder)) return undefined;
  const unwanted = new AbortController();
  const signal = AbortSignal.any([shell.signal, unwanted.signal]);
  const buildkit = openBuilders({ builders: [], registries: [] }, selection, { ...shell, signal });
  return {
    buildkit,
    drop: async () => {
      unwanted.abort();
      const opened = await buildkit;
      if (opened.ok) await opened.value.close();
    },
  };
}

async function openBuilders(
  { builders, registries }: Pick<Plan, "builders" | "registries">,
  selection: PlanSelection,
  shell: Shell,
): Opened {
  const tools = await findTools(shell);
  if (!tools.ok) return fail([tools.error]);
  return await connectBuilders({
    builders,
    ...(selection.builder === undefined ? {} : { chosen: selection.builder }),
    reach: { buildctl: tools.value.buildctl, buildx: BUILDX, env: shell.env, signal: shell.signal },
    startManaged: async () => {
      // Imported late: all other builders are reached without it.
      const { managedAddress } = await import("./managed.ts");
      return await managedAddress(shell, tools.value, registries);
    },
  });
}
