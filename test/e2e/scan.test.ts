import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { graphOf, provenance, PROVENANCE, SPDX, type TestPlatform } from "../support/attested.ts";
import type { TestImage } from "../support/images.ts";
import { VECTORS, writeDatabase, type TestRecord } from "../support/osv-database.ts";
import { layerOf, programImage } from "../support/program-images.ts";
import { putGraph, putImage, readRaw } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

const RECORDS: readonly TestRecord[] = [
  {
    id: "DEBIAN-CVE-2024-2961",
    upstream: ["CVE-2024-2961"],
    summary: "iconv writes beyond its buffer",
    ecosystem: "Debian:12",
    package: "glibc",
    fixed: "2.36-9+deb12u6",
    vector: VECTORS.high,
  },
  {
    id: "DEBIAN-CVE-2024-1111",
    upstream: ["CVE-2024-1111"],
    ecosystem: "Debian:12",
    package: "zlib",
    vector: VECTORS.low,
  },
  // Of another release of the distribution, and of a version that is mended already.
  {
    id: "DEBIAN-CVE-2024-2222",
    ecosystem: "Debian:11",
    package: "glibc",
    vector: VECTORS.critical,
  },
  {
    id: "DEBIAN-CVE-2024-3333",
    ecosystem: "Debian:12",
    package: "glibc",
    fixed: "2.36-8",
    vector: VECTORS.critical,
  },
];

/** A package as BuildKit's scanner lists it, and as dpkg does. */
interface Installed {
  readonly name: string;
  readonly source: string;
  readonly version: string;
}

const LIBC: Installed = { name: "libc6", source: "glibc", version: "2.36-9+deb12u4" };
const ZLIB: Installed = { name: "zlib1g", source: "zlib", version: "1:1.2.13.dfsg-1" };

