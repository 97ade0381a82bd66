import type { SbomPackage } from "../oci/sbom.ts";

/** A setting of the config that is not the same in both; undefined where a side does not have it. */
export interface SettingChange {
  readonly name: string;
  readonly older?: string;
  readonly newer?: string;
}

/** A package that came, went or has other versions; several where an image has several, comma between them. */
export interface PackageChange {
  readonly name: string;
  readonly older?: string;
  readonly newer?: string;
}

/** What differs between two sets of settings, in the newer one's order, then what is only in the older one. */
export function diffSettings(
  older: ReadonlyMap<string, string>,
  newer: ReadonlyMap<string, string>,
): readonly SettingChange[] {
  return changesOf(older, newer);
}

/** What differs between two lists of packages, by name. A package is the same one whatever its version and architecture are. */
export function diffPackages(
  older: readonly SbomPackage[],
  newer: readonly SbomPackage[],
): readonly PackageChange[] {
  return changesOf(versionsOf(older), versionsOf(newer)).toSorted((one, other) =>
    one.name < other.name ? -1 : one.name > other.name ? 1 : 0,
  );
}

function changesOf(
  older: ReadonlyMap<string, string>,
  newer: ReadonlyMap<string, string>,
): readonly SettingChange[] {
  const changed = [...newer]
    .filter(([name, value]) => older.get(name) !== value)
    .map(([name, value]) => {
      const before = older.get(name);
      return { name, ...(before === undefined ? {} : { older: before }), newer: value };
    });
  const gone = [...older]
    .filter(([name]) => !newer.has(name))
    .map(([name, value]) => ({ name, older: value }));
  return [...changed, ...gone];
}

function versionsOf(packages: readonly SbomPackage[]): ReadonlyMap<string, string> {
  const versions = new Map<string, Set<string>>();
  for (const each of packages) {
    const name = identityOf(each);
    const known = versions.get(name) ?? new Set();
    versions.set(name, known.add(each.version));
  }
  return new Map([...versions].map(([name, all]) => [name, [...all].toSorted().join(", ")]));
}

/** `npm/left-pad`, `deb/debian/libc6`: the purl without version and what follows; the name where there is none. */
function identityOf({ name, purl }: SbomPackage): string {
  if (purl === undefined) return name;
  const path = purl.slice("pkg:".length).split(/[?#]/, 1)[0] ?? "";
  const at = path.lastIndexOf("@");
  return at > 0 && !path.slice(at).includes("/") ? path.slice(0, at) : path;
}
