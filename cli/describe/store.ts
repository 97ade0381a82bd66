import type { Explanation } from "./explanation.ts";
import { explainLayout } from "./layout.ts";
import { explainRegistry } from "./registry.ts";
import type { StoreFailure } from "../../core/registry/store.ts";

/** Why a store, whichever kind it is of, did not do what it was asked, in words. */
export function explainStore(failure: StoreFailure): Explanation {
  switch (failure.kind) {
    case "layout-missing":
    case "layout-invalid":
    case "layout-content-missing":
    case "layout-content-damaged":
    case "layout-inaccessible":
    case "layout-cancelled":
      return explainLayout(failure);
    default:
      return explainRegistry(failure);
  }
}
