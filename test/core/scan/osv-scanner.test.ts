import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ok } from "../../../core/result.ts";
import { osvScanner } from "../../../core/scan/osv-scanner.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { zipArchive } from "../../support/zip.ts";
import { testScanner, type ScannerScript } from "../../support/scanner.ts";

const signal = AbortSignal.timeout(60_000);
const recorded = readFileSync(new URL("../../../fixtures/scan/osv-scanner.json", import.meta.url), "utf8");

const PURLS = [
  "pkg:deb/debian/libssl3@3.0.13-1?arch=amd64&distro=debian-12&upstream=openssl",
  "pkg:deb/debian/openssl@3.0.13-1?arch=amd64&distro=debian-12",
  "pkg:npm/left-pad@1.3.0",
  "pkg:generic/unknown@1",
];
const image = { layout: "/nowhere", archive: async () => ok("/nowhere.tar") };
const packages = PURLS.map((purl) => ({ name: purl.replace(/^.*\/(.*)@.*$/, "$1"), version: "v", purl }));

async function scan(script: ScannerScript, given = packages) {
  const scanner = await testScanner("osv-scanner", script);
  return {
    scanner,
    answered: await osvScanner(scanner.host).scan({ kind: "packages", packages: given }, signal),
  };
}

test("asks for source packages, and tells of those that are installed", async () => {
  const { scanner, answered } = await scan({ stdout: recorded, exitCode: 1 });
  const asked: unknown = JSON.parse(await scanner.given());
  expect(asked).toMatchObject({
    bomFormat: "CycloneDX",
    components: [
      { name: "openssl", version: "3.0.13-1", purl: "pkg:deb/debian/openssl@3.0.13-1?distro=debian-12" },
      { name: "left-pad", version: "1.3.0", purl: "pkg:npm/left-pad@1.3.0" },
    ],
  });
  expect(await scanner.argv()).toEqual([
    "scan",
    "source",
    "--format",
    "json",
    "--all-packages",
    "--lockfile",
    expect.stringMatching(/packages\.cdx\.json$/),
  ]);
  expect(answered.ok && answered.value.vulnerabilities.map(({ id, package: about }) => [id, about])).toEqual([
    ["GHSA-aaaa-bbbb-cccc", { name: "left-pad", version: "v", purl: PURLS[2], type: "npm" }],
    ["DEBIAN-CVE-2024-2222", { name: "libssl3", version: "v", purl: PURLS[0], type: "deb" }],
    ["DEBIAN-CVE-2024-2222", { name: "openssl", version: "v", purl: PURLS[1], type: "deb" }],
  ]);
});

// It takes names as they stand here, and no namespace from the purl.
test("gives packages the names that OSV has for them", async () => {
  const given = [
    "pkg:npm/%40angular/core@17.0.0",
    "pkg:golang/github.com/spf13/cobra@v1.8.0",
    "pkg:maven/org.example/lib@1.0",
    "pkg:composer/symfony/http-kernel@6.0.0",
    "pkg:pypi/Flask_Cors@4.0",
  ].map((purl) => ({ name: "as the SBOM says", version: "v", purl }));
  const found = (name: string, version: string, ecosystem: string): object => ({
    package: { name, version, ecosystem },
    vulnerabilities: [{ id: `OF-${ecosystem}` }],
  });
  const packagesOfAnswer = [
    found("github.com/spf13/cobra", "v1.8.0", "Go"),
    found("flask-cors", "4.0", "PyPI"),
    found("@angular/core", "17.0.0", "npm"),
  ];
  const stdout = JSON.stringify({ results: [{ packages: packagesOfAnswer }] });
  const { scanner, answered } = await scan({ stdout, exitCode: 1 }, given);
  expect(JSON.parse(await scanner.given())).toMatchObject({
    components: [
      { name: "@angular/core", purl: given[0]?.purl },
      { name: "github.com/spf13/cobra", purl: given[1]?.purl },
      { name: "org.example:lib", purl: given[2]?.purl },
      { name: "symfony/http-kernel", purl: given[3]?.purl },
      { name: "flask-cors", purl: given[4]?.purl },
    ],
  });
  expect(
    answered.ok && answered.value.vulnerabilities.map(({ id, package: about }) => [id, about.purl]),
  ).toEqual([
    ["OF-Go", given[1]?.purl],
    ["OF-PyPI", given[4]?.purl],
    ["OF-npm", given[0]?.purl],
  ]);
});

describe("is no answer", () => {
  test.each([
    [
      "a database that is missing",
      { stdout: recorded, exitCode: 1, stderr: "x\ncould not load db for Debian ecosystem: no\n" },
      "database-incomplete",
      "Debian",
    ],
    [
      "an error",
      { stdout: recorded, exitCode: 127, stderr: "no network\n" },
      "source-failed",
      "it ended with 127; no network",
    ],
    [
      "no packages, where there are some",
      { exitCode: 128, stderr: "No package sources found\n" },
      "source-failed",
      "it sees none of the packages",
    ],
    ["another end", { stdout: recorded, exitCode: 2 }, "source-failed", "it ended with 2"],
    ["no JSON", { stdout: "oops" }, "answer-invalid", "it did not print JSON"],
    ["other JSON", { stdout: '{"results":[{"packages":["x"]}]}' }, "answer-invalid", "its JSON is not"],
  ])("%s", async (_, script, problem, detail) => {
    const { answered } = await scan(script);
    expect(answered).toMatchObject({ ok: false, error: { source: "osv-scanner", problem } });
    expect(answered.ok ? "" : answered.error.detail).toContain(detail);
  });

  test("archives that hold nothing, of which it would say that nothing is found", async () => {
    const folder = await temporaryFolder();
    for (const family of ["npm", "Debian", "Go"]) {
      await mkdir(join(folder, family));
      await writeFile(join(folder, family, "all.zip"), zipArchive([]));
    }
    await writeFile(join(folder, "Debian", "all.zip"), zipArchive([{ name: "a.json", content: "{}" }]));
    const { host } = await testScanner("osv-scanner", { stdout: recorded, exitCode: 1 });
    const answers = [
      await osvScanner(host, folder).scan({ kind: "packages", packages }, signal),
      await osvScanner(host, folder).scan({ kind: "image", image }, signal),
    ];
    expect(answers).toMatchObject(
      ["npm", "Go"].map((family) => ({
        ok: false,
        error: {
          problem: "database-incomplete",
          detail: `${join(folder, family, "all.zip")} holds no records`,
        },
      })),
    );
  });

  test("what it cannot know", async () => {
    const { answered } = await scan({ stdout: recorded }, [
      { name: "bash", version: "5", purl: "pkg:rpm/fedora/bash@5?distro=fedora-39" },
    ]);
    expect(answered).toMatchObject({ ok: false, error: { problem: "database-incomplete" } });
  });
});

test("is not asked for nothing", async () => {
  const { answered } = await scan({ exitCode: 127 }, []);
  expect(answered).toEqual({ ok: true, value: { vulnerabilities: [], notes: [] } });
});

test("must be of version 2", async () => {
  const available = async (version: string): Promise<boolean> => {
    const { host } = await testScanner("osv-scanner", { version });
    return (await osvScanner(host).available(signal)).ok;
  };
  expect([await available("1.9.2"), await available("2.0.0"), await available("3.1.4")]).toEqual([
    false,
    true,
    true,
  ]);
});
