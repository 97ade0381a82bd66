import { nativeRank } from "../../platforms/compatibility.ts";
import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import type { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Reference, type TaggedReference } from "../oci/reference.ts";
import type { Registry } from "../registry/registry.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Result } from "../result.ts";
import {
  misnamedBase,
  missingPlatform,
  otherPlatform,
  pinnedPlatform,
  unresolvable,
} from "./base-findings.ts";
import { lookUpBase, type Base, type BaseForeign } from "./base-lookup.ts";
import { placesOf, type BasePlace, type BaseUse } from "./base-place.ts";

/** What is needed to look base images up. */
export interface BaseWorld {
  readonly registry: Registry;
  readonly slots: Slots;
  readonly signal: AbortSignal;
  /** What the plan itself makes is not there before it is built. */
  readonly made: readonly TaggedReference[];
  /** May builds start from images that no registry has, since a daemon keeps some itself? */
  readonly kept: boolean;
}

/** What was found, and how many images were looked up. */
export interface BaseReport {
  readonly findings: readonly Finding[];
  readonly looked: number;
}

type LookedUp = Result<Base, RegistryFailure | BaseForeign>;

/** Looks every base image up, each once, and holds what it offers against the platforms that are built on it. */
export async function checkBases(uses: readonly BaseUse[], world: BaseWorld): Promise<BaseReport> {
  const made = new Set(world.made.map(formatReference));
  const { places, misnamed } = placesOf(uses);
  const wanted = places.filter(({ reference }) => !made.has(formatReference(withTag(reference))));
  const lookUp = createLookUp(world);
  const findings = wanted.map(async (place) => {
    const found = await lookUp(place.reference);
    return found.ok
      ? await judge(place, found.value, lookUp)
      : [unresolvable(place, found.error, { kept: world.kept })];
  });
  const found = (await Promise.all(findings)).flat();
  const looked = new Set(wanted.map(({ reference }) => formatReference(reference))).size;
  return { findings: [...misnamed.map(misnamedBase), ...found], looked };
}

type LookUp = (reference: Reference) => Promise<LookedUp>;

/** Each distinct reference is asked for once, and not too many at a time. */
function createLookUp({ registry, slots, signal }: BaseWorld): LookUp {
  const asked = new Map<string, Promise<LookedUp>>();
  return async (reference) => {
    const { registry: host, path, digest } = reference;
    const wanted = digest === undefined ? withTag(reference) : { registry: host, path, digest };
    const key = formatReference(wanted);
    const answer = asked.get(key) ?? slots.hold(() => lookUpBase(registry, wanted, signal));
    asked.set(key, answer);
    return await answer;
  };
}

function withTag({ registry, path, tag = "latest", digest }: Reference): Reference {
  return { registry, path, tag, ...(digest === undefined ? {} : { digest }) };
}

async function judge(place: BasePlace, base: Base, lookUp: LookUp): Promise<readonly Finding[]> {
  if (base.kind === "index") return judgeOffers(place, base.offers);
  const unserved = place.platforms.filter((platform) => !isServed(platform, base.platform));
  if (unserved.length === 0) return [];
  if (place.reference.digest === undefined)
    return [missingPlatform(place, { unserved, offers: [base.platform], isIndex: false })];
  return [pinnedPlatform(place, { unserved, base, index: await indexBehind(place.reference, lookUp) })];
}

/** The index that the tag beside a digest names; undefined where there is none. */
async function indexBehind({ registry, path, tag }: Reference, lookUp: LookUp): Promise<Digest | undefined> {
  if (tag === undefined) return undefined;
  const found = await lookUp({ registry, path, tag });
  return found.ok && found.value.kind === "index" ? found.value.digest : undefined;
}

function judgeOffers(place: BasePlace, offers: readonly Platform[] | undefined): readonly Finding[] {
  if (offers === undefined) return [];
  const taken = place.platforms.map((platform) => ({ platform, entry: entryFor(platform, offers) }));
  const unserved = taken.flatMap(({ platform, entry }) => (entry === undefined ? [platform] : []));
  const missing = unserved.length === 0 ? [] : [missingPlatform(place, { unserved, offers, isIndex: true })];
  const others = taken.flatMap(({ platform, entry }) =>
    entry === undefined || isSameCpu(platform, entry) ? [] : [otherPlatform(place, { platform, entry })],
  );
  return [...missing, ...others];
}

/**
 * The entry that BuildKit takes from an index: the best that the platform's CPU runs, which for linux/arm64 may be linux/arm/v7.
 * @see https://github.com/containerd/platforms/blob/main/compare.go
 */
function entryFor(platform: Platform, offers: readonly Platform[]): Platform | undefined {
  const ranked = offers.flatMap((offer) => {
    const rank = nativeRank(platform, offer);
    return rank === undefined ? [] : [{ offer, rank }];
  });
  return ranked.toSorted((one, other) => one.rank - other.rank)[0]?.offer;
}

/** A single image is taken whatever it is for: it serves where it runs, and its files are of the same architecture. */
function isServed(platform: Platform, image: Platform): boolean {
  return nativeRank(platform, image) !== undefined && isSameCpu(platform, image);
}

function isSameCpu(one: Platform, other: Platform): boolean {
  return normalizePlatform(one).architecture === normalizePlatform(other).architecture;
}
