import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ScanHost } from "../../core/scan/host.ts";
import { temporaryFolder } from "./registry-rig.ts";

/** What a stand-in for a scanner prints, and how it ends. */
export interface ScannerScript {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
  readonly version?: string;
}

/** A stand-in for a scanner on a PATH of its own, and what it was given last. */
export interface TestScanner {
  readonly host: ScanHost;
  readonly argv: () => Promise<readonly string[]>;
  readonly env: () => Promise<ReadonlyMap<string, string>>;
  /** The file that its last argument names. */
  readonly given: () => Promise<string>;
}

/** Puts a program of this name on a PATH, with these variables beside it. */
export async function testScanner(
  name: string,
  { stdout = "", stderr = "", exitCode = 0, version = "2.5.0" }: ScannerScript = {},
  env: Readonly<Record<string, string>> = {},
): Promise<TestScanner> {
  const folder = await temporaryFolder();
  const at = (file: string): string => join(folder, file);
  await mkdir(at("temporary"));
  await writeFile(at("stdout"), stdout);
  await writeFile(at("stderr"), stderr);
  const lines = [
    "#!/bin/sh",
    `if [ "$1" = --version ]; then echo "${name} version: ${version}"; exit 0; fi`,
    `cd "${folder}"`,
    "env > env",
    `printf '%s\\n' "$@" > argv`,
    "for last; do :; done",
    `last="\${last#*:}"`,
    `[ -f "$last" ] && cp "$last" given`,
    "cat stdout",
    "cat stderr >&2",
    `exit ${exitCode}`,
  ];
  await writeFile(at(name), `${lines.join("\n")}\n`);
  await chmod(at(name), 0o755);
  const read = async (file: string): Promise<readonly string[]> =>
    (await readFile(at(file), "utf8")).trimEnd().split("\n");
  return {
    host: {
      env: { PATH: `${folder}:/usr/bin:/bin`, ...env },
      temporary: at("temporary"),
      userAgent: "test/1",
    },
    argv: async () => await read("argv"),
    env: async () =>
      new Map(
        (await read("env")).map((line) => [
          line.slice(0, line.indexOf("=")),
          line.slice(line.indexOf("=") + 1),
        ]),
      ),
    given: async () => await readFile(at("given"), "utf8"),
  };
}
