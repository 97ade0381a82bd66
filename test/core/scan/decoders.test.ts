import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readDockerScout } from "../../../core/scan/docker-scout.ts";
import { readGrype } from "../../../core/scan/grype.ts";
import { readOsvScanner } from "../../../core/scan/osv-scanner-report.ts";
import { readTrivy } from "../../../core/scan/trivy.ts";

const recorded: unknown = JSON.parse(
  readFileSync(new URL("../../../fixtures/scan/osv-scanner.json", import.meta.url), "utf8"),
);

describe("osv-scanner", () => {
  // Recorded from osv-scanner 2.5.0, offline, with a database of two records.
  test("what it really prints", () => {
    expect(readOsvScanner(recorded)).toEqual({
      ok: true,
      value: {
        vulnerabilities: [
          {
            id: "GHSA-aaaa-bbbb-cccc",
            aliases: ["CVE-2024-1111"],
            package: { name: "left-pad", version: "1.3.0", type: "npm" },
            severity: "critical",
            score: 9.8,
            fixedVersion: "1.3.1",
            title: "Prototype pollution",
            url: "https://osv.dev/vulnerability/GHSA-aaaa-bbbb-cccc",
          },
          {
            id: "DEBIAN-CVE-2024-2222",
            aliases: ["CVE-2024-2222"],
            package: { name: "openssl", version: "3.0.13-1", type: "Debian:12" },
            severity: "unknown",
            fixedVersion: "3.0.14-1",
            url: "https://osv.dev/vulnerability/DEBIAN-CVE-2024-2222",
          },
        ],
        packages: 3,
        notes: [],
      },
    });
  });

  const ofPackage = (vulnerability: object, more: object = {}) => ({
    results: [
      {
        packages: [
          {
            package: { name: "a", version: "1.0", ecosystem: "Maven" },
            vulnerabilities: [{ id: "X-1", ...vulnerability }],
            ...more,
          },
        ],
      },
    ],
  });

  test("believes it where versions cannot be ordered here, and takes its own score", () => {
    const affected = [
      {
        package: { ecosystem: "Maven", name: "a" },
        ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "2.0" }] }],
      },
    ];
    expect(
      readOsvScanner(ofPackage({ affected }, { groups: [{ ids: ["X-1"], max_severity: "7.5" }] })),
    ).toMatchObject({ value: { vulnerabilities: [{ id: "X-1", severity: "high", score: 7.5 }] } });
  });

  test("leaves out what is withdrawn or unimportant", () => {
    const unimportant = {
      package: { ecosystem: "Maven", name: "a" },
      versions: ["1.0"],
      ecosystem_specific: { urgency: "unimportant" },
    };
    expect(readOsvScanner(ofPackage({ withdrawn: "2024-01-01T00:00:00Z" }))).toMatchObject({
      value: { vulnerabilities: [] },
    });
    expect(readOsvScanner(ofPackage({ affected: [unimportant] }))).toMatchObject({
      value: { vulnerabilities: [] },
    });
  });

  test.each([{ results: null }, { results: [] }, {}, { results: [{ packages: null }] }])(
    "nothing: %j",
    (json) => {
      expect(readOsvScanner(json)).toEqual({
        ok: true,
        value: { vulnerabilities: [], packages: 0, notes: [] },
      });
    },
  );
});

