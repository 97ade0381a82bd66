import type { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import { formatRepository, parseReference, type Repository } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import type { Location } from "../plan/source.ts";
import type { Registry } from "../registry/registry.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import { mayPass, whyNot } from "./registry-words.ts";

/** What was found, and how many repositories were asked. */
export interface PushReport {
  readonly findings: readonly Finding[];
  readonly looked: number;
  /** Repositories that took no push: what else they do not do is told by that. */
  readonly refusing: ReadonlySet<string>;
  /** Every repository, in the order of the plan. */
  readonly answers: readonly PushAnswer[];
}

/** What one repository answered. */
export interface PushAnswer {
  readonly repository: Repository;
  /** Absent where it takes a push. */
  readonly finding?: Finding;
  /** Present where it is for want of a login or a permission; `credential` says where the login that was tried came from, if any was. */
  readonly denied?: { readonly credential?: string };
}

/** A repository that is pushed into, and what of the plan says so. */
interface PushTarget {
  readonly repository: Repository;
  readonly location: Location;
  /** `cache-to`: BuildKit alone writes there. */
  readonly isCache: boolean;
}

/** Asks every repository of these releases, those of their caches too, once, whether it takes a push. Nothing is left behind. */
export async function checkPush(
  releases: readonly PlannedRelease[],
  {
    registry,
    slots,
    signal,
  }: { readonly registry: Registry; readonly slots: Slots; readonly signal: AbortSignal },
): Promise<PushReport> {
  const wanted = [...releases.flatMap(releaseTargets), ...releases.flatMap(cacheTargets)];
  const targets = Map.groupBy(wanted, ({ repository }) => formatRepository(repository));
  const asked = [...targets.values()].map(async ([target]) => {
    if (target === undefined) return [];
    const answer = await slots.hold(() => registry.mayPush(target.repository, signal));
    return [answer.ok ? { repository: target.repository } : refusal(target, answer.error)];
  });
  const answers = (await Promise.all(asked)).flat();
  const refused = answers.filter(({ finding }) => finding !== undefined);
  return {
    findings: refused.flatMap(({ finding }) => finding ?? []),
    looked: targets.size,
    refusing: new Set(refused.map(({ repository }) => formatRepository(repository))),
    answers,
  };
}

function releaseTargets({ repositories, location }: PlannedRelease): readonly PushTarget[] {
  return repositories.map((repository) => ({ repository, location, isCache: false }));
}

/** Where caches are exported to; what the plan lets fail there fails nothing. */
function cacheTargets({ variants }: PlannedRelease): readonly PushTarget[] {
  return variants.flatMap(({ build, location }) =>
    build.cacheTo.flatMap(({ type, attributes }) => {
      const parsed = parseReference(attributes["ref"] ?? "");
      if (type !== "registry" || attributes["ignore-error"] === "true" || !parsed.ok) return [];
      const { registry, path } = parsed.value;
      return [{ repository: { registry, path }, location, isCache: true }];
    }),
  );
}

function refusal(target: PushTarget, failure: RegistryFailure): PushAnswer {
  const { repository } = target;
  const finding = refused(target, failure);
  if (failure.kind !== "registry-denied") return { repository, finding };
  const { credential } = failure;
  return { repository, finding, denied: credential === undefined ? {} : { credential } };
}

function refused({ repository, location, isCache }: PushTarget, failure: RegistryFailure): Finding {
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
    // What we do not reach, the builder may: it alone writes a cache.
    severity: isCache && failure.kind !== "registry-denied" ? "warning" : "error",
    message: isUncreated(failure)
      ? `${name} does not exist, and its registry creates no repositories by itself: ${why}`
      : `${name} takes no push: ${why}`,
    ...(isCache ? { facts: ["`cache-to` of the plan exports a cache there"] } : {}),
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
  if (failure.kind === "registry-denied" && failure.credential === undefined)
    return `Log in: docker login ${registry}`;
  // A job's token is accepted whatever it may do, and what it may not do is no matter of the account.
  if (failure.kind === "registry-denied" && registry === "ghcr.io")
    return "In GitHub Actions give the job `permissions: packages: write`, and let this repository write to the package, in its settings; elsewhere log in with a token that has `write:packages`";
  if (failure.kind === "registry-denied")
    return `Let the account of ${failure.credential} write there, or log in with another one: docker login ${registry}`;
  if (failure.kind === "credentials-unusable") return `Log in anew: docker login ${registry}`;
  if (failure.kind === "registry-tls-failed")
    return "Say under `registries` of the plan how it is reached: `ca` for its certificate, or `insecure: true`";
  if (failure.kind === "registry-unreachable") return "Check the name of the registry, and the network";
  return "Check the name of the repository; the registry's own log tells more";
}
