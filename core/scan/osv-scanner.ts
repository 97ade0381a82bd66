import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toolVersion } from "../host/tools.ts";
import type { SbomPackage } from "../oci/sbom.ts";
import { fail, ok, type Result } from "../result.ts";
import { databaseFolder, emptyArchives } from "./database-folder.ts";
import {
  canonicalName,
  familyOf,
  osvPackageOf,
  systemPackagesUnknown,
  type OsvPackage,
} from "./ecosystem.ts";
import type { ScanHost } from "./host.ts";
import { readOsvScanner } from "./osv-scanner-report.ts";
import { installedPackage } from "./osv-vulnerability.ts";
import type { LocalImage, ScanFailure, SourceAnswer, VulnerabilitySource } from "./source.ts";
import { findScanner, inFolder, jsonOf, lastLines, runScanner, type Scanner } from "./tool.ts";

const SCANNER: Scanner = {
  name: "osv-scanner",
  program: "osv-scanner",
  variables: ["OSV_SCANNER_", "OSV_SCALIBR_"],
};
const source = SCANNER.name;

/**
 * Google's osv-scanner, version 2: online, or offline on a folder of OSV's archives.
 * @see https://google.github.io/osv-scanner/usage/
 */
export function osvScanner(host: ScanHost, database?: string): VulnerabilitySource {
  return {
    name: source,
    takes: ["packages", "image"],
    available: async (signal) => {
      const install = "Install osv-scanner 2 (https://google.github.io/osv-scanner/installation/).";
      const path = findScanner(SCANNER, host);
      if (path === undefined) return fail({ source, detail: "not on the PATH", install });
      const version = await toolVersion({ path, argv: ["--version"], env: host.env, signal });
      if (version === undefined || version[0] < 2)
        return fail({ source, detail: `${path} is not version 2 or later`, install });
      if (database === undefined) return ok(undefined);
      const folder = await databaseFolder(database);
      return folder.ok ? ok(undefined) : fail({ source, ...folder.error });
    },
    scan: async (input, signal) => {
      if (input.kind === "sbom")
        return fail({ source, problem: "no-sbom", detail: "it is given packages, not SBOMs" });
      return await inFolder(host, async (folder) => {
        const call: Call = { host, folder, signal, ...(database !== undefined && { database }) };
        return input.kind === "image"
          ? await scanLayers(input.image, call)
          : await scanPackages(input.packages, call);
      });
    },
  };
}

/** One scan, in a folder of its own. */
interface Call {
  readonly host: ScanHost;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly database?: string;
}

async function scanLayers(image: LocalImage, call: Call): Promise<Result<SourceAnswer, ScanFailure>> {
  const offline = await offlineArguments(call);
  if (!offline.ok) return offline;
  const archive = await image.archive();
  if (!archive.ok) return archive;
  return await ask(["scan", "image", "--archive", ...offline.value, ...JSON_OUTPUT, archive.value], call);
}

async function scanPackages(
  packages: readonly SbomPackage[],
  call: Call,
): Promise<Result<SourceAnswer, ScanFailure>> {
  const unknown = systemPackagesUnknown(packages);
  if (unknown !== undefined) return fail({ source, problem: "database-incomplete", detail: unknown });
  const asked = askedFor(packages);
  if (asked.size === 0) return ok({ vulnerabilities: [], notes: [] });
  const families = [...asked.values()].map(({ known }) => familyOf(known.ecosystem));
  const offline = await offlineArguments(call, families);
  if (!offline.ok) return offline;
  const sbom = join(call.folder, "packages.cdx.json");
  await writeFile(sbom, JSON.stringify(documentOf([...asked.values()])));
  const answered = await ask(["scan", "source", ...offline.value, ...JSON_OUTPUT, "--lockfile", sbom], call);
  if (!answered.ok) return answered;
  // Packages that it did not see must not pass for packages without vulnerabilities.
  if (answered.value.packages === 0)
    return fail({ source, problem: "source-failed", detail: "it sees none of the packages" });
  return ok(named(answered.value, asked));
}

const JSON_OUTPUT = ["--format", "json", "--all-packages"];

/** Ended with 0: nothing found; 1: vulnerabilities found; 127: something went wrong; 128: no packages found. */
const EXIT_CODES = [0, 1, 127, 128];

