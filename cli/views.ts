import { basename } from "node:path";
import { BINFMT_FOLDER, readBinfmt } from "../core/host/binfmt.ts";
import { formatReference } from "../core/oci/reference.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { TagOutcome } from "../core/publish/release.ts";
import type { Route } from "../core/route/route.ts";
import type { RunReport, VariantReport } from "../core/run.ts";
import { emulates } from "../platforms/emulation.ts";
import { formatPlatformFull } from "../platforms/platform.ts";
import { followed } from "./emulator.ts";
import type { PlanRow, PlanView } from "./render/plan-table.ts";
import type { ReleaseRow, ReleaseView, TagRow } from "./render/release-table.ts";

/** What `plan` shows: every release with its routed variants. Reads binfmt_misc to name the emulators of this kernel. */
export function planView(plan: Plan, routes: readonly Route[]): PlanView[] {
  const emulators = emulatorNames(routes);
  const rows = new Map(routes.map((route) => [route.variant.id, planRow(route, emulators)]));
  return plan.releases.map(({ name, tags, variants }) => ({
    name,
    tags: tags.map(formatReference),
    variants: variants.map(({ id }) => rows.get(id)).filter((row) => row !== undefined),
  }));
}

function planRow(
  { variant, node, execution, expected }: Route,
  emulators: ReadonlyMap<string, string>,
): PlanRow {
  const platform = formatPlatformFull(variant.platform);
  const emulator = execution === "emulated" && node.local ? emulators.get(platform) : undefined;
  return {
    platform,
    node: node.name,
    execution,
    ...(emulator === undefined ? {} : { emulator }),
    ...(variant.required ? {} : { optional: true }),
    ...(expected === undefined ? {} : { expected }),
  };
}

/** Names of the interpreters that this kernel would use, by platform; another machine's cannot be seen from here. */
function emulatorNames(routes: readonly Route[]): ReadonlyMap<string, string> {
  const here = routes.filter(({ execution, node }) => execution === "emulated" && node.local);
  if (here.length === 0) return new Map();
  const entries = readBinfmt(BINFMT_FOLDER).entries.filter(({ enabled }) => enabled);
  const platforms = new Map(
    here.map(({ variant: { platform } }) => [formatPlatformFull(platform), platform]),
  );
  return new Map(
    [...platforms].flatMap(([name, platform]) => {
      const entry = entries.find((each) => emulates(each, platform));
      return entry === undefined ? [] : [[name, basename(followed(entry.interpreter))] as const];
    }),
  );
}

/** What `build` shows at its end: every variant as it came out, and what was released. */
export function releaseViews(plan: Plan, report: RunReport): ReleaseView[] {
  const released = new Map(report.released.map((each) => [each.release.name, each]));
  return plan.releases.map(({ name }) => {
    const index = released.get(name)?.index.descriptor.digest;
    return {
      name,
      variants: report.variants.filter(({ route }) => route.variant.release === name).map(releaseRow),
      tags: (released.get(name)?.tags ?? []).map(tagRow),
      ...(index === undefined ? {} : { index }),
    };
  });
}

function tagRow({ tag, state, digest }: TagOutcome): TagRow {
  return { tag: formatReference(tag), state, digest };
}

function releaseRow({ route, outcome }: VariantReport): ReleaseRow {
  const published = outcome.kind === "built" ? outcome.published : undefined;
  return {
    platform: formatPlatformFull(route.variant.platform),
    node: route.node.name,
    state: outcome.kind,
    durationMs: outcome.durationMs,
    execution: route.execution,
    ...(published === undefined ? {} : { digest: published.manifest.digest }),
    ...(published?.size === undefined ? {} : { size: published.size }),
    ...(outcome.kind === "built" ? { cache: outcome.cache } : {}),
    ...(outcome.kind === "built" && outcome.takenFrom !== undefined ? { takenFrom: outcome.takenFrom } : {}),
  };
}