describe("grype", () => {
  const match = {
    vulnerability: {
      id: "GHSA-aaaa-bbbb-cccc",
      dataSource: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
      namespace: "github:language:javascript",
      severity: "Critical",
      description: "Bad",
      cvss: [
        {
          version: "3.1",
          vector: "CVSS:3.1/...",
          metrics: { baseScore: 9.1, impactScore: 5.2 },
          vendorMetadata: {},
        },
      ],
      fix: { versions: ["1.3.1", "2.0.1"], state: "fixed" },
      advisories: [],
    },
    relatedVulnerabilities: [
      { id: "CVE-2024-1", namespace: "nvd:cpe", cvss: [{ metrics: { baseScore: 9.8 } }] },
    ],
    matchDetails: [{ type: "exact-direct-match" }],
    artifact: {
      name: "left-pad",
      version: "1.3.0",
      type: "npm",
      purl: "pkg:npm/left-pad@1.3.0",
      locations: [],
    },
  };

  test("what it documents", () => {
    expect(readGrype({ matches: [match], source: {}, descriptor: { name: "grype" } })).toEqual({
      ok: true,
      value: {
        vulnerabilities: [
          {
            id: "GHSA-aaaa-bbbb-cccc",
            aliases: ["CVE-2024-1"],
            package: { name: "left-pad", version: "1.3.0", purl: "pkg:npm/left-pad@1.3.0", type: "npm" },
            severity: "critical",
            score: 9.8,
            fixedVersion: "1.3.1",
            title: "Bad",
            url: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
          },
        ],
        notes: [],
      },
    });
  });

  test("no fix where it knows none", () => {
    const vulnerability = {
      id: "CVE-2024-2",
      severity: "Negligible",
      fix: { versions: ["2.0.0"], state: "wont-fix" },
    };
    expect(readGrype({ matches: [{ vulnerability, artifact: { name: "a" } }] })).toEqual({
      ok: true,
      value: {
        vulnerabilities: [
          { id: "CVE-2024-2", aliases: [], package: { name: "a", version: "", type: "" }, severity: "low" },
        ],
        notes: [],
      },
    });
  });
});

describe("trivy", () => {
  test("what it documents", () => {
    const found = {
      VulnerabilityID: "CVE-2024-1",
      VendorIDs: ["DSA-5000-1"],
      PkgID: "openssl@3.0.13-1",
      PkgName: "openssl",
      PkgIdentifier: { PURL: "pkg:deb/debian/openssl@3.0.13-1?distro=debian-12", UID: "1" },
      InstalledVersion: "3.0.13-1",
      FixedVersion: "3.0.14-1, 3.1.0-1",
      Severity: "HIGH",
      Title: "Bad",
      PrimaryURL: "https://avd.aquasec.com/nvd/cve-2024-1",
      CVSS: {
        nvd: { V3Vector: "CVSS:3.1/...", V3Score: 7.5 },
        redhat: { V3Score: 5.9 },
        ghsa: { V40Score: 8.7 },
      },
    };
    const results = [
      {
        Target: "app (debian 12)",
        Class: "os-pkgs",
        Type: "debian",
        Packages: [{}, {}],
        Vulnerabilities: [found],
      },
      { Target: "Node.js", Class: "lang-pkgs", Type: "node-pkg", Packages: [{}] },
    ];
    expect(readTrivy({ SchemaVersion: 2, ArtifactName: "sbom", Results: results })).toEqual({
      ok: true,
      value: {
        packages: 3,
        vulnerabilities: [
          {
            id: "CVE-2024-1",
            aliases: ["DSA-5000-1"],
            package: { name: "openssl", version: "3.0.13-1", purl: found.PkgIdentifier.PURL, type: "debian" },
            severity: "high",
            score: 8.7,
            fixedVersion: "3.0.14-1",
            title: "Bad",
            url: "https://avd.aquasec.com/nvd/cve-2024-1",
          },
        ],
        notes: [],
      },
    });
  });

  test.each([
    { SchemaVersion: 2 },
    { SchemaVersion: 2, Results: null },
    { SchemaVersion: 2, Results: [{ Vulnerabilities: null }] },
  ])("nothing: %j", (json) => {
    expect(readTrivy(json)).toEqual({ ok: true, value: { vulnerabilities: [], notes: [] } });
  });
});

