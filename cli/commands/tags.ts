import { formatReference } from "../../core/oci/reference.ts";
import type { TagOrigin } from "../../core/plan/origins.ts";
import type { Plan } from "../../core/plan/plan.ts";
import { diagnosticJson } from "../describe/json.ts";
import { positionOf } from "../describe/source-frame.ts";
import { tagsTable } from "../render/tags-table.ts";
import { printJson, reportFailures, reportWarnings, widthOf } from "../report.ts";
import { readPlan, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";
import { tagsView, type TextPlace, type TextView } from "../tag-views.ts";

export type TagsOptions = Omit<PlanSelection, "only" | "builder">;

/** `tags`: what tags, labels and annotations a plan resolves to here, and why. Neither a builder nor a registry is asked. */
export async function runTags(options: TagsOptions, shell: Shell): Promise<number> {
  const read = await readPlan({ ...options, only: [] }, shell);
  if (!read.ok) return await reportFailures(read.error, shell, { json: options.json === true });
  const plan = read.value;
  const { stdout } = shell;
  if (options.json === true) printJson(shell, { ok: true, ...tagsJson(plan) });
  else {
    stdout.write(`${tagsTable(tagsView(plan), { width: widthOf(stdout), colour: stdout.colour })}\n`);
    await reportWarnings(plan.warnings, shell);
  }
  return 0;
}

function tagsJson(plan: Plan): Readonly<Record<string, unknown>> {
  const views = new Map(tagsView(plan).map((view) => [view.name, view]));
  return {
    file: plan.file.path,
    releases: plan.releases.map(({ name, tags }) => {
      const { tags: origins = [], texts = [] } = views.get(name) ?? {};
      return {
        name,
        tags: tags.map(formatReference),
        origins: origins.map(originJson),
        labels: texts.flatMap((text) => textJson(text, "labels")),
        annotations: {
          index: texts.flatMap((text) => textJson(text, "index")),
          manifest: texts.flatMap((text) => textJson(text, "manifest")),
        },
      };
    }),
    warnings: plan.warnings.map(diagnosticJson),
  };
}

function originJson({ location, ...origin }: TagOrigin): unknown {
  return { ...origin, location: positionOf(location) };
}

function textJson({ key, value, from, on }: TextView, level: TextPlace["level"]): readonly unknown[] {
  return on
    .filter((place) => place.level === level)
    .map(({ platforms }) => ({ key, value, from, ...(platforms === undefined ? {} : { platforms }) }));
}
