import { formatPlatformFull, normalizePlatform, type Platform } from "../../platforms/platform.ts";
import {
  familiarReference,
  parseReference,
  type Reference,
  type ReferenceInvalid,
} from "../oci/reference.ts";
import type { Location } from "../plan/source.ts";

/** An image that a build of one variant fetches. */
export interface BaseUse {
  /** As the Dockerfile has it, variables replaced: `alpine:3.22`. */
  readonly reference: string;
  /** It is asked for this platform; undefined where that cannot be told, then it only has to be there. */
  readonly platform: Platform | undefined;
  /** Of the name in the Dockerfile. */
  readonly location: Location;
  /** False where the plan lets the release go on without what is built on it. */
  readonly required: boolean;
}

/** One name in one place, and all platforms that it is asked for there. */
export interface BasePlace {
  readonly name: string;
  readonly reference: Reference;
  readonly location: Location;
  readonly platforms: readonly Platform[];
  /** Of {@link platforms}, those whose variants must be there. */
  readonly required: readonly Platform[];
}

/** A place whose name is no reference. */
export interface BaseMisnamed {
  readonly name: string;
  readonly location: Location;
  readonly problem: ReferenceInvalid;
}

/** Variants share Dockerfiles: what they ask for in one place, by one name, is one question. */
export function placesOf(uses: readonly BaseUse[]): {
  readonly places: readonly BasePlace[];
  readonly misnamed: readonly BaseMisnamed[];
} {
  const groups = Map.groupBy(uses, ({ reference, location: { file, range } }) =>
    JSON.stringify([reference, file.path, range.start]),
  );
  const places: BasePlace[] = [];
  const misnamed: BaseMisnamed[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { reference: name, location } = first;
    const parsed = parseReference(name);
    if (!parsed.ok) {
      misnamed.push({ name, location, problem: parsed.error });
      continue;
    }
    const platforms = distinct(group);
    const required = distinct(group.filter((use) => use.required));
    places.push({
      name: familiarReference(parsed.value),
      reference: parsed.value,
      location,
      platforms,
      required,
    });
  }
  return { places, misnamed };
}

function distinct(uses: readonly BaseUse[]): readonly Platform[] {
  const known = uses.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  const byName = new Map(
    known.map((platform) => [formatPlatformFull(normalizePlatform(platform)), platform]),
  );
  return [...byName.values()];
}
