import { formatPlatform, formatPlatformFull } from "../../platforms/platform.ts";
import { reportCircles } from "./circles.ts";
import type { Link } from "./circles.ts";
import type { ExpandedRelease } from "./expand.ts";
import { rangeOf } from "./fields.ts";
import { findImage, nameImages } from "./find-image.ts";
import type { ImageNames } from "./find-image.ts";
import type { ImageNeed } from "./needs.ts";
import type { BuildContext } from "./build.ts";
import type { Problems } from "./problems.ts";
import type { Rules } from "./rules.ts";
import type { ExpandedVariant } from "./variant.ts";

/**
 * Links the variants of a plan to those that they need, each to the same platform of another image. What cannot be is reported: images that
 * the plan does not have, platforms that they lack, circles.
 */
export function linkImages({ images, releases, problems }: Rules): readonly ExpandedRelease[] {
  if (releases.every(({ variants }) => variants.every(({ needs }) => needs.length === 0))) return releases;
  const linking: Linking = {
    names: nameImages(images, releases),
    problems,
    variants: variantsById(releases),
  };
  const links = new Map(releases.flatMap((release) => linksFrom(release, linking)));
  reportCircles(links, problems);
  return releases.map((release) => linkRelease(release, links));
}

interface Linking {
  readonly names: ImageNames;
  readonly variants: ReadonlyMap<string, ExpandedVariant>;
  readonly problems: Problems;
}

function variantsById(releases: readonly ExpandedRelease[]): ReadonlyMap<string, ExpandedVariant> {
  return new Map(
    releases.flatMap(({ variants }) => variants.map((each) => [each.variant.id, each] as const)),
  );
}

function linksFrom(
  release: ExpandedRelease,
  linking: Linking,
): readonly (readonly [id: string, links: readonly Link[]])[] {
  // Platforms need the same images, and looking for one among many cells takes its time.
  const found = new Map<string, ExpandedRelease>();
  const find = (need: ImageNeed): ExpandedRelease | undefined => {
    const needed = found.get(need.value) ?? findImage(need, { from: release, ...linking });
    if (needed !== undefined) found.set(need.value, needed);
    return needed;
  };
  return release.variants.map((variant) => [variant.variant.id, linksOf(variant, find, linking)]);
}

function linksOf(
  from: ExpandedVariant,
  find: (need: ImageNeed) => ExpandedRelease | undefined,
  linking: Linking,
): readonly Link[] {
  return from.needs.flatMap((need) => {
    if (linking.problems.full()) return [];
    const needed = find(need);
    if (needed === undefined) return [];
    if (needed.release.name === from.variant.release) return reportSelf(need, linking.problems);
    if (need.context !== undefined && needed.image.tags.length === 0)
      return reportUntagged(need, needed, linking.problems);
    const id = `${needed.release.name} ${formatPlatformFull(from.variant.platform)}`;
    const variant = linking.variants.get(id);
    if (variant === undefined) return reportLacking(need, { from, needed }, linking.problems);
    if (from.variant.required && !variant.variant.required)
      reportOptional(need, { from, needed, variant }, linking.problems);
    return [{ need, release: needed, variant }];
  });
}

function reportSelf({ value, text }: ImageNeed, problems: Problems): readonly [] {
  problems.error(rangeOf(text), `\`${value}\` needs itself`, { hint: "Remove it" });
  return [];
}

function reportUntagged(
  { value, text }: ImageNeed,
  { image }: ExpandedRelease,
  problems: Problems,
): readonly [] {
  problems.error(
    rangeOf(text),
    `\`${value}\` has no \`tags\`: it is pushed nowhere, and nothing can be built on it`,
    {
      hint: `Give it \`tags\`; one that only has to be built first is named in \`needs\``,
      related: { message: `\`${image.name}\` is here`, range: image.range },
    },
  );
  return [];
}

interface Mismatch {
  readonly from: ExpandedVariant;
  readonly needed: ExpandedRelease;
}

function reportLacking(
  { value, text }: ImageNeed,
  { from, needed: { image, variants } }: Mismatch,
  problems: Problems,
): readonly [] {
  // A platform of the needed image that could not be read may be the one.
  if (variants.length === 0 || variants.length < image.platforms.length) return [];
  const { platform, location } = from.variant;
  const shown = formatPlatform(platform);
  problems.error(location.range, `\`${value}\` is needed for ${shown} too, and is not built for it`, {
    hint: `Add ${shown} to the platforms of \`${image.name}\`, or remove it here`,
    related: { message: "Needed here", range: rangeOf(text) },
  });
  return [];
}

function reportOptional(
  { value, text }: ImageNeed,
  { from, variant }: Mismatch & { readonly variant: ExpandedVariant },
  problems: Problems,
): void {
  const shown = formatPlatform(from.variant.platform);
  const message = `${shown} is required here, and needs \`${value}\`, where it is \`required: false\``;
  problems.error(from.variant.location.range, message, {
    hint: "Write `required: false` here too, or remove it there",
    related: [
      { message: "Needed here", range: rangeOf(text) },
      { message: "Not required here", range: variant.variant.location.range },
    ],
  });
}

function linkRelease(release: ExpandedRelease, links: ReadonlyMap<string, readonly Link[]>): ExpandedRelease {
  const variants = release.variants.map((each) => linkVariant(each, links.get(each.variant.id) ?? []));
  return {
    ...release,
    variants,
    release: { ...release.release, variants: variants.map(({ variant }) => variant) },
  };
}

function linkVariant(expanded: ExpandedVariant, links: readonly Link[]): ExpandedVariant {
  if (links.length === 0) return expanded;
  const { build } = expanded.variant;
  const contexts = links.flatMap(({ need, variant }): readonly (readonly [string, BuildContext])[] =>
    need.context === undefined ? [] : [[need.context, { kind: "variant", variant: variant.variant.id }]],
  );
  return {
    ...expanded,
    variant: {
      ...expanded.variant,
      needs: [...new Set(links.map(({ variant }) => variant.variant.id))],
      build: { ...build, contexts: { ...build.contexts, ...Object.fromEntries(contexts) } },
    },
  };
}
