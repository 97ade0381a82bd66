import { formatPlatform, normalizePlatform, parsePlatform, samePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { hintFor } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import type { Field, Text } from "./written.ts";

/** Where an annotation stands: in a document, or on the descriptor that points to it. */
export type AnnotationLevel = "manifest" | "manifest-descriptor" | "index" | "index-descriptor";

const LEVELS: readonly AnnotationLevel[] = ["manifest", "manifest-descriptor", "index", "index-descriptor"];

/** One annotation on one level, for all platforms or one. */
export interface Annotation {
  readonly level: AnnotationLevel;
  readonly platform?: Platform;
  readonly key: string;
  readonly keyRange: Range;
  readonly value: Text;
}

/**
 * Reads annotation keys as buildx does: `[level[platform],...:]key`, without a level the manifest's own. A key that
 * is no such thing is reported and left out.
 * @see https://docs.docker.com/build/metadata/annotations/#specify-annotation-level
 */
export function readAnnotations(
  fields: readonly Field[] | undefined,
  problems: Problems,
): readonly Annotation[] {
  const annotations = (fields ?? []).flatMap((field) => readKey(field, problems));
  const seen = new Map<string, Annotation>();
  for (const annotation of annotations) {
    const { level, platform, key, keyRange } = annotation;
    const id = [level, platform ? formatPlatform(platform) : "", key].join("\n");
    const first = seen.get(id);
    const related = first && { message: "First written here", range: first.keyRange };
    if (related) problems.error(keyRange, `\`${key}\` is written twice for the ${level}`, { related });
    else seen.set(id, annotation);
  }
  return [...seen.values()];
}

function readKey({ key, keyRange, value }: Field, problems: Problems): readonly Annotation[] {
  const colon = key.indexOf(":");
  if (colon === -1) return [{ level: "manifest", key, keyRange, value }];
  const name = key.slice(colon + 1);
  if (name === "") problems.error(keyRange, "An annotation needs a key behind its level");
  if (name === "") return [];
  return key
    .slice(0, colon)
    .split(",")
    .flatMap((written) => {
      const where = readLevel(written, keyRange, problems);
      return where === undefined ? [] : [{ ...where, key: name, keyRange, value }];
    });
}

function readLevel(
  written: string,
  range: Range,
  problems: Problems,
): Pick<Annotation, "level" | "platform"> | undefined {
  const [, word = "", specifier] = /^([a-z-]+)(?:\[([A-Za-z0-9_/.-]+)\])?$/.exec(written) ?? [];
  const level = LEVELS.find((each) => each === word);
  const shown = written.slice(0, 60);
  if (level === undefined) {
    const hint = hintFor(word, LEVELS);
    problems.error(range, `\`${shown}\` is no level of annotations`, { hint });
    return undefined;
  }
  if (specifier === undefined) return { level };
  const parsed = parsePlatform(specifier);
  if (parsed.ok && !level.startsWith("index")) return { level, platform: normalizePlatform(parsed.value) };
  const message = parsed.ok
    ? `\`${shown}\`: the index is one for all platforms`
    : `\`${specifier.slice(0, 60)}\` is no platform`;
  problems.error(range, message, { hint: "Write for instance `manifest[linux/arm64]:key`" });
  return undefined;
}

/** The annotations of one level that are for a platform; one that names it wins over one for all. */
export function annotationsFor(
  annotations: readonly Annotation[],
  level: AnnotationLevel,
  platform?: Platform,
): readonly Field[] {
  const fitting = annotations.filter((each) => each.level === level);
  const general = fitting.filter((each) => each.platform === undefined);
  const special = fitting.filter(
    (each) => each.platform !== undefined && platform !== undefined && samePlatform(each.platform, platform),
  );
  const byKey = new Map([...general, ...special].map((each) => [each.key, each]));
  return [...byKey.values()];
}

const DOCKER_LACKS: Readonly<Record<AnnotationLevel, string>> = {
  manifest: "Docker's manifest of an image has no annotations",
  "manifest-descriptor": "The entries of Docker's manifest list have no annotations",
  index: "Docker's manifest list has no annotations",
  "index-descriptor": "Docker's manifest list has no annotations, and neither has what points to it",
};

/**
 * Reports annotations of an image with Docker's media types, whose formats have no place for them: BuildKit refuses those of
 * all levels but the manifest's own, which it writes down although no reader of such a manifest looks for it.
 * @see https://distribution.github.io/distribution/spec/manifest-v2-2/
 */
export function refuseAnnotations(annotations: readonly Annotation[], problems: Problems): void {
  for (const { level, keyRange } of annotations) {
    problems.error(keyRange, DOCKER_LACKS[level], {
      hint: "Remove it, use `labels`, or use `media-types: oci`",
    });
  }
}

/** Reports annotations for platforms that the image is not built for: they would be nowhere. */
export function checkAnnotationPlatforms(
  annotations: readonly Annotation[],
  platforms: readonly Platform[],
  problems: Problems,
): void {
  for (const { platform, keyRange } of annotations) {
    if (platform === undefined || platforms.some((each) => samePlatform(each, platform))) continue;
    problems.error(keyRange, `The image is not built for ${formatPlatform(platform)}`, {
      hint: `It is built for ${platforms.map(formatPlatform).join(", ")}`,
    });
  }
}
