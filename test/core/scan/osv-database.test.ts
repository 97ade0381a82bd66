import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { SbomPackage } from "../../../core/oci/sbom.ts";
import { osvDatabase } from "../../../core/scan/osv-database.ts";
import type { ScanInput } from "../../../core/scan/source.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { zipArchive, type ZipFile } from "../../support/zip.ts";

const signal = AbortSignal.timeout(60_000);

const recordOf = (
  id: string,
  ecosystem: string,
  name: string,
  fixed: string,
  more: object = {},
): ZipFile => ({
  name: `${id}.json`,
  content: JSON.stringify({
    id,
    schema_version: "1.7.0",
    modified: "2024-01-01T00:00:00Z",
    affected: [
      {
        package: { ecosystem, name },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed }] }],
      },
    ],
    ...more,
  }),
});

const LEFT_PAD = recordOf("GHSA-aaaa-bbbb-cccc", "npm", "left-pad", "1.3.1", {
  aliases: ["CVE-2024-1"],
  summary: "Bad",
});
const OPENSSL = recordOf("DEBIAN-CVE-2024-2", "Debian:12", "openssl", "3.0.14-1", {
  upstream: ["CVE-2024-2"],
});

/** A folder of archives: files or bytes by their place. */
async function databaseOf(
  archives: Readonly<Record<string, readonly ZipFile[] | Uint8Array>>,
): Promise<string> {
  const folder = await temporaryFolder();
  for (const [place, content] of Object.entries(archives)) {
    await mkdir(join(folder, place), { recursive: true });
    const bytes = content instanceof Uint8Array ? content : zipArchive(content);
    await writeFile(join(folder, place, "all.zip"), bytes);
  }
  return folder;
}

const packageOf = (purl: string): SbomPackage => ({ name: purl, version: "", purl });
const LIBSSL = packageOf("pkg:deb/debian/libssl3@3.0.13-1?distro=debian-12&upstream=openssl");

const sourceOf = (database?: string, env: Readonly<Record<string, string>> = {}) =>
  osvDatabase({ env, temporary: "/nowhere", userAgent: "test/1" }, database);

async function scan(database: string, purls: readonly (string | SbomPackage)[], stop: AbortSignal = signal) {
  const packages = purls.map((each) => (typeof each === "string" ? packageOf(each) : each));
  return await sourceOf(database).scan({ kind: "packages", packages }, stop);
}

/** What is found, `package id fixed`, or how it fails. */
async function found(
  database: string,
  ...purls: readonly (string | SbomPackage)[]
): Promise<readonly string[]> {
  const answered = await scan(database, purls);
  if (!answered.ok) return [`${answered.error.problem}: ${answered.error.detail}`];
  const { vulnerabilities, notes } = answered.value;
  return [
    ...vulnerabilities.map(
      ({ id, package: { name }, fixedVersion = "never" }) => `${name} ${id} ${fixedVersion}`,
    ),
    ...notes,
  ];
}

describe("finds what an archive says", () => {
  test.each(["", "osv-scanner/", "osv-scalibr/"])("in <folder>/%s<Ecosystem>/all.zip", async (place) => {
    const folder = await databaseOf({ [`${place}npm`]: [LEFT_PAD], [`${place}Debian`]: [OPENSSL] });
    expect(await sourceOf(folder).available(signal)).toEqual({ ok: true, value: undefined });
    expect(
      await found(folder, "pkg:npm/left-pad@1.3.0", "pkg:npm/left-pad@1.3.1", "pkg:npm/safe@1.0.0", LIBSSL),
    ).toEqual([
      "pkg:npm/left-pad@1.3.0 GHSA-aaaa-bbbb-cccc 1.3.1",
      `${LIBSSL.purl} DEBIAN-CVE-2024-2 3.0.14-1`,
    ]);
  });

  test("with all that is told", async () => {
    const folder = await databaseOf({ npm: [LEFT_PAD] });
    expect(await scan(folder, ["pkg:npm/left-pad@1.3.0"])).toEqual({
      ok: true,
      value: {
        vulnerabilities: [
          {
            id: "GHSA-aaaa-bbbb-cccc",
            aliases: ["CVE-2024-1"],
            package: {
              name: "pkg:npm/left-pad@1.3.0",
              version: "",
              purl: "pkg:npm/left-pad@1.3.0",
              type: "npm",
            },
            severity: "unknown",
            fixedVersion: "1.3.1",
            title: "Bad",
            url: "https://osv.dev/vulnerability/GHSA-aaaa-bbbb-cccc",
          },
        ],
        notes: [],
      },
    });
  });

  test("under names that are written otherwise", async () => {
    const folder = await databaseOf({
      PyPI: [recordOf("PYSEC-1", "PyPI", "Flask_Cors", "2.0")],
      npm: [
        {
          name: "1.json",
          content: LEFT_PAD.content.toString().replace("left-pad", String.raw`left\u002dpad`),
        },
      ],
    });
    expect(await found(folder, "pkg:pypi/flask-cors@1.0", "pkg:npm/left-pad@1.0.0")).toEqual([
      "pkg:pypi/flask-cors@1.0 PYSEC-1 2.0",
      "pkg:npm/left-pad@1.0.0 GHSA-aaaa-bbbb-cccc 1.3.1",
    ]);
  });

  test("and says what it cannot order", async () => {
    const folder = await databaseOf({ Maven: [recordOf("GHSA-m", "Maven", "g:a", "2.0")] });
    expect(await found(folder, "pkg:maven/g/a@1.0")).toEqual([
      "versions of Maven are only compared with those that records list one by one",
    ]);
  });

  test("where osv-scanner's own variable says", async () => {
    const folder = await databaseOf({ npm: [LEFT_PAD] });
    const source = sourceOf(undefined, { OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY: folder });
    expect(await source.available(signal)).toMatchObject({ ok: true });
  });
});

