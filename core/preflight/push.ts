import type { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import type { Registry } from "../registry/registry.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import { mayPass, whyNot } from "./registry-words.ts";

/** What was found, and how many repositories were asked. */
export interface PushReport {
  readonly findings: readonly Finding[];
  readonly looked: number;
  /** Repositories that took no push: what else they do not do is told by that. */
  readonly refusing: ReadonlySet<string>;
}

/** Asks every repository of these releases, once, whether it takes a push. Nothing is left behind. */
export async function checkPush(
  releases: readonly PlannedRelease[],
  {
    registry,
    slots,
    signal,
  }: { readonly registry: Registry; readonly slots: Slots; readonly signal: AbortSignal },
): Promise<PushReport> {
  const wanted = releases.flatMap((release) =>
    release.repositories.map((repository) => ({ release, repository })),
  );
  const targets = Map.groupBy(wanted, ({ repository }) => formatRepository(repository));
  const asked = [...targets.values()].map(async ([target]) => {
    if (target === undefined) return [];
    const { release, repository } = target;
    const answer = await slots.hold(() => registry.mayPush(repository, signal));
    return answer.ok ? [] : [{ repository, finding: denied(release, repository, answer.error) }];
  });
  const refused = (await Promise.all(asked)).flat();
  return {
    findings: refused.map(({ finding }) => finding),
    looked: targets.size,
    refusing: new Set(refused.map(({ repository }) => formatRepository(repository))),
  };
}

function denied({ location }: PlannedRelease, repository: Repository, failure: RegistryFailure): Finding {
  const name = formatRepository(repository);
  const about = { rule: "push-denied", location, image: { reference: name } } as const;
  const why = whyNot(failure);
  if (mayPass(failure))
    return {
      ...about,
      severity: "warning",
      message: `whether ${name} takes a push could not be asked: ${why}`,
    };
  return {
    ...about,
    severity: "error",
    message: isUncreated(failure)
      ? `${name} does not exist, and its registry creates no repositories by itself: ${why}`
      : `${name} takes no push: ${why}`,
    fix: fixOf(repository, failure),
  };
}

/** ECR and some others answer so: a repository is made there by hand, or by a setting. */
function isUncreated(failure: RegistryFailure): boolean {
  if (failure.kind !== "registry-rejected") return false;
  return failure.codes.some(({ code }) => code === "NAME_UNKNOWN" || code === "REPOSITORY_NOT_FOUND");
}

function fixOf({ registry }: Repository, failure: RegistryFailure): string {
  if (isUncreated(failure)) return "Create the repository, then run again";
  if (failure.kind === "registry-denied")
    return failure.credential === undefined
      ? `Log in: docker login ${registry}`
      : `Let the account of ${failure.credential} write there, or log in with another one: docker login ${registry}`;
  if (failure.kind === "credentials-unusable") return `Log in anew: docker login ${registry}`;
  if (failure.kind === "registry-tls-failed")
    return "Say under `registries` of the plan how it is reached: `ca` for its certificate, or `insecure: true`";
  if (failure.kind === "registry-unreachable") return "Check the name of the registry, and the network";
  return "Check the name of the repository; the registry's own log tells more";
}