describe("docker-scout", () => {
  const rule = {
    id: "CVE-2024-1",
    name: "OsPackageVulnerability",
    helpUri: "https://scout.docker.com/v/CVE-2024-1",
    help: { text: "Bad" },
    properties: {
      affected_version: "<3.0.14-1",
      cvssV3_severity: "HIGH",
      fixed_version: "3.0.14-1",
      purls: ["pkg:deb/debian/openssl@3.0.13-1?os_version=12", "pkg:npm/%40a/b@1.0.0"],
      "security-severity": "7.5",
      tags: ["HIGH"],
    },
  };
  const run = (rules: unknown, results: unknown) => ({
    version: "2.1.0",
    runs: [{ tool: { driver: { rules } }, results }],
  });
  const told = (answer: ReturnType<typeof readDockerScout>): unknown =>
    answer.ok
      ? answer.value.vulnerabilities.map(({ package: about, severity, score, fixedVersion = "never" }) => [
          about.name,
          about.version,
          severity,
          score,
          fixedVersion,
        ])
      : answer.error.problem;

  test("the package of a result", () => {
    const text = [
      "  Vulnerability   : CVE-2024-1",
      "  Severity        : CRITICAL",
      "  Package         : pkg:npm/%40a/b@1.0.0",
      "  Affected range  : <1.0.1",
      "  Fixed version   : 1.0.1",
    ].join("\n");
    expect(told(readDockerScout(run([rule], [{ ruleId: "CVE-2024-1", message: { text } }])))).toEqual([
      ["@a/b", "1.0.0", "critical", 7.5, "1.0.1"],
    ]);
    const unfixed = text.replace(": 1.0.1", ": not fixed");
    expect(
      told(readDockerScout(run([rule], [{ ruleId: "CVE-2024-1", message: { text: unfixed } }]))),
    ).toEqual([["@a/b", "1.0.0", "critical", 7.5, "never"]]);
  });

  test("all packages of the rule where a result names none", () => {
    expect(
      told(readDockerScout(run([rule], [{ ruleId: "CVE-2024-1", message: { text: "found" } }]))),
    ).toEqual([
      ["openssl", "3.0.13-1", "high", 7.5, "3.0.14-1"],
      ["@a/b", "1.0.0", "high", 7.5, "3.0.14-1"],
    ]);
  });

  test("one package of older versions, a severity by its score", () => {
    const properties = {
      purl: "pkg:maven/g/a@29.0",
      "security-severity": "9.8",
      cvssV3_severity: "UNSPECIFIED",
    };
    expect(
      told(readDockerScout(run([{ id: "CVE-2024-1", properties }], [{ ruleId: "CVE-2024-1" }]))),
    ).toEqual([["a", "29.0", "critical", 9.8, "never"]]);
  });

  test("nothing, and results that nobody can read", () => {
    expect(told(readDockerScout(run([], [])))).toEqual([]);
    expect(told(readDockerScout(run(null, null)))).toEqual([]);
    expect(told(readDockerScout(run([], [{ ruleId: "CVE-2024-1" }])))).toBe("answer-invalid");
    expect(told(readDockerScout(run([{ id: "CVE-2024-1" }], [{ ruleId: "CVE-2024-1" }])))).toBe(
      "answer-invalid",
    );
  });
});

describe("an answer that is not what it should be is none", () => {
  const READERS = {
    "osv-scanner": readOsvScanner,
    grype: readGrype,
    trivy: readTrivy,
    "docker-scout": readDockerScout,
  };

  test.each([
    ["osv-scanner", [null, [], "x", { results: "x" }, { results: [1] }, { results: [{ packages: ["x"] }] }]],
    [
      "osv-scanner",
      [
        { results: [{ packages: [{ package: {}, vulnerabilities: "none" }] }] },
        { results: [{ packages: [{ package: {}, vulnerabilities: [{ aliases: [] }] }] }] },
      ],
    ],
    [
      "grype",
      [null, {}, { matches: [{}] }, { matches: [{ vulnerability: { id: "X" } }] }, { matches: null }],
    ],
    ["trivy", [null, {}, { Results: [] }, { SchemaVersion: 2, Results: [{ Vulnerabilities: [{}] }] }]],
    ["docker-scout", [null, {}, { runs: [{}] }, { runs: [{ tool: { driver: {} }, results: [{}] }] }]],
  ] as const)("%s", (source, answers) => {
    for (const json of answers)
      expect(READERS[source](json)).toMatchObject({
        ok: false,
        error: { source, problem: "answer-invalid" },
      });
  });
});
