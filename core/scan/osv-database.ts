import type { SbomPackage } from "../oci/sbom.ts";
import { fail, ok, type Result } from "../result.ts";
import { readArchive } from "./archive.ts";
import { archiveOf, databaseFolder } from "./database-folder.ts";
import { familyOf, osvPackageOf, systemPackagesUnknown } from "./ecosystem.ts";
import type { ScanHost } from "./host.ts";
import { matchRecords, type KnownPackage, type Matched } from "./match.ts";
import type { ScanFailure, SourceAnswer, VulnerabilitySource } from "./source.ts";

const source = "osv-database" as const;

/** OSV's own archives in a folder: no program, no network. */
export function osvDatabase(host: ScanHost, given?: string): VulnerabilitySource {
  // What osv-scanner itself goes by; later versions by the second.
  const database =
    given ??
    host.env["OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"] ??
    host.env["OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY"];
  return {
    name: source,
    takes: ["packages"],
    available: async () => {
      const install = "Name a folder of OSV's archives with `--database`, or `database` in the plan.";
      if (database === undefined || database === "")
        return fail({ source, detail: "no folder is given", install });
      const folder = await databaseFolder(database);
      return folder.ok ? ok(undefined) : fail({ source, ...folder.error });
    },
    scan: async (input, signal) => {
      if (input.kind !== "packages")
        return fail({ source, problem: "no-sbom", detail: "a database knows packages, not images" });
      const folder = await databaseFolder(database ?? "");
      if (!folder.ok) return fail({ source, problem: "database-incomplete", detail: folder.error.detail });
      return await lookUp(input.packages, folder.value, signal);
    },
  };
}

async function lookUp(
  packages: readonly SbomPackage[],
  folder: string,
  signal: AbortSignal,
): Promise<Result<SourceAnswer, ScanFailure>> {
  const unknown = systemPackagesUnknown(packages);
  if (unknown !== undefined) return fail({ source, problem: "database-incomplete", detail: unknown });
  const found: Matched[] = [];
  for (const [family, known] of byFamily(packages)) {
    const path = await archiveOf(folder, family);
    if (path === undefined) {
      const detail = `there is no database of ${family}: ${folder}/${family}/all.zip`;
      return fail({ source, problem: "database-incomplete", detail });
    }
    const names = known.map((each) => each.known.name);
    const records = await readArchive({ path, family }, names, signal);
    if (!records.ok) return fail({ source, ...records.error });
    found.push(matchRecords(records.value, known));
  }
  return ok({
    vulnerabilities: found.flatMap(({ vulnerabilities }) => vulnerabilities),
    notes: found.flatMap(({ notes }) => notes),
  });
}

function byFamily(packages: readonly SbomPackage[]): ReadonlyMap<string, readonly KnownPackage[]> {
  const families = new Map<string, KnownPackage[]>();
  for (const installed of packages) {
    const known = osvPackageOf(installed);
    if (known === undefined) continue;
    const family = familyOf(known.ecosystem);
    const list = families.get(family) ?? [];
    list.push({ installed, known });
    families.set(family, list);
  }
  return families;
}