describe("is not there", () => {
  test("without a folder, or with one that holds no archive", async () => {
    expect(await sourceOf().available(signal)).toMatchObject({
      ok: false,
      error: { detail: "no folder is given" },
    });
    const empty = await databaseOf({});
    expect(await sourceOf(empty).available(signal)).toMatchObject({
      ok: false,
      error: { source: "osv-database", detail: `${empty} holds no archives of OSV` },
    });
    expect(await found(empty, "pkg:npm/a@1.0.0")).toEqual([
      `database-incomplete: ${empty} holds no archives of OSV`,
    ]);
  });

  test("for an ecosystem whose archive is missing", async () => {
    const folder = await databaseOf({ npm: [LEFT_PAD] });
    expect(await found(folder, "pkg:npm/left-pad@1.3.0", "pkg:cargo/rand@0.8.5")).toEqual([
      `database-incomplete: there is no database of crates.io: ${folder}/crates.io/all.zip`,
    ]);
  });

  test.each([
    ["nothing", []],
    ["no records", [{ name: "README.md", content: "moved" }]],
  ])("for an ecosystem whose archive holds %s", async (_, files) => {
    const folder = await databaseOf({ npm: files });
    expect(await found(folder, "pkg:npm/left-pad@1.3.0")).toEqual([
      `database-incomplete: ${folder}/npm/all.zip holds no records`,
    ]);
  });

  test("for packages of a distribution that nobody knows, nor for images", async () => {
    const folder = await databaseOf({ npm: [LEFT_PAD] });
    expect(await found(folder, "pkg:rpm/fedora/bash@5?distro=fedora-39")).toEqual([
      expect.stringContaining("database-incomplete: OSV does not know the release"),
    ]);
    const image: ScanInput = { kind: "sbom", format: "spdx", bytes: new Uint8Array() };
    expect(await sourceOf(folder).scan(image, signal)).toMatchObject({
      ok: false,
      error: { problem: "no-sbom" },
    });
  });
});

describe("an archive that is damaged or hostile is a failure", () => {
  const good = zipArchive([LEFT_PAD]);
  const bomb = Buffer.alloc(17 * 1024 * 1024, 0x20);

  test.each([
    ["empty", Buffer.alloc(0), ""],
    ["no zip", Buffer.from("x".repeat(1000)), ""],
    ["cut", good.subarray(0, good.length - 30), ""],
    [
      "with damaged content",
      Buffer.concat([good.subarray(0, 60), Buffer.alloc(20, 0xff), good.subarray(80)]),
      "",
    ],
    [
      "with a record that is none",
      zipArchive([{ name: "a.json", content: '{"name":"left-pad"}' }]),
      "a.json is no record of OSV",
    ],
    [
      "with a record that is no JSON",
      zipArchive([{ name: "a.json", content: '"name":"left-pad"' }]),
      "a.json is no record of OSV",
    ],
    [
      "with a huge record",
      zipArchive([{ name: "a.json", content: bomb }]),
      `a.json has ${bomb.length} bytes`,
    ],
    [
      "with a huge record that says it is small",
      zipArchive([{ name: "a.json", content: bomb, said: 100 }]),
      "",
    ],
    [
      "with a path that leads outside",
      zipArchive([{ ...LEFT_PAD, name: "../../outside.json" }]),
      "outside.json",
    ],
    ["with an absolute path", zipArchive([{ ...LEFT_PAD, name: "/outside.json" }]), "outside.json"],
    [
      "of more bytes than any has",
      zipArchive(
        Array.from({ length: 5 }, (_, at) => ({ name: `${at}.txt`, content: "x", said: 0xff_ff_ff_fe })),
      ),
      "more than",
    ],
  ])("%s", async (_, bytes, detail) => {
    const folder = await databaseOf({ npm: bytes });
    const answered = await scan(folder, ["pkg:npm/left-pad@1.3.0"]);
    expect(answered).toMatchObject({ ok: false, error: { source: "osv-database", problem: "unreadable" } });
    expect(answered.ok ? "" : answered.error.detail).toContain(detail);
    expect(answered.ok ? "" : answered.error.detail).toContain(`${folder}/npm/all.zip: `);
    expect(await readdir(folder, { recursive: true })).toEqual(["npm", join("npm", "all.zip")]);
  });

  test("other files beside the records are passed over", async () => {
    const folder = await databaseOf({ npm: [{ name: "README.md", content: '"name":"left-pad"' }, LEFT_PAD] });
    expect(await found(folder, "pkg:npm/left-pad@1.0.0")).toHaveLength(1);
  });
});

test("ends where it is interrupted", async () => {
  const folder = await databaseOf({ npm: [LEFT_PAD] });
  expect(await scan(folder, ["pkg:npm/left-pad@1.0.0"], AbortSignal.abort())).toMatchObject({
    ok: false,
    error: { problem: "cancelled" },
  });
});