async function ask(
  argv: readonly string[],
  { host, folder, signal }: Call,
): Promise<Result<SourceAnswer, ScanFailure>> {
  const ran = await runScanner(SCANNER, argv, host, { folder, signal, exitCodes: EXIT_CODES });
  if (!ran.ok) return ran;
  const { stdout, stderr, exitCode } = ran.value;
  // It goes on without a database that is not there, and says so in its log only: images would seem to have nothing.
  const missing = [...stderr.matchAll(/^could not load db for ([^\n]{1,80}) ecosystem:/gm)].map(
    ([, name]) => name,
  );
  if (missing.length > 0) {
    const names = [...new Set(missing)].join(", ");
    return fail({
      source,
      problem: "database-incomplete",
      detail: `it has no database of ${names} that it can read`,
    });
  }
  if (exitCode === 127)
    return fail({ source, problem: "source-failed", detail: lastLines(stderr, exitCode) });
  if (exitCode === 128) return ok({ vulnerabilities: [], packages: 0, notes: [] });
  const json = jsonOf(stdout, source);
  if (!json.ok) return json;
  return readOsvScanner(json.value);
}

/** What it is asked for: a package as OSV knows it, and those that are installed of it. */
interface Asked {
  readonly known: OsvPackage;
  readonly purl: string;
  readonly packages: readonly SbomPackage[];
}

/** The same for what is asked and what is answered, which has the `v` of Go's versions and a name in its own spelling. */
function keyOf({ ecosystem, name, version }: OsvPackage): string {
  const family = familyOf(ecosystem);
  const bare = family === "Go" ? version.replace(/^(?:v|go)(?=\d)/, "") : version;
  return JSON.stringify([family, canonicalName(ecosystem, name).toLowerCase(), bare]);
}

/**
 * The packages under the names that OSV has for them. An SBOM names binary packages, and osv-scanner does not look from which
 * source package they come: it would find nothing of Debian's.
 */
function askedFor(packages: readonly SbomPackage[]): ReadonlyMap<string, Asked> {
  const asked = new Map<string, Asked & { readonly packages: SbomPackage[] }>();
  for (const each of packages) {
    const known = osvPackageOf(each);
    if (known === undefined || each.purl === undefined) continue;
    const entry = asked.get(keyOf(known)) ?? { known, purl: purlFor(each.purl, known), packages: [] };
    entry.packages.push(each);
    asked.set(keyOf(known), entry);
  }
  return asked;
}

function purlFor(purl: string, { ecosystem, name, version }: OsvPackage): string {
  const family = familyOf(ecosystem).toLowerCase();
  const [, release = ""] = ecosystem.split(":", 2);
  if (!/^pkg:(?:deb|apk)\//i.test(purl)) return purl;
  const type = purl.toLowerCase().startsWith("pkg:deb/") ? "deb" : "apk";
  const distro = release === "" ? "" : `?distro=${family}-${release.replace(/^v/, "")}`;
  return `pkg:${type}/${family}/${encodeURIComponent(name)}@${encodeURIComponent(version)}${distro}`;
}

/**
 * It reads names from here and everything else from the purls: without its namespace, `@angular/core` would be any `core`.
 * @see https://cyclonedx.org/docs/1.5/json/
 */
function documentOf(asked: readonly Asked[]): object {
  const components = asked.map(({ known: { name, version }, purl }) => {
    return { type: "library", name, version, purl };
  });
  return { bomFormat: "CycloneDX", specVersion: "1.5", version: 1, components };
}

/** Answers about source packages, told of the packages that are installed. */
function named({ vulnerabilities, notes }: SourceAnswer, asked: ReadonlyMap<string, Asked>): SourceAnswer {
  return {
    notes,
    vulnerabilities: vulnerabilities.flatMap((found) => {
      const { type: ecosystem, name, version } = found.package;
      const installed = asked.get(keyOf({ ecosystem, name, version }))?.packages ?? [];
      if (installed.length === 0) return [found];
      return installed.map((each) => ({ ...found, package: installedPackage(each) }));
    }),
  };
}

/**
 * Reads archives from a folder of this scan: versions 2.0 to 2.4 and later ones look into folders of different names. Archives of the
 * ecosystems that are asked for must hold something; which ones an image has is not known before.
 */
async function offlineArguments(
  { database, folder }: Call,
  families?: readonly string[],
): Promise<Result<readonly string[], ScanFailure>> {
  if (database === undefined) return ok([]);
  const found = await databaseFolder(database);
  if (!found.ok) return fail({ source, problem: "database-incomplete", detail: found.error.detail });
  const [empty] = await emptyArchives(found.value, families);
  if (empty !== undefined)
    return fail({ source, problem: "database-incomplete", detail: `${empty} holds no records` });
  const local = join(folder, "database");
  await mkdir(local);
  for (const name of ["osv-scalibr", "osv-scanner"]) await symlink(found.value, join(local, name), "dir");
  return ok(["--offline", "--local-db-path", local]);
}
