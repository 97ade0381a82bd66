import type { Failure } from "../../core/failure.ts";
import type { Reproduced } from "../../core/reproduce/reproduce.ts";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { unreachable } from "../unreachable.ts";
import { exitCodeOf, type ExitCode } from "./exit-code.ts";
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

/** A build that failed comes before images that differ: there was nothing to compare. One that may be missing counts for nothing. */
export function exitCodeOfReproduced(
  reproduced: readonly Reproduced[],
  { isInterrupted }: { readonly isInterrupted: boolean },
): ExitCode {
  const counted = reproduced.filter(
    ({ route, outcome }) => route.variant.required || outcome.kind === "different",
  );
  const failures = counted.flatMap(({ outcome }): readonly Failure[] =>
    outcome.kind === "failed" ? [outcome.failure] : [],
  );
  const kinds = new Set(counted.map(({ outcome }) => outcome.kind));
  if (isInterrupted && kinds.has("cancelled")) return 130;
  if (failures.length > 0) return exitCodeOf(failures);
  if (kinds.has("cancelled")) return 1;
  return kinds.has("different") ? 4 : 0;
}
