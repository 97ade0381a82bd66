import type { Failure } from "../../core/failure.ts";
import { keptBackCaches, redirect } from "../../core/destination.ts";
import type { Plan } from "../../core/plan/plan.ts";
import { selectReleases } from "../../core/plan/select.ts";
import { refuseUntagged } from "../../core/plan/untagged.ts";
import { ok } from "../../core/result.ts";
import { carryOut, type CarryOutOptions } from "../carry-out.ts";
import { hostPlatform } from "../host-platform.ts";
import { withJoined } from "../joined.ts";
import { reportFailures, reportKeptBack } from "../report.ts";
import { reportRefusal } from "../report-to-ci.ts";
import { openSession, type PlanSelection, type SessionChanges } from "../session.ts";
import type { Shell } from "../shell.ts";
import { destinationOf, type DestinationOptions } from "../target.ts";

export interface BuildOptions
  extends PlanSelection, DestinationOptions, Omit<CarryOutOptions, "destination"> {
  readonly failFast?: boolean;
  readonly strict?: boolean;
}

/** `build`: everything that `plan` does, then solve, confirm, stitch and release. */
export async function runBuild(options: BuildOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const destination = destinationOf(options, shell);
  if (!destination.ok) return await reportFailures([destination.error], shell, { json });
  if (options.append === true && options.only.length === 0)
    return await reportFailures([nothingNew()], shell, { json });
  const append = appending(options);
  let caches: readonly string[] = [];
  const session = await openSession(append.selection, shell, {
    change: (plan) => {
      const told = asToldBy(options, plan);
      if (destination.value.kind !== "registries") caches = keptBackCaches(told);
      const going =
        destination.value.kind === "registries"
          ? refuseUntagged(told)
          : redirect(told, destination.value, hostPlatform());
      return going.ok ? append.change(going.value) : going;
    },
    isJoined: append.isJoined,
  });
  if (!session.ok) return await reportRefusal(session.error, options, shell);
  if (options.quiet !== true) reportKeptBack(caches, shell);
  try {
    const work = withJoined(session.value, append.isJoined);
    return await carryOut(work, { ...options, destination: destination.value }, shell);
  } finally {
    await session.value.buildkit.close();
  }
}

function nothingNew(): Failure {
  return {
    kind: "override-invalid",
    option: "--append",
    value: "",
    detail: "it needs to be told what is new",
    hint: "Name the platforms to build: --only linux/riscv64 --append",
  };
}

interface Appending extends Required<SessionChanges> {
  readonly selection: PlanSelection;
}

/** With `--append`, what `--only` leaves out stays in the release: as it is staged, or as the tag has it. */
function appending(options: BuildOptions): Appending {
  if (options.append !== true) return { selection: options, change: ok, isJoined: () => false };
  const built = new Set<string>();
  return {
    selection: { ...options, only: [] },
    change: (plan) => {
      const selected = selectReleases(plan.releases, { images: [], only: options.only });
      if (!selected.ok) return selected;
      for (const { variants } of selected.value) for (const { id } of variants) built.add(id);
      return ok(plan);
    },
    isJoined: ({ id }) => !built.has(id),
  };
}

/** What the command line says of failures, as if the plan said so. */
function asToldBy({ failFast, strict }: BuildOptions, plan: Plan): Plan {
  const releases =
    strict === true
      ? plan.releases.map((release) => ({
          ...release,
          variants: release.variants.map((variant) => ({ ...variant, required: true })),
        }))
      : plan.releases;
  return { ...plan, releases, ...(failFast === true ? { failFast } : {}) };
}
