import { join } from "node:path";
import { formatPlatform, type Platform } from "../platforms/platform.ts";
import { formatRepository, parseReference } from "./oci/reference.ts";
import type { CacheEntry } from "./plan/build.ts";
import type { Plan, PlanFailure, PlannedRelease, Variant } from "./plan/plan.ts";
import { platformSlug, slug } from "./plan/scopes.ts";
import { fail, ok, type Result } from "./result.ts";

/**
 * Where the results of a run go: into the plan's repositories, or instead of them into one OCI layout (with an index for each
 * release), into folders (the files of each image, `<os>_<architecture>[_<variant>]`), or into a Docker image store. Paths are absolute.
 */
export type Destination =
  | { readonly kind: "registries" }
  | { readonly kind: "layout"; readonly path: string; readonly tar: boolean }
  | { readonly kind: "files"; readonly path: string }
  | { readonly kind: "docker" };

type Refused = Extract<PlanFailure, { readonly kind: "override-invalid" }>;

const TYPES = "oci, local, docker or registry";

/** Reads the value of `--output` as docker buildx does: `type=oci,dest=PATH[,tar=false]`, `type=local,dest=FOLDER`, or a folder alone. */
export function parseDestination(
  text: string,
  absolute: (path: string) => string,
): Result<Destination, Refused> {
  const refuse = (detail: string, hint: string): Result<never, Refused> =>
    fail({ kind: "override-invalid", option: "--output", value: text, detail, hint });
  if (text !== "" && !text.includes("=")) return ok({ kind: "files", path: absolute(text) });
  const attributes = new Map<string, string>();
  for (const part of text.split(",")) {
    const [key = "", ...rest] = part.split("=");
    if (rest.length === 0 || attributes.has(key))
      return refuse(`\`${part}\` is no attribute`, "Write for instance type=oci,dest=out.tar");
    attributes.set(key.trim(), rest.join("="));
  }
  const { type = "", dest = "", tar = "true", ...others } = Object.fromEntries(attributes);
  const [odd] = Object.keys(others);
  if (odd !== undefined)
    return refuse(`\`${odd}\` cannot be set here`, "Write it under `output` in the plan");
  if (type === "registry" || type === "image") return ok({ kind: "registries" });
  if (type === "docker" && dest === "") return ok({ kind: "docker" });
  if (type === "docker" || type === "tar")
    return refuse(
      `type ${type} with dest is for one platform, and this is for all`,
      "Use type=oci, or write it under `output` in the plan",
    );
  if (type !== "oci" && type !== "local")
    return refuse(`\`${type}\` is no type of output`, `Known: ${TYPES}`);
  if (dest === "" || dest === "-") return refuse("an output needs a path", `Write type=${type},dest=PATH`);
  if (type === "local") return ok({ kind: "files", path: absolute(dest) });
  return ok({ kind: "layout", path: absolute(dest), tar: tar !== "false" });
}

/** The plan as it is carried out for a destination: what it would push goes there, and nothing into a registry. */
export function redirect(plan: Plan, destination: Destination, host: Platform): Result<Plan, Refused> {
  switch (destination.kind) {
    case "registries":
      return ok(plan);
    case "layout":
      return ok(unpublished(plan, (variant) => ({ ...variant.build, outputs: [], push: "client" })));
    case "files":
      return ok(
        unpublished(plan, (variant, release) => ({
          ...variant.build,
          attest: {},
          outputs: [
            { type: "local", dest: folderOf(variant, release, { plan, destination }), attributes: {} },
          ],
        })),
      );
    case "docker":
      return forHost(plan, host);
    default:
      return destination satisfies never;
  }
}

function unpublished(
  plan: Plan,
  change: (variant: Variant, release: PlannedRelease) => Variant["build"] = ({ build }) => build,
): Plan {
  const releases = plan.releases.map((release) => ({
    ...release,
    repositories: [],
    variants: release.variants.map((variant) => ({
      ...variant,
      build: {
        ...change(variant, release),
        repositories: [],
        cacheTo: variant.build.cacheTo.filter((entry) => !needsLogin(entry)),
      },
    })),
  }));
  return { ...plan, releases };
}

/** The plan without anything that goes to a registry: what a build that pushes nothing has to do with the world. */
export function withoutPushing(plan: Plan): Plan {
  return unpublished(plan);
}

/** Where the plan exports caches to and a build that pushes nothing does not, each once: repositories, else what kind of store it is. */
export function keptBackCaches({ releases }: Plan): readonly string[] {
  const entries = releases.flatMap(({ variants }) => variants.flatMap(({ build }) => build.cacheTo));
  return [...new Set(entries.filter(needsLogin).map(storeOf))];
}

/** Does writing it take an account, which a build that pushes nothing need not have? */
function needsLogin({ type }: CacheEntry): boolean {
  return type === "registry" || type === "s3" || type === "azblob";
}

function storeOf({ type, attributes }: CacheEntry): string {
  const parsed = parseReference(attributes["ref"] ?? "");
  return type === "registry" && parsed.ok ? formatRepository(parsed.value) : type;
}

/** A folder for each platform, also where there is one only: scripts that take the files find them at the same place. */
function folderOf(
  { platform }: Variant,
  release: PlannedRelease,
  { plan, destination }: { readonly plan: Plan; readonly destination: { readonly path: string } },
): string {
  const apart = plan.releases.length > 1 ? [slug(release.name)] : [];
  return join(destination.path, ...apart, platformSlug(platform));
}

/** A Docker image store has one image under a name: of each release the one that runs here. */
function forHost(plan: Plan, host: Platform): Result<Plan, Refused> {
  const lacking: string[] = [];
  const releases = plan.releases.map((release) => {
    const own = hostVariant(release.variants, host);
    if (own === undefined) lacking.push(release.name);
    const left = release.variants.filter((variant) => variant !== own).map(({ id }) => id);
    return { ...release, variants: own === undefined ? [] : [own], omitted: [...release.omitted, ...left] };
  });
  if (lacking.length > 0)
    return fail({
      kind: "override-invalid",
      option: "--load",
      value: lacking.join(", "),
      detail: `it has no variant for this machine (${formatPlatform({ ...host, os: osOf(host) })})`,
      hint: "Use --image to leave it out, or --output type=oci,dest=PATH for all platforms",
    });
  return ok(unpublished({ ...plan, releases }, ({ build }) => ({ ...build, outputs: [], attest: {} })));
}

function hostVariant(variants: readonly Variant[], host: Platform): Variant | undefined {
  const own = (os: string): Variant | undefined =>
    variants.find(({ platform }) => platform.os === os && platform.architecture === host.architecture);
  return own(host.os) ?? own("linux");
}

// Docker Desktop runs Linux images wherever it runs.
function osOf({ os }: Platform): string {
  return os === "darwin" ? "linux" : os;
}