/** @see https://spdx.github.io/spdx-spec/v2.3/ */
function spdxOf(architecture: string, installed: readonly Installed[]): object {
  return {
    spdxVersion: "SPDX-2.3",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "sbom",
    packages: installed.map(({ name, source, version }) => ({
      SPDXID: `SPDXRef-Package-${name}`,
      name,
      versionInfo: version,
      externalRefs: [
        {
          referenceCategory: "PACKAGE-MANAGER",
          referenceType: "purl",
          referenceLocator: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12&upstream=${source}`,
        },
      ],
    })),
  };
}

/** What dpkg and the distribution leave in an image. */
function debianLayer(architecture: string, installed: readonly Installed[]): Buffer {
  const status = installed.map(({ name, source, version }) =>
    [
      `Package: ${name}`,
      "Status: install ok installed",
      `Architecture: ${architecture}`,
      `Source: ${source}`,
      `Version: ${version}`,
      "Maintainer: Nobody <nobody@example.com>",
      "Description: a library",
    ].join("\n"),
  );
  return layerOf({
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    "var/lib/dpkg/status": `${status.join("\n\n")}\n`,
  });
}

function platformOf(
  architecture: string,
  installed: readonly Installed[],
  layers = [debianLayer(architecture, installed)],
): TestPlatform {
  return {
    config: { os: "linux", architecture },
    image: programImage(architecture, layers),
    attest: (digest) => [
      { predicateType: SPDX, subjects: [digest], predicate: spdxOf(architecture, installed) },
      provenance(digest),
    ],
  };
}

function withoutAttestations({ config, image }: TestPlatform): TestPlatform {
  return { config, ...(image !== undefined && { image }) };
}

async function stored(path: string, ...platforms: readonly TestPlatform[]): Promise<string> {
  await putGraph({ registry: registry.host, path }, graphOf(...platforms), "v1");
  return `${registry.host}/${path}:v1`;
}

/** A project folder with a database in `db`. */
async function openScanRig(): Promise<Rig> {
  const rig = await openRig();
  await writeDatabase(join(rig.directory, "db"), RECORDS);
  return rig;
}

async function scan(rig: Rig, ...argv: readonly string[]): Promise<Ran> {
  return await rig.run(["scan", ...argv], { XDG_CACHE_HOME: join(rig.directory, "cache") });
}

interface Answer {
  readonly ok: boolean;
  readonly source: string;
  readonly notes: readonly string[];
  readonly platforms: readonly {
    readonly platform: string;
    readonly digest: string;
    readonly from: string;
    readonly packages?: number;
    readonly high: number;
    readonly base?: unknown;
  }[];
  readonly vulnerabilities: readonly {
    readonly id: string;
    readonly severity: string;
    readonly fixedVersion?: string;
    readonly package: { readonly name: string; readonly version: string };
    readonly platforms: readonly string[];
    readonly ignored: boolean;
    readonly stops: boolean;
  }[];
  readonly findings: readonly { readonly rule: string }[];
}

function answerOf({ stdout }: Ran): Answer {
  return JSON.parse(stdout);
}

const DATABASE = ["--source", "osv-database", "--database", "db", "--no-base"];
const SCANNER = ["--source", "osv-scanner", "--database", "db", "--no-base"];

describe("an image with SBOMs", () => {
  test("a line for each platform, a line for each vulnerability, and nothing on stderr", async () => {
    const rig = await openScanRig();
    const name = await stored("sbom", platformOf("amd64", [LIBC, ZLIB]), platformOf("arm64", [LIBC]));
    const ran = await scan(rig, name, ...DATABASE);
    expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: "" });
    const rows = ran.stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(rows.slice(4)).toEqual([
      ["PLATFORM", "PACKAGES", "FROM", "CRITICAL", "HIGH", "MEDIUM", "LOW"],
      ["linux/amd64", "2", "SBOM", "0", "1", "0", "1"],
      ["linux/arm64", "1", "SBOM", "0", "1", "0", "0"],
      [""],
      ["SEVERITY", "ID", "PACKAGE", "INSTALLED", "FIXED IN", "PLATFORMS"],
      ["high", "CVE-2024-2961", "libc6", "2.36-9+deb12u4", "2.36-9+deb12u6", "all"],
      ["low", "CVE-2024-1111", "zlib1g", "1:1.2.13.dfsg-1", "-", "linux/amd64"],
      [""],
      ["2 vulnerabilities"],
      [""],
    ]);
  });

  test("the gate: 4 where it is hit, 0 where what is found is milder, not mended or accepted", async () => {
    const rig = await openScanRig();
    const name = await stored("gate", platformOf("amd64", [LIBC, ZLIB]));
    const codes = async (...argv: readonly string[]): Promise<number> =>
      (await scan(rig, name, ...DATABASE, ...argv)).exitCode;
    expect(await codes("--fail-on", "high")).toBe(4);
    expect(await codes("--fail-on", "critical")).toBe(0);
    expect(await codes("--fail-on", "high", "--ignore", "cve-2024-2961")).toBe(0);
    expect(await codes("--fail-on", "low", "--only-fixed", "--ignore", "CVE-2024-2961")).toBe(0);
    expect(await codes("--fail-on", "low", "--ignore", "CVE-2024-2961")).toBe(4);
  });

  test("JSON says which vulnerabilities stop and which are accepted, SARIF where they are", async () => {
    const rig = await openScanRig();
    const name = await stored("json", platformOf("amd64", [LIBC, ZLIB]));
    const argv = ["--fail-on", "low", "--ignore", "CVE-2024-1111", "--json", "--sarif", "scan.sarif"];
    const ran = await scan(rig, name, ...DATABASE, ...argv);
    expect(ran.exitCode).toBe(4);
    expect(answerOf(ran)).toMatchObject({
      ok: false,
      source: "osv-database",
      platforms: [{ platform: "linux/amd64", from: "sbom", packages: 2, high: 1, low: 0 }],
      vulnerabilities: [
        { id: "CVE-2024-2961", fixedVersion: "2.36-9+deb12u6", ignored: false, stops: true },
        { id: "CVE-2024-1111", ignored: true, stops: false },
      ],
    });
    const log: unknown = JSON.parse(await readFile(join(rig.directory, "scan.sarif"), "utf8"));
    expect(log).toMatchObject({ runs: [{ results: [{ ruleId: "vulnerability", level: "error" }] }] });
  });

  test("only the platforms that are asked for; one that is not there is told", async () => {
    const rig = await openScanRig();
    const name = await stored("some", platformOf("amd64", [LIBC, ZLIB]), platformOf("arm64", [LIBC]));
    const one = await scan(rig, name, ...DATABASE, "--platforms", "linux/arm64", "--json");
    expect(answerOf(one).platforms.map(({ platform }) => platform)).toEqual(["linux/arm64"]);
    const none = await scan(rig, name, ...DATABASE, "--platforms", "linux/s390x", "--json");
    expect(none.exitCode).toBe(4);
    expect(answerOf(none).findings.map(({ rule }) => rule)).toEqual(["platform-missing"]);
  });

  test("osv-scanner finds the same as the database", async () => {
    await testTool("osv-scanner");
    const rig = await openScanRig();
    const name = await stored("same", platformOf("amd64", [LIBC, ZLIB]), platformOf("arm64", [LIBC]));
    const byScanner = answerOf(await scan(rig, name, ...SCANNER, "--json"));
    const byDatabase = answerOf(await scan(rig, name, ...DATABASE, "--json"));
    expect(byScanner).toEqual({ ...byDatabase, source: "osv-scanner" });
    expect(byScanner.vulnerabilities).toHaveLength(2);
  });
});

describe("an image without an SBOM", () => {
  test("osv-scanner finds its packages in the layers", async () => {
    await testTool("osv-scanner");
    const rig = await openScanRig();
    const bare = withoutAttestations(platformOf("amd64", [LIBC, ZLIB]));
    const ran = await scan(rig, await stored("bare", bare), ...SCANNER, "--json", "--fail-on", "high");
    expect(ran.exitCode).toBe(4);
    const { platforms, vulnerabilities } = answerOf(ran);
    expect(platforms).toMatchObject([{ platform: "linux/amd64", from: "layers", packages: 2, high: 1 }]);
    const attested = await stored("not-bare", platformOf("amd64", [LIBC, ZLIB]));
    const bySbom = answerOf(await scan(rig, attested, ...DATABASE, "--json"));
    const briefly = (found: Answer["vulnerabilities"]) =>
      found.map(({ id, severity, fixedVersion, package: { name, version } }) => ({
        id,
        severity,
        fixedVersion,
        name,
        version,
      }));
    expect(briefly(vulnerabilities)).toEqual(briefly(bySbom.vulnerabilities));
  });

  test("the same in a layout, and one platform by its digest", async () => {
    await testTool("osv-scanner");
    const rig = await openScanRig();
    const name = await stored("in-layout", withoutAttestations(platformOf("amd64", [LIBC])));
    expect(await rig.run(["copy", name, "oci-layout://out.tar:v1"])).toMatchObject({ exitCode: 0 });
    const ran = await scan(rig, "oci-layout://out.tar:v1", ...SCANNER, "--json");
    expect(ran.exitCode).toBe(0);
    expect(answerOf(ran).vulnerabilities.map(({ id }) => id)).toEqual(["CVE-2024-2961"]);
    const [platform] = answerOf(ran).platforms;
    const single = await scan(rig, name.replace(/:v1$/, `@${platform?.digest}`), ...SCANNER, "--json");
    expect(answerOf(single).vulnerabilities).toEqual(answerOf(ran).vulnerabilities);
  });

  test("a source that cannot look into layers does not let it pass", async () => {
    const rig = await openScanRig();
    const bare = withoutAttestations(platformOf("amd64", [LIBC]));
    const ran = await scan(rig, await stored("unknown", bare), ...DATABASE);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("could not be scanned");
    expect(ran.stderr).toContain("it has no SBOM, and osv-database cannot look into layers");
    expect(ran.stdout).toBe("");
  });
});

describe("the base image", () => {
  const base = layerOf({ "etc/os-release": "ID=debian\n" });

  /** Puts a base under a tag; answers its digest. */
  async function putBase(path: string, tag: string, layers: readonly Buffer[]): Promise<string> {
    const image: TestImage = programImage("amd64", layers);
    await putImage({ registry: registry.host, path }, image, tag);
    return image.manifest.descriptor.digest;
  }

  test("provenance and layers tell which it is, the registry what is newer", async () => {
    const rig = await openScanRig();
    const digest = await putBase("node", "22.3-slim", [base]);
    const tool = await putBase("golang", "1.22", [layerOf({ go: "go" })]);
    await putBase("node", "22.4-slim", [base, layerOf({ newer: "yes" })]);
    await putBase("node", "23.0", [layerOf({ another: "shape" })]);
    const platform = platformOf("amd64", [LIBC], [base, layerOf({ server: "x" })]);
    const host = registry.host.replace(":", "%3A");
    const materials = [
      { uri: `pkg:docker/${host}/golang@1.22?platform=linux%2Famd64`, digest: digestMap(tool) },
      { uri: `pkg:docker/${host}/node@22.3-slim?platform=linux%2Famd64`, digest: digestMap(digest) },
    ];
    const predicate = { buildDefinition: { resolvedDependencies: materials } };
    const name = await stored("on-base", {
      ...platform,
      attest: (image) => [
        ...(platform.attest?.(image) ?? []).filter(({ predicateType }) => predicateType === SPDX),
        { predicateType: PROVENANCE, subjects: [image], predicate },
      ],
    });
    const argv = DATABASE.filter((each) => each !== "--no-base");
    const ran = await scan(rig, name, ...argv);
    expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toMatch(/ BASE IMAGE +NEWER\nlinux\/amd64 .* \S+\/node:22\.3-slim +22\.4-slim$/m);
    const before = answerOf(await scan(rig, name, ...argv, "--json"));
    expect(before.platforms[0]?.base).toEqual({
      name: `${registry.host}/node:22.3-slim`,
      digest,
      newerTag: "22.4-slim",
    });
    const moved = await putBase("node", "22.3-slim", [base, layerOf({ mended: "yes" })]);
    const after = answerOf(await scan(rig, name, ...argv, "--json"));
    expect(after.platforms[0]?.base).toMatchObject({ moved, newerTag: "22.4-slim" });
  });
});

function digestMap(digest: string): Readonly<Record<string, string>> {
  return { sha256: digest.slice("sha256:".length) };
}

describe("no source", () => {
  test("5, and what to install", async () => {
    const rig = await openRig({ "empty/readme.txt": "nothing" });
    const name = await stored("none", platformOf("amd64", [LIBC]));
    const ran = await scan(rig, name, "--database", "empty", "--no-base", "--json");
    expect(ran.exitCode).toBe(5);
    expect(ran.stderr).toContain("osv-database");
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "scan-unavailable" }] });
    const env = { PATH: rig.directory };
    const grype = await rig.run(["scan", name, "--source", "grype"], env);
    expect(grype.exitCode).toBe(5);
    expect(grype.stderr).toContain("grype cannot look for vulnerabilities here");
  });

  test("2 for what is asked wrongly", async () => {
    const rig = await openRig();
    const wrong = async (...argv: readonly string[]): Promise<number> =>
      (await scan(rig, "registry.example/app:1", ...argv)).exitCode;
    expect(await wrong("--fail-on", "terrible")).toBe(2);
    expect(await wrong("--only-fixed")).toBe(2);
    expect(await wrong("--json", "--sarif")).toBe(2);
    expect(await wrong("--platforms", "linux/amr64")).toBe(2);
    expect(await wrong("--source", "rumour")).toBe(2);
  });
});

describe("the gate of a release", () => {
  const HOST = process.arch === "arm64" ? "arm64" : "amd64";

  /** An image for BuildKit that writes this SBOM of whatever it is given. */
  async function putGenerator(path: string, installed: readonly Installed[]): Promise<string> {
    const busybox = await readFile(join(ROOT, ".demo/busybox", HOST, "busybox"));
    const statement = JSON.stringify({
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: SPDX,
      predicate: spdxOf(HOST, installed),
    });
    const layers = [layerOf({ busybox, "sbom.spdx.json": statement })];
    const command = '/busybox cp /sbom.spdx.json "$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json"';
    const config = { Entrypoint: ["/busybox", "sh", "-c", command] };
    await putImage({ registry: registry.host, path }, programImage(HOST, layers, config), "1");
    return `${registry.host}/${path}:1`;
  }

  test("a build stops with 4 before the tag moves, and goes through once the vulnerability is accepted", async () => {
    const rig = await openScanRig();
    const generator = await putGenerator("generator", [LIBC]);
    const plan = (ignore: string): string => `version: 1
images:
  app:
    platforms: [linux/${HOST}]
    tags: ["${registry.host}/released:1"]
    attest: { sbom: "generator=${generator}" }
    scan: { fail-on: high, source: osv-database, database: db, ignore: [${ignore}] }
`;
    await rig.write({ Dockerfile: "FROM scratch\nCOPY hello.txt /\n", "hello.txt": "hello" });
    await rig.write({ "buildx-plan.yaml": plan("") });
    const argv = ["build", "--builder", inject("buildkit").address, "--no-check"];
    const stopped = await rig.run(argv);
    expect(stopped.stderr).toContain("app has vulnerabilities that must not be released");
    expect(stopped.stderr).toContain("libc6 2.36-9+deb12u4 has CVE-2024-2961 (high)");
    expect(stopped.stderr).toContain("Not released: no tag was moved.");
    expect(stopped.exitCode).toBe(4);
    expect(await readRaw({ registry: registry.host, path: "released" }, "1")).toBeUndefined();
    await rig.write({ "buildx-plan.yaml": plan("CVE-2024-2961") });
    expect(await rig.run(argv)).toMatchObject({ exitCode: 0 });
    expect(await readRaw({ registry: registry.host, path: "released" }, "1")).toBeDefined();
  });

  test("a build that nobody could scan ends with 5 before anything is built", async () => {
    const rig = await openRig({
      Dockerfile: "FROM scratch\nCOPY missing.txt /\n",
      "empty/readme.txt": "no archives",
      "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [linux/${HOST}]
    tags: ["${registry.host}/never:1"]
    scan: { fail-on: high, database: empty }
`,
    });
    const ran = await rig.run(["build", "--builder", inject("buildkit").address, "--no-check"]);
    expect(ran.stderr).toContain("nothing that looks for vulnerabilities is here");
    expect(ran.stderr).toContain("holds no archives of OSV");
    expect(ran.stderr).not.toContain("missing.txt");
    expect(ran.exitCode).toBe(5);
  });
});
