import { formatPlatformFull } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { TaggedReference } from "../oci/reference.ts";
import { annotationsFor, readAnnotations, refuseAnnotations } from "./annotations.ts";
import type { Annotation } from "./annotations.ts";
import { checkPolicyOfPlatform, makesIndex, resolveAttestations } from "./attest.ts";
import type { AttestationRules } from "./attest.ts";
import { resolvePermitted } from "./builders.ts";
import { resolveCache } from "./cache.ts";
import { resolveTest } from "./checks.ts";
import { resolveContexts, resolveSources } from "./contexts.ts";
import { epochArgument } from "./epoch.ts";
import { mergeBuild } from "./merge.ts";
import { imageDefaults } from "./metadata.ts";
import type { Metadata } from "./metadata.ts";
import type { ImageNeed } from "./needs.ts";
import { resolveOutputs } from "./outputs.ts";
import type { PlacedOutput } from "./outputs.ts";
import { resolveFields, resolveText } from "./place.ts";
import type { PlanPlace } from "./place.ts";
import type { ImagePlatform } from "./platforms.ts";
import type { Attestations, Build, FileOutput } from "./build.ts";
import type { Variant } from "./plan.ts";
import { platformSlug } from "./scopes.ts";
import { resolveSecrets, resolveSsh } from "./secrets.ts";
import { repositoriesOf } from "./tags.ts";
import type { Text, WrittenBuild, WrittenImage } from "./written.ts";

/** A variant, where the plan asks for its outputs, and the images that it needs. */
export interface ExpandedVariant {
  readonly variant: Variant;
  readonly outputs: readonly PlacedOutput[];
  readonly needs: readonly ImageNeed[];
}

/** The release that a variant belongs to. */
export interface ReleaseOfVariant {
  readonly name: string;
  readonly image: WrittenImage;
  readonly tags: readonly TaggedReference[];
  readonly rules: AttestationRules;
  readonly metadata: Pick<Metadata, "labels" | "manifest">;
  /** What all its variants wait for. */
  readonly needs: readonly ImageNeed[];
  /** See {@link Apart}. */
  readonly cell: string;
}

/** Makes one variant: the settings of its image with those of its platform over them, resolved for it alone. */
export function expandVariant(
  { platform, written }: ImagePlatform,
  release: ReleaseOfVariant,
  place: PlanPlace,
): ExpandedVariant {
  const settings = mergeBuild(release.image.build, written.build);
  checkPolicyOfPlatform(written.build, place);
  const { build, outputs, needs } = resolveBuild(settings, { release, platform, place });
  const range = written.platform.scalar.range;
  const test = resolveTest(settings.test, place);
  const variant: Variant = {
    id: `${release.name} ${formatPlatformFull(platform)}`,
    release: release.name,
    platform,
    emulation: settings.emulation ?? "allow",
    required: written.required,
    ...runSettings(settings, place),
    ...(test && { test }),
    build,
    location: { file: place.file, range },
  };
  return { variant, outputs, needs: [...release.needs, ...needs] };
}

