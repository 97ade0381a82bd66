import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../result.ts";
import type { ScanHost } from "./host.ts";
import type { ScanFailure, ScanInput, SourceAnswer, VulnerabilitySource } from "./source.ts";
import { findScanner, guarded, inFolder, jsonOf, runScanner, type Scanner } from "./tool.ts";

/** A scanner that takes a file or a folder and prints one JSON document. */
export interface ExternalScanner extends Scanner {
  readonly install: string;
  /** Asks whether it works at all; undefined where being on the PATH is enough. */
  readonly probe?: readonly string[];
  /** For an SBOM in this file, or an OCI layout in this folder. */
  readonly argv: (input: { readonly kind: "sbom" | "image"; readonly path: string }) => readonly string[];
  readonly exitCodes: readonly number[];
  readonly read: (json: unknown) => Result<SourceAnswer, ScanFailure>;
}

/** The source that a scanner is, where it is installed. */
export function externalSource(scanner: ExternalScanner, host: ScanHost): VulnerabilitySource {
  const { name: source, install } = scanner;
  return {
    name: source,
    takes: ["sbom", "image"],
    available: async (signal) => {
      if (findScanner(scanner, host) === undefined)
        return fail({ source, detail: `${scanner.program} is not on the PATH`, install });
      const { probe } = scanner;
      if (probe === undefined) return ok(undefined);
      const works = await guarded(() =>
        inFolder(host, (folder) => runScanner(scanner, probe, host, { folder, exitCodes: [0], signal })),
      );
      return works.ok ? ok(undefined) : fail({ source, detail: works.error.detail, install });
    },
    scan: async (input, signal) =>
      await inFolder(host, async (folder) => {
        const place = await placeOf(input, folder);
        if (place === undefined)
          return fail({ source, problem: "no-sbom", detail: "it is given SBOMs and images, not packages" });
        const { exitCodes, read } = scanner;
        const ran = await runScanner(scanner, scanner.argv(place), host, { folder, exitCodes, signal });
        if (!ran.ok) return ran;
        const json = jsonOf(ran.value.stdout, source);
        return json.ok ? read(json.value) : json;
      }),
  };
}

/** Scanners tell formats by the ends of names, too. */
async function placeOf(
  input: ScanInput,
  folder: string,
): Promise<{ readonly kind: "sbom" | "image"; readonly path: string } | undefined> {
  if (input.kind === "packages") return undefined;
  if (input.kind === "image") return { kind: "image", path: input.image.layout };
  const path = join(folder, input.format === "spdx" ? "sbom.spdx.json" : "sbom.cdx.json");
  await writeFile(path, input.bytes);
  return { kind: "sbom", path };
}
