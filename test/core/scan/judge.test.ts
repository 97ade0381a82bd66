import { describe, expect, test } from "vitest";
import type { ImageToScan } from "../../../core/scan/image-to-scan.ts";
import { acrossPlatforms, isHit, isIgnored, judge, type Gate } from "../../../core/scan/judge.ts";
import type { Vulnerability } from "../../../core/scan/source.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { digest } from "../../support/run-events.ts";
import { vulnerability } from "../../support/vulnerabilities.ts";

const GATE: Gate = { failOn: "high", onlyFixed: false, ignore: [] };

function image(name: string, vulnerabilities: readonly Vulnerability[]) {
  const about: ImageToScan = {
    reference: "one.example/app",
    platform: platform(name),
    store: memoryRegistry().store({ registry: "one.example", path: "app" }),
    manifest: digest("a"),
    statements: async () => await Promise.reject(new Error("nobody asks here")),
  };
  return { image: about, from: "sbom" as const, vulnerabilities };
}

describe("the gate", () => {
  test.each([
    ["critical", ["critical"]],
    ["high", ["critical", "high"]],
    ["medium", ["critical", "high", "medium"]],
    ["low", ["critical", "high", "medium", "low"]],
  ] as const)("that fails on %s", (failOn, hits) => {
    const all = ["critical", "high", "medium", "low", "unknown"] as const;
    expect(
      all.filter((severity) => isHit(vulnerability("CVE-2024-1", { severity }), { ...GATE, failOn })),
    ).toEqual(hits);
  });

  test("that is not there is never hit", () => {
    expect(
      isHit(vulnerability("CVE-2024-1", { severity: "critical" }), { onlyFixed: false, ignore: [] }),
    ).toBe(false);
  });

  test("may count those only that can be mended", () => {
    const gate = { ...GATE, onlyFixed: true };
    expect(isHit(vulnerability("CVE-2024-1"), gate)).toBe(false);
    expect(isHit(vulnerability("CVE-2024-1", { fixedVersion: "2.0.0" }), gate)).toBe(true);
  });

  test("ignores by any name, in whatever case", () => {
    const found = vulnerability("CVE-2024-1", { aliases: ["GHSA-aaaa-bbbb-cccc", "DEBIAN-CVE-2024-1"] });
    const ignored = [
      "CVE-2024-1",
      "ghsa-AAAA-bbbb-cccc",
      "DEBIAN-CVE-2024-1",
      "CVE-2024-10",
      "CVE-2024",
    ].filter((name) => !isHit(found, { ...GATE, ignore: [name] }));
    expect(ignored).toEqual(["CVE-2024-1", "ghsa-AAAA-bbbb-cccc", "DEBIAN-CVE-2024-1"]);
  });

  test("ignores an advisory for itself or all of its CVEs, not for one of them", () => {
    const dsa = vulnerability("DSA-5000-1", { aliases: ["CVE-2024-1", "CVE-2024-2"] });
    expect(isIgnored(dsa, { ignore: ["CVE-2024-1"] })).toBe(false);
    expect(isIgnored(dsa, { ignore: ["CVE-2024-1", "CVE-2024-2"] })).toBe(true);
    expect(isIgnored(dsa, { ignore: ["dsa-5000-1"] })).toBe(true);
  });
});

describe("findings", () => {
  const high = vulnerability("CVE-2024-1", {
    score: 7.5,
    fixedVersion: "2.0.0",
    title: "A\n  flaw",
    url: "https://a.example",
  });
  const critical = vulnerability("CVE-2024-2", { severity: "critical" });
  const low = vulnerability("CVE-2024-3", { severity: "low", fixedVersion: "1.0.1" });

  test("are errors first, and what is ignored is none", () => {
    const images = [image("linux/amd64", [critical, low, high])];
    const told = judge(
      { images },
      { reference: "one.example/app", gate: { ...GATE, onlyFixed: true, ignore: ["CVE-2024-3"] } },
    );
    expect(told.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      "error: a 1.0.0 has CVE-2024-1 (high)",
      "warning: a 1.0.0 has CVE-2024-2 (critical)",
    ]);
  });

  test("weigh by severity where no gate is hit", () => {
    const images = [image("linux/amd64", [critical, high, low])];
    const told = judge({ images }, { reference: "r", gate: { onlyFixed: false, ignore: [] } });
    expect(told.map(({ severity }) => severity)).toEqual(["warning", "warning", "note"]);
  });

  test("tell everything that is known", () => {
    const [told, other] = judge(
      { images: [image("linux/arm64", [high, critical])] },
      { reference: "r", gate: GATE },
    );
    expect([told, other]).toContainEqual({
      rule: "vulnerability",
      severity: "error",
      message: "a 1.0.0 has CVE-2024-1 (high)",
      image: { reference: "r", platform: platform("linux/arm64") },
      facts: ["severity high, CVSS 7.5", "A flaw", "fixed in 2.0.0", "https://a.example"],
      fix: "Build with a 2.0.0 or later: update the base image or the dependency.",
    });
    expect([told, other]).toContainEqual(
      expect.objectContaining({ facts: ["severity critical", "no fixed version is known"] }),
    );
  });

  test("say once what several platforms have", () => {
    const images = [
      image("linux/amd64", [critical, high]),
      image("linux/arm64", [critical, high]),
      image("linux/riscv64", [critical, low]),
    ];
    expect(
      acrossPlatforms({ images }).map(({ vulnerability: { id }, platforms }) => `${id} ${platforms.length}`),
    ).toEqual(["CVE-2024-2 3", "CVE-2024-1 2", "CVE-2024-3 1"]);
    const told = judge({ images }, { reference: "r", gate: GATE });
    expect(
      told.map(({ facts, image: about }) => [facts?.find((fact) => fact.startsWith("on ")), about]),
    ).toEqual([
      ["on all platforms", { reference: "r" }],
      ["on linux/amd64, linux/arm64", { reference: "r" }],
      ["on linux/riscv64", { reference: "r", platform: platform("linux/riscv64") }],
    ]);
  });
});