function runSettings(
  { builders, timeoutMs, stallMs, retries }: WrittenBuild,
  place: PlanPlace,
): Pick<Variant, "builders" | "timeoutMs" | "stallMs" | "retries"> {
  return {
    ...(builders && { builders: resolvePermitted(builders, place) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(stallMs !== undefined && { stallMs }),
    ...(retries !== undefined && { retries }),
  };
}

interface Where {
  readonly release: ReleaseOfVariant;
  readonly platform: Platform;
  readonly place: PlanPlace;
}

function resolveBuild(
  settings: WrittenBuild,
  where: Where,
): { build: Build } & Pick<ExpandedVariant, "outputs" | "needs"> {
  const { release, place } = where;
  const target = resolveText(settings.target, place)?.value;
  const attest = resolveAttestations(settings, release.rules, place);
  const { annotations, files, image } = resolveResults(settings, attest, where);
  const { contexts, needs } = resolveContexts(settings.contexts, place);
  // Where it cannot be resolved, the plan is refused, and nobody will see what stands here.
  const sources =
    resolveSources(settings.context, settings.dockerfile, here(release.image), place) ?? NOWHERE;
  const labels = resolveFields(settings.labels, place);
  const written = sources.context.kind === "local" ? place.labelsOf(sources.dockerfile) : NO_LABELS;
  const defaults = imageDefaults(release.metadata, { labels, written });
  const build: Build = {
    ...sources,
    ...(target !== undefined && { target }),
    args: { ...epochArgument(release.image.sourceDateEpoch, place), ...resolveFields(settings.args, place) },
    contexts,
    labels: { ...defaults.labels, ...labels },
    annotations: { ...annotations, manifest: { ...defaults.manifest, ...annotations.manifest } },
    ...resolveSecrets(settings.secrets, place),
    ssh: resolveSsh(settings.ssh, place),
    ...resolveCaches(settings, where),
    attest,
    noCache: settings.noCache ?? false,
    pull: settings.pull ?? false,
    repositories: repositoriesOf(release.tags),
    push: settings.push ?? "builder",
    image,
    outputs: files.map(({ output }) => output),
  };
  return { build, outputs: files, needs };
}

const NO_LABELS: ReadonlySet<string> = new Set();
const NOWHERE = { context: { kind: "local", path: "" }, dockerfile: "" } as const;

/** The default context, with the image as its place. */
function here({ range }: WrittenImage): Text {
  const scalar = { kind: "scalar", type: "text", text: ".", data: ".", raw: "", range } as const;
  return { value: ".", scalar, offset: 0 };
}

function resolveCaches(
  settings: WrittenBuild,
  { release, platform, place }: Where,
): Pick<Build, "cacheFrom" | "cacheTo"> {
  const cachePlace = {
    ...place,
    apart: { platform: platformSlug(platform), cell: release.cell },
    tags: release.tags,
  };
  return {
    cacheFrom: resolveCache(settings.cacheFrom, cachePlace),
    cacheTo: resolveCache(settings.cacheTo, cachePlace),
  };
}

interface Results {
  readonly annotations: Build["annotations"];
  readonly files: readonly PlacedOutput[];
  readonly image: Build["image"];
}

function resolveResults(
  settings: WrittenBuild,
  attest: Attestations,
  { release, platform, place }: Where,
): Results {
  const annotations = readAnnotations(settings.annotations, place.problems);
  if (release.rules.mediaTypes === "docker") refuseAnnotations(annotations, place.problems);
  const level = (name: Annotation["level"]) => annotationsFor(annotations, name, platform);
  const apart = { platform: platformSlug(platform), cell: release.cell };
  const { mediaTypes } = release.rules;
  const { files, image } = resolveOutputs(settings.output, { ...place, apart, mediaTypes });
  return {
    annotations: {
      manifest: resolveFields(level("manifest"), place),
      manifestDescriptor: resolveFields(level("manifest-descriptor"), place),
    },
    files: mediaTypes === "docker" ? files : annotateLayouts(files, annotations, attest, place),
    image,
  };
}

/**
 * `index-descriptor` annotations stand in the index.json of an OCI layout and nowhere else: a registry keeps none. There
 * BuildKit makes an index of one platform only where an attestation goes with it.
 */
function annotateLayouts(
  files: readonly PlacedOutput[],
  annotations: readonly Annotation[],
  attest: Attestations,
  place: PlanPlace,
): readonly PlacedOutput[] {
  const own = annotations.filter(({ level }) => level === "index-descriptor");
  const hasLayout = files.some(({ output }) => output.type === "oci");
  if (own.length === 0) return files;
  for (const { keyRange } of hasLayout && makesIndex(attest) ? [] : own) {
    const hint = hasLayout
      ? "Add `attest: { provenance: mode=min }`: without one the layout has no index"
      : "Use `index:`, or add an output of type oci";
    place.problems.error(
      keyRange,
      "Only the index.json of an OCI layout has `index-descriptor` annotations",
      { hint },
    );
  }
  const values = Object.entries(resolveFields(own, place));
  const attributes = Object.fromEntries(
    values.map(([key, value]) => [`annotation-index-descriptor.${key}`, value]),
  );
  const annotate = (output: FileOutput) => ({
    ...output,
    attributes: { ...output.attributes, ...attributes },
  });
  return files.map(({ output, range }) => ({
    range,
    output: output.type === "oci" ? annotate(output) : output,
  }));
}
