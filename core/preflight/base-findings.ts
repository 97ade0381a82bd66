import { formatPlatformFull, samePlatform, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Severity } from "../findings/rules.ts";
import type { Digest } from "../oci/digest.ts";
import { familiarReference } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Base, BaseForeign } from "./base-lookup.ts";
import type { BaseMisnamed, BasePlace } from "./base-place.ts";
import { whyNot } from "./registry-words.ts";

const MOST_NAMED = 30;

/** The base has nothing for some of the platforms that are built on it. */
export function missingPlatform(
  place: BasePlace,
  {
    unserved,
    offers,
    isIndex,
  }: {
    readonly unserved: readonly Platform[];
    readonly offers: readonly Platform[];
    readonly isIndex: boolean;
  },
): Finding {
  return {
    rule: "base-platform-missing",
    severity: severityOf(place, unserved),
    message: isIndex
      ? `${place.name} is not there for ${listed(unserved)}`
      : `${place.name} is a single image for ${listed(offers)}, and what is built for ${listed(unserved)} would get it, too`,
    location: place.location,
    facts: [`it is there for ${listed(offers)}`],
    fix: "Choose a base image that is there for all platforms, or take the platform out of the plan",
  };
}

/** BuildKit takes what the CPU can run, and its files are of another architecture than the image says. */
export function otherPlatform(
  place: BasePlace,
  { platform, entry }: { readonly platform: Platform; readonly entry: Platform },
): Finding {
  const [wanted, taken] = [formatPlatformFull(platform), formatPlatformFull(entry)];
  return {
    rule: "base-platform-missing",
    severity: "warning",
    message: `${place.name} is not there for ${wanted}: BuildKit takes the image for ${taken}, which such a CPU runs, too`,
    location: place.location,
    facts: [`the image will say that it is for ${wanted}, and its programs will be for ${taken}`],
    fix: `Choose a base image that is there for ${wanted}`,
  };
}

/** A digest names the manifest of one platform, so that every platform gets that one. */
export function pinnedPlatform(
  place: BasePlace,
  {
    unserved,
    base,
    index,
  }: {
    readonly unserved: readonly Platform[];
    readonly base: Extract<Base, { readonly kind: "image" }>;
    readonly index: Digest | undefined;
  },
): Finding {
  const { digest: pinned, ...named } = place.reference;
  const where = formatPlatformFull(base.platform);
  const shown = familiarReference(named);
  const fix =
    index === undefined
      ? `Pin the digest of the index, which names all platforms: \`buildx-plan inspect ${shown}${named.tag === undefined ? ":TAG" : ""}\` shows it`
      : `Pin the index, which names all platforms: ${shown}@${index}`;
  return {
    rule: "single-platform-digest",
    severity: severityOf(place, unserved),
    message: `${shown} is pinned to the image for ${where}, and what is built for ${listed(unserved)} would get it, too`,
    location: place.location,
    facts: [
      `${pinned ?? base.digest} is the manifest of ${where} alone`,
      ...(index === undefined ? [] : [`${shown} names the index ${index} now`]),
    ],
    fix,
  };
}

/**
 * It could not be looked up; only what its registry says is not there is certainly wrong, and not even that where builds may start from
 * images that a daemon keeps itself (`kept`).
 */
export function unresolvable(
  place: BasePlace,
  failure: RegistryFailure | BaseForeign,
  { kept }: { readonly kept: boolean },
): Finding {
  const about = { rule: "base-unresolvable", location: place.location } as const;
  if (failure.kind === "base-foreign")
    return { ...about, severity: "warning", message: `${place.name} is no image: ${failure.detail}` };
  if (failure.kind === "manifest-unknown") {
    const isNeeded = place.required.length > 0 || place.platforms.length === 0;
    return {
      ...about,
      severity: isNeeded && !kept ? "error" : "warning",
      message: `${place.name} is not in its registry`,
      facts: [
        whyNot(failure),
        ...(kept ? ["a builder of this run keeps images itself, and may have it"] : []),
      ],
      fix: "Check the name and the tag",
    };
  }
  const fix = fixOf(failure);
  return {
    ...about,
    severity: "warning",
    message: `${place.name} could not be looked up: ${whyNot(failure)}`,
    ...(fix === undefined ? {} : { fix }),
  };
}

function fixOf(failure: RegistryFailure): string | undefined {
  if (failure.kind !== "registry-denied") return undefined;
  return failure.credential === undefined
    ? `Check the name, or log in: docker login ${failure.registry}`
    : `Check the name, and what the account of ${failure.credential} may read`;
}

/** What `FROM` names once variables are replaced is no reference. */
export function misnamedBase({ name, location, problem }: BaseMisnamed): Finding {
  const { suggestion } = problem;
  return {
    rule: "base-unresolvable",
    severity: "error",
    message: `\`${name}\` is not the name of an image`,
    location,
    ...(suggestion === undefined ? {} : { fix: `Did you mean ${suggestion}?` }),
  };
}

/** What may be missing in the end stops nothing. */
function severityOf({ required }: BasePlace, unserved: readonly Platform[]): Severity {
  const isNeeded = unserved.some((platform) => required.some((other) => samePlatform(platform, other)));
  return isNeeded ? "error" : "warning";
}

/** `linux/amd64, linux/arm64 and linux/s390x` */
function listed(platforms: readonly Platform[]): string {
  const names = [...new Set(platforms.map(formatPlatformFull))];
  const shown = names.slice(0, MOST_NAMED);
  if (names.length > shown.length) return `${shown.join(", ")} and ${names.length - shown.length} more`;
  const last = shown.at(-1);
  return shown.length < 2 || last === undefined
    ? shown.join("")
    : `${shown.slice(0, -1).join(", ")} and ${last}`;
}
