import { formatReference } from "../../core/oci/reference.ts";
import type { TagRefusal } from "../../core/publish/guard.ts";
import type { ReleaseFailure } from "../../core/publish/release-failure.ts";
import { unreachable } from "../unreachable.ts";
import { count } from "../text/units.ts";
import type { Explanation } from "./explanation.ts";
import { explainRegistry } from "./registry.ts";

type TagsRefused = Extract<ReleaseFailure, { readonly kind: "tags-refused" }>;

/** Why the guard lets no tag move, in words: all that it found, of all tags. */
export function explainTagsRefused({ refusals }: TagsRefused): Explanation {
  const tags = new Set(refusals.map(({ tag }) => formatReference(tag)));
  const [only] = tags.size === 1 ? tags : [];
  const subject = only === undefined ? count(tags.size, "tag") : `the tag ${only}`;
  return {
    headline: `${subject} may not be moved; no tag was moved`,
    facts: refusals.flatMap((refusal) => factsOf(refusal)),
    advice: [...new Set(refusals.flatMap(adviceFor))],
  };
}

function factsOf(refusal: TagRefusal): readonly string[] {
  const tag = formatReference(refusal.tag);
  switch (refusal.why) {
    case "unreadable": {
      const cause = explainRegistry(refusal.cause);
      return [`${tag}: what it names now cannot be read: ${cause.headline}`, ...cause.facts];
    }
    case "foreign":
      return [`${tag} names something that is no image: ${refusal.detail} (${refusal.digest})`];
    case "exists":
      return [`${tag} is there already and must not change: it names ${refusal.digest}`];
    case "shrinks":
      return [`${tag} would lose ${refusal.lost.join(", ")} (it names ${refusal.digest})`];
    case "older":
      return [`${tag} would go back: ${older(refusal)} (it names ${refusal.digest})`];
    default:
      return unreachable(refusal);
  }
}

function older({ by, now, next }: Extract<TagRefusal, { readonly why: "older" }>): string {
  switch (by) {
    case "created":
      return `it names a revision of ${now}, this one is of ${next}`;
    case "version":
      return `it names version ${now}, this one is ${next}`;
    case "tag":
      return `it names version ${now}, this release is tagged ${next}`;
    default:
      return unreachable(by);
  }
}

function adviceFor(refusal: TagRefusal): readonly string[] {
  switch (refusal.why) {
    case "unreadable":
      return explainRegistry(refusal.cause).advice;
    case "foreign":
      return ["Choose another tag, or replace it with `--allow-shrink --allow-downgrade`."];
    case "exists":
      return [
        "The plan says `if-exists: fail` for it: choose a new tag, or `if-exists: skip` to leave it as it is.",
      ];
    case "shrinks":
      return ["Build these platforms too, or let the tag lose them with `--allow-shrink`."];
    case "older":
      return [
        "Build the newest revision, leave the tag out, or move it back on purpose with `--allow-downgrade`.",
      ];
    default:
      return unreachable(refusal);
  }
}
