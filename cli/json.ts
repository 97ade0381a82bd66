import { formatReference, formatRepository } from "../core/oci/reference.ts";
import type { Plan, PlannedRelease, Variant } from "../core/plan/plan.ts";
import type { Node } from "../core/buildkit/buildkit.ts";
import type { RunReport, VariantReport } from "../core/run.ts";
import { formatPlatformFull } from "../platforms/platform.ts";
import { failureJson } from "./describe/json.ts";
import type { PlanView } from "./render/plan-table.ts";

/** What `plan --json` answers, but for the warnings. Values of secrets are not in it. */
export function planJson(
  plan: Plan,
  nodes: readonly Node[],
  views: readonly PlanView[],
): Readonly<Record<string, unknown>> {
  const rows = new Map(views.map(({ name, variants }) => [name, variants]));
  return {
    file: plan.file.path,
    nodes: nodes.map(nodeJson),
    registries: plan.registries.map(withoutLocation),
    check: plan.check,
    ...(plan.maxParallelism === undefined ? {} : { maxParallelism: plan.maxParallelism }),
    failFast: plan.failFast === true,
    releases: plan.releases.map((release) => ({
      name: release.name,
      image: release.image,
      matrix: release.cell,
      tags: release.tags.map(formatReference),
      ifExists: ifExistsJson(release),
      mediaTypes: release.mediaTypes,
      attestations: release.attestations,
      reuse: release.reuse ?? "never",
      unknownInputs: release.unknownInputs ?? "build",
      staging: release.staging !== false,
      indexAnnotations: release.indexAnnotations,
      verify: release.verify,
      ...(release.scan === undefined ? {} : { scan: withoutLocation(release.scan) }),
      ...(release.sign === undefined ? {} : { sign: withoutLocation(release.sign) }),
      variants: release.variants.map((variant) => ({
        id: variant.id,
        ...rows.get(release.name)?.find(({ platform }) => platform === formatPlatformFull(variant.platform)),
        platform: formatPlatformFull(variant.platform),
        emulation: variant.emulation,
        required: variant.required,
        ...runJson(variant),
        ...(variant.test === undefined ? {} : { test: withoutLocation(variant.test) }),
        build: buildJson(variant),
      })),
    })),
  };
}

/** The plan's own text goes with every location, and belongs to nobody's output. */
function withoutLocation<T extends { readonly location: unknown }>({
  location: _location,
  ...facts
}: T): Omit<T, "location"> {
  return facts;
}

/** By tag; those that are moved whatever they name have no entry. */
function ifExistsJson({ tags }: PlannedRelease): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tags.flatMap((tag) => (tag.ifExists === undefined ? [] : [[formatReference(tag), tag.ifExists]])),
  );
}

/** How it is carried out, as far as the plan says so. */
function runJson({ builders, timeoutMs, stallMs, retries, needs }: Variant): Partial<Variant> {
  return {
    ...(builders === undefined ? {} : { builders }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(stallMs === undefined ? {} : { stallMs }),
    ...(retries === undefined ? {} : { retries }),
    ...(needs === undefined ? {} : { needs }),
  };
}

/** Without the plan's text, which the place of an unset secret brings with it. */
function buildJson({ build: { unsetSecrets, ...build } }: PlannedRelease["variants"][number]): unknown {
  return {
    ...build,
    repositories: build.repositories.map(formatRepository),
    secrets: build.secrets.map((secret) =>
      secret.kind === "value" ? { id: secret.id, kind: secret.kind } : secret,
    ),
    ...(unsetSecrets === undefined
      ? {}
      : { unsetSecrets: unsetSecrets.map(({ id, kind, variable }) => ({ id, kind, variable })) }),
  };
}

function nodeJson(node: Node): unknown {
  return {
    ...node,
    native: node.native.map(formatPlatformFull),
    platforms: node.platforms.map(formatPlatformFull),
  };
}

/** What `build --json` answers, but for the warnings. */
export function reportJson(report: RunReport): Readonly<Record<string, unknown>> {
  return {
    interrupted: report.interrupted,
    variants: report.variants.map(variantJson),
    releases: report.released.map(({ release, index, manifests, tags }) => ({
      name: release.name,
      digest: index.descriptor.digest,
      mediaType: index.descriptor.mediaType,
      tags: tags.filter(({ state }) => state !== "kept").map(({ tag }) => formatReference(tag)),
      unchanged: tags.filter(({ state }) => state === "unchanged").map(({ tag }) => formatReference(tag)),
      kept: tags
        .filter(({ state }) => state === "kept")
        .map(({ tag, digest }) => ({ tag: formatReference(tag), digest })),
      platforms: manifests.map(({ platform, manifest, attestations }) => ({
        platform: formatPlatformFull(platform),
        digest: manifest.digest,
        attestations: attestations.map(({ digest }) => digest),
      })),
    })),
    ...(report.record === undefined ? {} : { record: report.record }),
    ...(report.failure === undefined ? {} : { failure: failureJson(report.failure) }),
  };
}

function variantJson({ route, outcome }: VariantReport): unknown {
  const about = {
    id: route.variant.id,
    platform: formatPlatformFull(route.variant.platform),
    required: route.variant.required,
    node: route.node.name,
    execution: route.execution,
    outcome: outcome.kind,
    durationMs: outcome.durationMs,
  };
  if (outcome.kind === "failed") return { ...about, failure: failureJson(outcome.failure) };
  if (outcome.kind === "cancelled")
    return { ...about, ...(outcome.because === undefined ? {} : { because: outcome.because }) };
  const { published, cache, takenFrom } = outcome;
  return {
    ...about,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    cache,
    ...(published === undefined ? {} : { digest: published.manifest.digest, size: published.size }),
  };
}
