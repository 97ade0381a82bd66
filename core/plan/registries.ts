import { parseReference } from "../oci/reference.ts";
import { isRegistryName, registryKey } from "../oci/registry-name.ts";
import { useAnywhere } from "./paths.ts";
import { resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { Build } from "./build.ts";
import type { PlannedRelease, RegistrySettings } from "./plan.ts";
import type { Problems } from "./problems.ts";
import type { SourceFile } from "./source.ts";
import type { WrittenRegistry } from "./written.ts";

/** Resolves how registries are reached; what names no registry, or one that was there before, is reported and left out. */
export function resolveRegistries(
  registries: readonly WrittenRegistry[],
  file: SourceFile,
  place: Place,
): readonly RegistrySettings[] {
  const seen = new Map<string, WrittenRegistry>();
  return registries.flatMap((registry) => {
    if (!checkName(registry, place.problems) || !isFirst(registry, seen, place.problems)) return [];
    const { ca, cert, key } = filesOf(registry, place);
    checkFiles(registry, place.problems);
    return [
      {
        registry: registry.name,
        insecure: registry.insecure,
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        location: { file, range: registry.range },
      },
    ];
  });
}

function checkName({ name, range }: WrittenRegistry, problems: Problems): boolean {
  if (isRegistryName(name)) return true;
  const shown = name.slice(0, 200);
  if (name.includes("${"))
    problems.error(range, "`${...}` is not resolved in keys", { hint: "Write the registry's name out" });
  else problems.error(range, `\`${shown}\` is not the name of a registry`, { hint: nameHint(name) });
  return false;
}

/** Most often it is a URL, or a whole reference. */
function nameHint(name: string): string {
  const host = name.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "").split("/", 1)[0] ?? "";
  return host !== name && isRegistryName(host)
    ? `Did you mean ${host}?`
    : "Write host or host:port as in references, or docker.io for Docker Hub";
}

function isFirst(registry: WrittenRegistry, seen: Map<string, WrittenRegistry>, problems: Problems): boolean {
  const key = registryKey(registry.name);
  const first = seen.get(key);
  if (first === undefined) seen.set(key, registry);
  else {
    const related = { message: "First given here", range: first.range };
    problems.error(registry.range, `${registry.name} and ${first.name} are the same registry`, {
      hint: "Keep one of the two",
      related,
    });
  }
  return first === undefined;
}

function filesOf({ files }: WrittenRegistry, place: Place): Partial<Record<"ca" | "cert" | "key", string>> {
  return Object.fromEntries(
    files.flatMap(({ key, value }) => {
      const path = resolveText(value, place)?.value;
      return path === undefined ? [] : [[key, useAnywhere(path, value, ROLES[key] ?? "file", place.paths)]];
    }),
  );
}

const ROLES: Readonly<Record<string, string>> = { ca: "certificate", cert: "certificate", key: "key" };

function checkFiles({ files, range, insecure }: WrittenRegistry, problems: Problems): void {
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => files.find((each) => each.key === name));
  if ((cert === undefined) !== (key === undefined))
    problems.error((cert ?? key)?.keyRange ?? range, "A client certificate needs both `cert` and `key`");
  if (ca !== undefined && insecure)
    problems.warning(
      ca.keyRange,
      "With `insecure: true` no certificate is checked, so `ca` changes nothing",
      {
        hint: "Remove the one or the other",
      },
    );
}

/** Warns of registries that nothing in the plan uses: mostly the name is misspelt. */
export function warnUnused(
  registries: readonly RegistrySettings[],
  releases: readonly PlannedRelease[],
  problems: Problems,
): void {
  const builds = releases.flatMap(({ variants }) => variants.map(({ build }) => build));
  const used = new Set(builds.flatMap(registriesOf).map(registryKey));
  for (const { registry, location } of registries) {
    if (used.has(registryKey(registry)) || builds.some((build) => mentionsIn(build, registry))) continue;
    problems.warning(location.range, `No tag, cache or context of this plan is in ${registry}`, {
      hint: "Check the spelling; it may be right where only a Dockerfile's FROM names it",
    });
  }
}

function registriesOf({ repositories, cacheFrom, cacheTo, contexts }: Build): readonly string[] {
  const caches = [...cacheFrom, ...cacheTo].flatMap(({ attributes }) => attributes["ref"] ?? []);
  const images = Object.values(contexts).flatMap((context) =>
    context.kind === "remote" && context.url.startsWith(IMAGE) ? [context.url.slice(IMAGE.length)] : [],
  );
  const named = [...caches, ...images].flatMap((reference) => {
    const parsed = parseReference(reference);
    return parsed.ok ? [parsed.value.registry] : [];
  });
  return [...repositories.map(({ registry }) => registry), ...named];
}

const IMAGE = "docker-image://";

/** A base image is often an argument of the Dockerfile, and an SBOM's generator is an image too. */
function mentionsIn({ args, attest }: Build, registry: string): boolean {
  const generator = attest.sbom?.["generator"] ?? "";
  return [...Object.values(args), generator].some((value) => value.includes(registry));
}
