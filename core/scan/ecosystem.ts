import type { SbomPackage } from "../oci/sbom.ts";
import { parsePurl, type Purl } from "./purl.ts";
import { compareApk } from "./versions/apk.ts";
import { compareDpkg } from "./versions/dpkg.ts";
import type { CompareVersions } from "./versions/natural.ts";
import { comparePep440 } from "./versions/pep440.ts";
import { compareSemver } from "./versions/semver.ts";

/** A package as OSV knows it: distributions are known by their source packages. */
export interface OsvPackage {
  /** `npm`, `Debian:12`, `Alpine:v3.19`. */
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
}

/**
 * Finds out what a package of an SBOM is called in OSV. Undefined for what it does not know: packages without a purl or version, of
 * other types, and of distributions whose release the purl does not tell.
 * @see https://ossf.github.io/osv-schema/#affectedpackage-field
 */
export function osvPackageOf({ purl: text = "", version }: SbomPackage): OsvPackage | undefined {
  const purl = parsePurl(text);
  if (purl === undefined) return undefined;
  const known = purl.type === "deb" || purl.type === "apk" ? distributed(purl) : libraryOf(purl);
  if (known === undefined) return undefined;
  const found = known.version === "" ? { ...known, version } : known;
  return found.version === "" ? undefined : found;
}

/** What distributions install: where nobody knows these, an image was not scanned, whatever is known of the rest. */
const SYSTEM_TYPES: ReadonlySet<string> = new Set(["deb", "apk", "rpm", "alpm"]);

/** Says which packages of the image's distribution OSV cannot be asked for; undefined for none. */
export function systemPackagesUnknown(packages: readonly SbomPackage[]): string | undefined {
  const unknown = packages.filter((each) => {
    const type = parsePurl(each.purl ?? "")?.type ?? "";
    return SYSTEM_TYPES.has(type) && osvPackageOf(each) === undefined;
  });
  const [first] = unknown;
  if (first === undefined) return undefined;
  const more = unknown.length === 1 ? "" : ` and ${unknown.length - 1} more`;
  return `OSV does not know the release of the distribution that ${first.purl?.slice(0, 200)}${more} belongs to`;
}

/** The name of an ecosystem without its release: the folder of its database. */
export function familyOf(ecosystem: string): string {
  return ecosystem.split(":", 1)[0] ?? "";
}

/** Is a package of this ecosystem what a record with that one speaks of? Ubuntu's say `:LTS` or not. */
export function sameEcosystem(own: string, recorded: string): boolean {
  return own === recorded || (own.startsWith("Ubuntu:") && `${own}:LTS` === recorded);
}

/** The one spelling of a name among those that an ecosystem takes for the same: databases write `Django`, purls `django`. */
export function canonicalName(ecosystem: string, name: string): string {
  switch (familyOf(ecosystem)) {
    case "PyPI":
      return name.toLowerCase().replaceAll(/[-_.]+/g, "-");
    case "Go":
    case "NuGet":
    case "Packagist":
      return name.toLowerCase();
    default:
      return name;
  }
}

/** How versions of an ecosystem are ordered; undefined where we do not know it. */
export function orderOf(ecosystem: string): CompareVersions | undefined {
  return ORDERS.get(familyOf(ecosystem));
}

const ORDERS: ReadonlyMap<string, CompareVersions> = new Map([
  ["Debian", compareDpkg],
  ["Ubuntu", compareDpkg],
  ["Alpine", compareApk],
  ["Wolfi", compareApk],
  ["Chainguard", compareApk],
  ["npm", compareSemver],
  ["Go", compareSemver],
  ["crates.io", compareSemver],
  ["Hex", compareSemver],
  ["Pub", compareSemver],
  ["PyPI", comparePep440],
]);

// `upstream` is how syft, which BuildKit's scanner is made of, names the source package.
function distributed(purl: Purl): OsvPackage | undefined {
  const ecosystem = releaseOf(purl);
  if (ecosystem === undefined) return undefined;
  const [name = "", version = purl.version] = (purl.qualifiers.get("upstream") ?? "").split("@", 2);
  return { ecosystem, name: name === "" ? purl.name : name, version };
}

function releaseOf({ namespace, qualifiers }: Purl): string | undefined {
  // Docker Scout's indexer writes `os_version=12`, syft `distro=debian-12`.
  const distro = (qualifiers.get("distro") ?? qualifiers.get("os_version") ?? "").toLowerCase();
  const [, major, minor] = /^[a-z]*-?v?(\d{1,6})(?:\.(\d{1,6}))?/.exec(distro) ?? [];
  switch (namespace.toLowerCase()) {
    case "debian":
      return major === undefined ? undefined : `Debian:${major}`;
    case "ubuntu":
      return minor === undefined ? undefined : `Ubuntu:${major}.${minor}`;
    case "alpine":
      return minor === undefined ? undefined : `Alpine:v${major}.${minor}`;
    case "wolfi":
      return "Wolfi";
    case "chainguard":
      return "Chainguard";
    default:
      return undefined;
  }
}

function libraryOf({ type, namespace, name, version }: Purl): OsvPackage | undefined {
  const path = namespace === "" ? name : `${namespace}/${name}`;
  switch (type) {
    case "npm":
      return { ecosystem: "npm", name: path, version };
    case "golang":
      return { ecosystem: "Go", name: path, version: version.replace(/^(?:v|go)/, "") };
    case "cargo":
      return { ecosystem: "crates.io", name, version };
    case "pypi":
      return { ecosystem: "PyPI", name: canonicalName("PyPI", name), version };
    case "maven":
      return { ecosystem: "Maven", name: `${namespace}:${name}`, version };
    case "gem":
      return { ecosystem: "RubyGems", name, version };
    case "composer":
      return { ecosystem: "Packagist", name: path, version };
    case "nuget":
      return { ecosystem: "NuGet", name, version };
    case "hex":
      return { ecosystem: "Hex", name: path, version };
    case "pub":
      return { ecosystem: "Pub", name, version };
    default:
      return undefined;
  }
}
