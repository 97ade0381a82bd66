import { guardTargets, type TargetGuard } from "../core/images/guard-targets.ts";
import type { Target } from "../core/publish/transfer-tags.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Failure } from "../core/failure.ts";
import type { Stores } from "./stores.ts";

/** The options of the guard. */
export interface GuardOptions {
  readonly guard?: boolean;
  readonly allowShrink?: boolean;
  readonly allowDowngrade?: boolean;
}

/** The guard of a command's tags, or none where it is not asked for. What it allows means nothing without it. */
export function guardOf(
  options: GuardOptions,
  targets: readonly Target[],
  { stores, signal }: { readonly stores: Stores; readonly signal: AbortSignal },
): Result<TargetGuard | undefined, Failure> {
  const allowed = { shrink: options.allowShrink === true, downgrade: options.allowDowngrade === true };
  if (options.guard !== true) {
    const needless = allowed.shrink ? "--allow-shrink" : "--allow-downgrade";
    return allowed.shrink || allowed.downgrade ? fail(alone(needless)) : ok(undefined);
  }
  const tags = targets.flatMap(({ store: { repository }, tag }) =>
    repository === undefined || tag === undefined ? [] : [{ ...repository, tag }],
  );
  return ok(guardTargets(stores.registry, { tags, allowed }, signal));
}

function alone(option: string): Failure {
  const hint = "Add --guard, which looks at what the tags name now, or leave it out.";
  return {
    kind: "override-invalid",
    option,
    value: "alone",
    detail: "it means nothing without --guard",
    hint,
  };
}
