import { basesOf } from "../dockerfile/bases.ts";
import type { Dockerfile } from "../dockerfile/dockerfile.ts";
import { lintDockerfile, unreadableFinding } from "../dockerfile/lint.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { loadDockerfile } from "../dockerfile/source.ts";
import type { Finding } from "../findings/finding.ts";
import { position, type SourceFile } from "../plan/source.ts";
import type { Plan, Variant } from "../plan/plan.ts";
import type { Route } from "../route/route.ts";
import type { BaseUse } from "./base-place.ts";

/** What the Dockerfiles of a plan say. */
export interface DockerfileReport {
  readonly findings: readonly Finding[];
  /** Every image that a variant's build fetches. */
  readonly bases: readonly BaseUse[];
  /** Those that could be read as Dockerfiles, one for each target. */
  readonly groups: readonly DockerfileGroup[];
  readonly looked: number;
  /** Half a sentence each: what could not be looked at. */
  readonly leftOut: readonly string[];
}

/** The variants that one stage of a Dockerfile is built for. */
export interface DockerfileGroup {
  readonly source: SourceFile;
  readonly variants: readonly Variant[];
}

/** What is known of the variants besides the plan. */
export interface DockerfileContext {
  /** Where they will be built; empty where that is not known. */
  readonly routes: readonly Route[];
  /** Working folder, which paths are shown relative to. */
  readonly from: string;
}

/**
 * Reads every Dockerfile of the plan once, looks for what makes an image wrong on some platforms, and collects the images that they name.
 * No builder and no registry is asked: this takes milliseconds.
 */
export async function lookAtDockerfiles(plan: Plan, context: DockerfileContext): Promise<DockerfileReport> {
  const variants = plan.releases.flatMap((release) => release.variants);
  const byPath = Map.groupBy(variants, ({ build }) =>
    build.context.kind === "local" ? build.dockerfile : undefined,
  );
  const elsewhere = new Set(byPath.get(undefined)?.map(({ release }) => release));
  byPath.delete(undefined);
  const reports = await Promise.all([...byPath.values()].map((group) => lookAtOne(group, context)));
  return {
    findings: reports.flatMap(({ findings }) => findings),
    bases: reports.flatMap(({ bases }) => bases),
    groups: reports.flatMap(({ groups }) => groups),
    looked: byPath.size,
    leftOut: [
      ...[...elsewhere].map(
        (name) => `the Dockerfile of ${name}, which is in a context that BuildKit fetches`,
      ),
      ...reports.flatMap(({ leftOut }) => leftOut),
    ],
  };
}

const EMPTY = { findings: [], bases: [], groups: [], looked: 1, leftOut: [] } as const;

async function lookAtOne(
  variants: readonly Variant[],
  context: DockerfileContext,
): Promise<DockerfileReport> {
  const [first] = variants;
  const loaded = first === undefined ? undefined : await loadDockerfile(first.build, context.from);
  if (first === undefined || loaded === undefined) return EMPTY;
  if (!loaded.ok) return { ...EMPTY, findings: [unreadableFinding(loaded.error, first.location)] };
  const source = loaded.value;
  const groups = [...Map.groupBy(variants, ({ build }) => build.target).values()].map((group) => ({
    source,
    variants: group,
  }));
  const findings = groups.flatMap((group) => lint(group, context));
  const parsed = parseDockerfile(source);
  if (!parsed.ok) return { ...EMPTY, findings: distinctFindings(findings) };
  const bases = variants.map((variant) => basesFor(variant, parsed.value, context));
  return {
    ...EMPTY,
    findings: distinctFindings(findings),
    bases: bases.flatMap(({ uses }) => uses),
    groups,
    leftOut: [...new Set(bases.flatMap(({ unknown }) => unknown))],
  };
}

function lint({ source, variants }: DockerfileGroup, { routes }: DockerfileContext): readonly Finding[] {
  const target = variants[0]?.build.target;
  return lintDockerfile(source, {
    ...(target === undefined ? {} : { target }),
    variants: variants.map(({ id, platform, build, location }) => {
      const route = routes.find(({ variant }) => variant.id === id);
      const known = route === undefined ? {} : { emulated: route.execution === "emulated" };
      return { platform, args: build.args, contexts: build.contexts, location, ...known };
    }),
  });
}

/** Two targets of one file share stages, and what is wrong with these. */
export function distinctFindings(findings: readonly Finding[]): readonly Finding[] {
  const byText = findings.map((finding) => {
    const { rule, message, location } = finding;
    const place = [location?.file.path, location?.range.start, location?.range.end];
    return [JSON.stringify([rule, message, place]), finding] as const;
  });
  return [...new Map(byText.toReversed()).values()].toReversed();
}

interface VariantBases {
  readonly uses: readonly BaseUse[];
  readonly unknown: readonly string[];
}

function basesFor(variant: Variant, dockerfile: Dockerfile, { routes }: DockerfileContext): VariantBases {
  const { id, platform, required, build } = variant;
  const { target, args, contexts } = build;
  const buildPlatform = routes.find((route) => route.variant.id === id)?.node.native[0];
  const bases = basesOf(dockerfile, {
    platform,
    args,
    contexts,
    ...(buildPlatform === undefined ? {} : { buildPlatform }),
    ...(target === undefined ? {} : { target }),
  });
  return {
    uses: bases.flatMap(({ reference, platform: asked, location }) =>
      reference === undefined ? [] : [{ reference, platform: asked, location, required }],
    ),
    unknown: bases.flatMap(({ reference, location: { file, range } }) =>
      reference === undefined
        ? [
            `the image in line ${position(file, range.start).line} of ${file.path}, whose name is not known before it is built`,
          ]
        : [],
    ),
  };
}
