/** What is wrong with a set of platforms, told from the index alone. */
import { formatPlatformFull, normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { hasErrors, type Finding } from "../findings/finding.ts";
import type { Digest } from "../oci/digest.ts";
import type { PlatformChanges } from "./verified-reference.ts";

/** An image and what it is for. */
export interface PlatformDigest {
  readonly platform: Platform;
  readonly digest: Digest;
}

/** The set of images as a whole: exactly the platforms that are asked for, each once; without any asked for, at least one. */
export function findAboutSet(
  reference: string,
  platforms: readonly Platform[] | undefined,
  { images, findings }: { readonly images: readonly PlatformDigest[]; readonly findings: readonly Finding[] },
): readonly Finding[] {
  const duplicates = findDuplicates(reference, images);
  if (platforms !== undefined) return [...findInSet(reference, platforms, images), ...duplicates];
  // Nothing that was looked at must not pass for nothing that is wrong.
  return images.length === 0 && !hasErrors(findings) ? [findNothing(reference)] : duplicates;
}

/** Platforms that are missing, and those that nobody expects. A version of Windows that is not asked for does not matter. */
export function findInSet(
  reference: string,
  expected: readonly Platform[],
  actual: readonly PlatformDigest[],
): readonly Finding[] {
  const missing = expected.filter((wanted) => !actual.some(({ platform }) => answers(wanted, platform)));
  const unexpected = actual.filter(({ platform }) => !expected.some((wanted) => answers(wanted, platform)));
  const there = actual.map(({ platform }) => formatPlatformFull(platform));
  const facts = [there.length === 0 ? "it has no images" : `it has ${there.join(", ")}`];
  return [
    ...missing.map((platform): Finding => {
      const name = formatPlatformFull(platform);
      return {
        rule: "platform-missing",
        severity: "error",
        message: `There is no image for ${name}`,
        image: { reference, platform },
        facts,
        fix: `Build ${name} and publish the index with it, or leave it out of \`--platforms\`.`,
      };
    }),
    ...unexpected.map(({ platform, digest }): Finding => {
      const name = formatPlatformFull(platform);
      return {
        rule: "platform-unexpected",
        severity: "error",
        message: `There is an image for ${name}, which nobody asked for`,
        image: { reference, platform },
        facts: [`image ${digest}`],
        fix: `Publish the index without it, or add ${name} to \`--platforms\`.`,
      };
    }),
  ];
}

function findNothing(reference: string): Finding {
  return {
    rule: "platform-missing",
    severity: "error",
    message: "There is no image in the index",
    image: { reference },
    fix: "Build the images and publish them again; an index of indexes is to be made flat: `buildx-plan stitch`.",
  };
}

/** Platforms that several entries of an index claim: which one a client takes is left to chance. */
export function findDuplicates(reference: string, entries: readonly PlatformDigest[]): readonly Finding[] {
  const groups = Map.groupBy(entries, ({ platform }) => formatPlatformFull(normalizePlatform(platform)));
  return [...groups].flatMap(([name, [first, ...others]]): readonly Finding[] => {
    if (first === undefined || others.length === 0) return [];
    const digests = [first, ...others].map(({ digest }) => digest);
    const same = new Set(digests).size === 1;
    return [
      {
        rule: "platform-duplicate",
        severity: same ? "warning" : "error",
        message: same
          ? `The index lists the image for ${name} ${digests.length} times`
          : `The index has ${digests.length} images for ${name}, and clients take whichever comes first`,
        image: { reference, platform: first.platform },
        facts: digests.slice(0, 10).map((digest) => `image ${digest}`),
        fix: "Make the index anew with one image for each platform.",
      },
    ];
  });
}

/** Compares an older index with a newer one, platform by platform. */
export function changesBetween(
  older: { readonly reference: string; readonly digest: Digest; readonly images: readonly PlatformDigest[] },
  newer: readonly PlatformDigest[],
): PlatformChanges {
  const before = byPlatform(older.images);
  const after = byPlatform(newer);
  const kept = [...after].flatMap(([name, { platform, digest }]) => {
    const old = before.get(name);
    return old === undefined ? [] : [{ platform, same: old.digest === digest }];
  });
  return {
    reference: older.reference,
    digest: older.digest,
    lost: [...before].filter(([name]) => !after.has(name)).map(([, { platform }]) => platform),
    added: [...after].filter(([name]) => !before.has(name)).map(([, { platform }]) => platform),
    changed: kept.filter(({ same }) => !same).map(({ platform }) => platform),
    unchanged: kept.filter(({ same }) => same).map(({ platform }) => platform),
  };
}

/** Platforms that an older image has and the newer one has not. */
export function findLost(reference: string, changes: PlatformChanges): readonly Finding[] {
  return changes.lost.map((platform) => ({
    rule: "platform-lost",
    severity: "error",
    message: `The older image has ${formatPlatformFull(platform)}, and this one has not`,
    image: { reference, platform },
    facts: [`older image ${changes.reference}`, `its digest ${changes.digest}`],
    fix: "Build this platform too: whoever runs it cannot update.",
  }));
}

/** A place that holds something else, or nothing (`undefined`), under the name that should hold the same. */
export function findDifference(
  reference: string,
  expected: { readonly reference: string; readonly digest: Digest },
  actual: Digest | undefined,
): readonly Finding[] {
  if (actual === expected.digest) return [];
  return [
    {
      rule: "digest-differs",
      severity: "error",
      message:
        actual === undefined ? "The image is not there" : "It is not the same image as in the other registry",
      image: { reference },
      facts: [
        `expected ${expected.digest}`,
        `as in ${expected.reference}`,
        ...(actual === undefined ? [] : [`found ${actual}`]),
      ],
      fix: `Copy it: \`buildx-plan copy ${expected.reference} ${reference}\`.`,
    },
  ];
}

/** Is this what is asked for? Windows' version decides only where it was asked for; so do features. */
export function answers(wanted: Platform, actual: Platform): boolean {
  const [one, other] = [normalizePlatform(wanted), normalizePlatform(actual)];
  return (
    one.os === other.os &&
    one.architecture === other.architecture &&
    one.variant === other.variant &&
    (one.osVersion === undefined || one.osVersion === other.osVersion) &&
    (one.osFeatures ?? []).every((feature) => other.osFeatures?.includes(feature) === true)
  );
}

/** Images by the full name of their platform, in their order; of duplicates the first, which is the one that clients take. */
export function byPlatform<T extends PlatformDigest>(images: readonly T[]): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const image of images) {
    const name = formatPlatformFull(normalizePlatform(image.platform));
    if (!found.has(name)) found.set(name, image);
  }
  return found;
}
