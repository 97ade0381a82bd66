import type { Reproduced } from "../../core/reproduce/reproduce.ts";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { unreachable } from "../unreachable.ts";
import { failureJson } from "./json.ts";

/** What came of building a variant twice, in one line. */
export function reproducedLine({ route: { variant }, outcome }: Reproduced): string {
  switch (outcome.kind) {
    case "same":
      return `${variant.id}: reproducible, ${outcome.digest}`;
    case "different":
      return `${variant.id}: not reproducible, ${outcome.digests.join(", then ")}`;
    case "failed":
      return `${variant.id}: failed`;
    case "cancelled":
      return outcome.because === undefined
        ? `${variant.id}: cancelled`
        : `${variant.id}: not built, as it is built from ${outcome.because}, which is not there`;
    default:
      return unreachable(outcome);
  }
}

/** The machine's form of it; the findings stand among all findings. */
export function reproducedJson({ route, outcome }: Reproduced): unknown {
  const { variant, node, execution } = route;
  const about = {
    id: variant.id,
    platform: formatPlatformFull(variant.platform),
    required: variant.required,
    node: node.name,
    execution,
    outcome: outcome.kind,
  };
  switch (outcome.kind) {
    case "same":
      return { ...about, digest: outcome.digest };
    case "different":
      return { ...about, digests: outcome.digests, difference: outcome.difference };
    case "failed":
      return { ...about, failure: failureJson(outcome.failure) };
    case "cancelled":
      return { ...about, ...(outcome.because === undefined ? {} : { because: outcome.because }) };
    default:
      return unreachable(outcome);
  }
}
