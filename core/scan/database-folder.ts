import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../result.ts";

/** osv-scanner keeps its archives in a folder within the one that it is given; later versions in the first of these. */
const WITHIN = ["osv-scalibr", "osv-scanner", ""];

/** What there is to say of a folder without archives. */
export interface NoDatabase {
  readonly detail: string;
  readonly install: string;
}

/** Finds the folder that holds `<Ecosystem>/all.zip`: the one that is given, or the one that osv-scanner makes within it. */
export async function databaseFolder(path: string): Promise<Result<string, NoDatabase>> {
  for (const name of WITHIN) {
    const folder = join(path, name);
    const entries = await readdir(folder).catch(() => []);
    for (const entry of entries.slice(0, 1000))
      if (await isThere(join(folder, entry, "all.zip"))) return ok(folder);
  }
  return fail({
    detail: `${path} holds no archives of OSV`,
    install:
      "Put the archive of each ecosystem at `<Ecosystem>/all.zip` there: `Debian/all.zip`, `npm/all.zip` (https://google.github.io/osv.dev/data/).",
  });
}

/** The archive of an ecosystem; undefined where there is none. */
export async function archiveOf(folder: string, family: string): Promise<string | undefined> {
  const path = join(folder, family, "all.zip");
  return (await isThere(path)) ? path : undefined;
}

/** A zip archive of nothing is its end alone. */
const EMPTY_ZIP_BYTES = 22;

/** The archives, of all ecosystems or of these, that hold nothing: osv-scanner takes them for having no vulnerabilities. */
export async function emptyArchives(
  folder: string,
  families?: readonly string[],
): Promise<readonly string[]> {
  const names = families ?? (await readdir(folder));
  const sized = await Promise.all(
    [...new Set(names)].toSorted().map(async (family) => {
      const path = await archiveOf(folder, family);
      return path !== undefined && (await stat(path)).size <= EMPTY_ZIP_BYTES ? [path] : [];
    }),
  );
  return sized.flat();
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
