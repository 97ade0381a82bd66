import type { GcFailure } from "../../core/images/gc.ts";
import type { StoreFailure } from "../../core/registry/store.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainStore } from "./store.ts";

/** Why nothing was called unreachable, or not all of it removed, in words. */
export function explainGc(failure: Exclude<GcFailure, StoreFailure>): Explanation {
  switch (failure.kind) {
    case "gc-incomplete": {
      const { headline, facts, advice } = explainStore(failure.cause);
      return {
        headline: `not everything in ${failure.store} could be read, so nothing is called unreachable`,
        facts: [`below ${failure.via}: ${headline}`, ...facts],
        advice,
      };
    }
    case "gc-unreadable":
      return {
        headline: `what ${failure.digest} leads to cannot be told, so nothing in ${failure.store} is called unreachable`,
        facts: [`below ${failure.via}`, failure.detail],
        advice: ["Remove the tag that leads to it, if nobody needs it, then run again."],
      };
    case "gc-changed":
      return {
        headline: `${failure.store} changed meanwhile; nothing was deleted`,
        facts: failure.names.map((name) => `changed: ${name}`),
        advice: ["Run it again, at a time when nobody releases."],
      };
    case "gc-not-deleted": {
      const { headline, facts, advice } = explainStore(failure.cause);
      return {
        headline: `${failure.failed} could not be deleted from ${failure.store}`,
        facts: [
          headline,
          ...facts,
          ...failure.deleted.map((name) => `deleted: ${name}`),
          ...failure.notTried.map((name) => `not deleted: ${name}`),
        ],
        advice: [...advice, "Many registries delete nothing until their settings allow it."],
      };
    }
    default:
      return unreachable(failure);
  }
}
