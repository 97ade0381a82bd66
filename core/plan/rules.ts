import type { ExpandedRelease } from "./expand.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import { nameTag } from "./tags.ts";
import type { WrittenImage } from "./written.ts";

/** What the rules look at: all images, and all releases that came of them. */
export interface Rules {
  readonly images: readonly WrittenImage[];
  readonly releases: readonly ExpandedRelease[];
  readonly problems: Problems;
}

/** Checks what holds between the parts of a plan, each rule for itself. */
export function checkRules(rules: Rules): void {
  for (const rule of [
    checkReleaseNames,
    checkTags,
    checkResults,
    checkImageOutputs,
    checkRequired,
    checkOutputs,
    checkCacheExports,
    checkReuse,
  ]) {
    rule(rules);
  }
}

/** Two cells with the same values would be one release twice. */
function checkReleaseNames({ releases, problems }: Rules): void {
  const names = new Set<string>();
  for (const { release, image } of releases) {
    if (names.has(release.name)) {
      problems.error(image.matrix?.range ?? image.range, `The matrix makes ${release.name} twice`, {
        hint: "Remove the value or the include that is there twice",
      });
    }
    names.add(release.name);
  }
}

/** A tag can point at one index only. */
function checkTags({ releases, problems }: Rules): void {
  const seen = new Map<string, { readonly range: Range; readonly release: string }>();
  for (const { release, tags } of releases) {
    for (const { tag, range } of tags) {
      const { key, shown } = nameTag(tag);
      const first = seen.get(key);
      if (first === undefined) seen.set(key, { range, release: release.name });
      else reportTagTwice(shown, { range, release: release.name }, first, problems);
    }
  }
}

interface Mention {
  readonly range: Range;
  readonly release: string;
}

function reportTagTwice(shown: string, second: Mention, first: Mention, problems: Problems): void {
  if (first.range.start === second.range.start) {
    // The same release twice is reported as such; and of many cells two are enough to see it.
    if (first.release === second.release || problems.hasErrorAt(second.range)) return;
    problems.error(second.range, `Both ${first.release} and ${second.release} would be tagged ${shown}`, {
      hint: "Use a value of the matrix in the tag, `${matrix.<key>}`",
    });
    return;
  }
  const related = { message: `First used here, for ${first.release}`, range: first.range };
  problems.error(second.range, `The tag ${shown} is used twice`, { hint: "Keep one of the two", related });
}

/** An image whose result goes nowhere would be built for nothing. */
function checkResults({ images, releases, problems }: Rules): void {
  const hint = "Give it `tags`, or an `output` with a `dest`";
  for (const image of images) {
    const message = `The result of image \`${image.name}\` goes nowhere`;
    if (!image.gives.results) problems.error(image.range, message, { hint });
  }
  if (problems.failed()) return;
  for (const { release, image } of releases) {
    // Rules that give no tag this time are no mistake of the plan.
    if (image.tags.some(({ kind }) => kind === "rules")) continue;
    if (release.tags.length > 0 || release.variants.every(({ build }) => build.outputs.length > 0)) continue;
    problems.error(image.range, `The result of image \`${image.name}\` goes nowhere`, { hint });
  }
}

/** Attributes of an image that is not pushed would be lost. */
function checkImageOutputs({ images, problems }: Rules): void {
  for (const image of images.filter(({ tags }) => tags.length === 0)) {
    for (const output of [image.build, ...image.platforms.map(({ build }) => build)].flatMap(
      (b) => b.output ?? [],
    )) {
      const type = output.fields.find(({ key }) => key === "type")?.value.value;
      if (type !== "image" && type !== "registry") continue;
      if (!problems.hasErrorAt(image.range)) {
        problems.error(output.range, "An output of type image needs `tags` to push it to", {
          hint: "Add `tags`",
        });
      }
    }
  }
}

/** A release of which every part may fail could be empty. */
function checkRequired({ images, problems }: Rules): void {
  for (const { platforms, range, name } of images) {
    if (platforms.length === 0 || platforms.some(({ required }) => required)) continue;
    problems.error(range, `Image \`${name}\` has no platform that is required`, {
      hint: "Remove `required: false` from at least one",
    });
  }
}

/** Two results in one place would overwrite each other. */
function checkOutputs({ releases, problems }: Rules): void {
  const seen = new Map<string, { readonly range: Range; readonly id: string }>();
  for (const { variant, outputs } of releases.flatMap(({ variants }) => variants)) {
    for (const { output, range } of outputs) {
      const first = seen.get(output.dest);
      if (first === undefined) seen.set(output.dest, { range, id: variant.id });
      else {
        const related = { message: `First used here, for ${first.id}`, range: first.range };
        problems.error(range, `${first.id} and ${variant.id} would be written to the same place`, {
          hint: "Give each a `dest` of its own",
          related,
        });
      }
    }
  }
}

/** Two caches under one name overwrite each other, which only costs time: a warning. */
function checkCacheExports({ releases, problems }: Rules): void {
  const seen = new Map<string, string>();
  for (const { release, image } of releases) {
    for (const { build, id } of release.variants) {
      for (const { type, attributes } of build.cacheTo.filter((entry) => entry.type !== "inline")) {
        const key = [type, ...["ref", "dest", "scope", "name"].map((name) => attributes[name] ?? "")].join(
          "\n",
        );
        const first = seen.get(key);
        if (first === undefined) seen.set(key, id);
        else {
          const range = image.build.cacheTo?.[0]?.range ?? image.range;
          problems.warning(range, `${first} and ${id} write the same cache: one overwrites the other`, {
            hint: "Give each a name of its own",
          });
        }
      }
    }
  }
}

/** What is reused is found through the tag, by annotations in its index. */
function checkReuse({ images, problems }: Rules): void {
  for (const { name, mediaTypes, gives, tags, takeOver } of images) {
    const { reuse } = takeOver;
    if (reuse === undefined) continue;
    if (mediaTypes === "docker")
      problems.error(
        reuse,
        "Docker's manifest list has no annotations, which tell what an image was made of",
        {
          hint: "Use `media-types: oci`, or remove `reuse`",
        },
      );
    // Where there is no result at all, or a tag that cannot be read, that is the problem.
    if (tags.length === 0 && gives.results)
      problems.error(reuse, `Image \`${name}\` has no \`tags\`, so there is nothing to reuse`, {
        hint: "Add `tags`, or remove `reuse`",
      });
  }
}
