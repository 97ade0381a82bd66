import { expect, test } from "vitest";
import { scanGate } from "../../../core/scan/gate.ts";
import type { ScanGate } from "../../../core/plan/plan.ts";
import { attestation, SPDX } from "../../support/attested.ts";
import { makeImage } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { VECTORS, writeDatabase } from "../../support/osv-database.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";

const APP = { registry: "one.example", path: "app" };
const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };

/** Scans a release of one image that has left-pad 1.3.0, of which a critical vulnerability is known. */
async function gate(
  changes: Partial<ScanGate> = {},
  isAttested = true,
  referenceLocator = "pkg:npm/left-pad@1.3.0",
) {
  const database = await temporaryFolder();
  await writeDatabase(database, [
    {
      id: "GHSA-1",
      aliases: ["CVE-2024-1"],
      ecosystem: "npm",
      package: "left-pad",
      vector: VECTORS.critical,
    },
    { id: "GHSA-2", ecosystem: "Maven", package: "org.example:lib", fixed: "2.0" },
  ]);
  const registry = memoryRegistry();
  const image = makeImage({ os: "linux", architecture: "arm64" });
  const { digest } = image.manifest.descriptor;
  const predicate = {
    spdxVersion: "SPDX-2.3",
    packages: [
      { name: "left-pad", versionInfo: "1.3.0", externalRefs: [{ referenceType: "purl", referenceLocator }] },
    ],
  };
  const attested = attestation({ predicateType: SPDX, subjects: [digest], predicate });
  const entry = {
    ...attested.manifest.descriptor,
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": digest,
    },
  };
  registry.push(APP, image);
  registry.push(APP, attested);
  return await scanGate({
    of: "app",
    reference: "one.example/app",
    gate: {
      failOn: "high",
      onlyFixed: false,
      ignore: [],
      source: "osv-database",
      database,
      location,
      ...changes,
    },
    images: [
      {
        platform: platform("linux/arm64"),
        manifest: image.manifest.descriptor,
        attestations: isAttested ? [entry] : [],
      },
    ],
    store: registry.store(APP),
    host: { env: {}, temporary: "/nowhere", userAgent: "test/1" },
    signal: AbortSignal.timeout(60_000),
  });
}

const MESSAGE = "left-pad 1.3.0 has CVE-2024-1 (critical)";

test("stops a release with what it may not have", async () => {
  expect(await gate()).toMatchObject({
    ok: false,
    error: {
      kind: "vulnerabilities-found",
      of: "app",
      findings: [{ rule: "vulnerability", severity: "error", message: MESSAGE }],
    },
  });
});

test("lets a release go on with what does not count", async () => {
  expect(await gate({ onlyFixed: true })).toMatchObject({
    ok: true,
    value: [{ severity: "warning", message: MESSAGE }],
  });
  expect(await gate({ ignore: ["CVE-2024-1"] })).toEqual({ ok: true, value: [] });
});

test("tells what could not be told, and lets a release go on", async () => {
  expect(await gate({}, true, "pkg:maven/org.example/lib@1.0")).toMatchObject({
    ok: true,
    value: [{ rule: "vulnerability", severity: "note", facts: [expect.stringContaining("Maven")] }],
  });
});

test("stops a release that nobody could scan", async () => {
  expect(await gate({}, false)).toMatchObject({
    ok: false,
    error: { kind: "scan-failed", problem: "no-sbom" },
  });
  expect(await gate({ database: "/nowhere/at/all" })).toMatchObject({
    ok: false,
    error: { kind: "scan-unavailable", tried: [{ source: "osv-database" }] },
  });
});
