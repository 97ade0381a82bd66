import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyOfPackage, merged } from "../../../core/scan/merge.ts";
import { vulnerability } from "../../support/vulnerabilities.ts";

const names = (...found: Parameters<typeof merged>[0]): readonly string[] =>
  merged(found).map(({ id, aliases }) => [id, ...aliases].join(" "));

describe("names of the same vulnerability", () => {
  test("are one entry under its CVE", () => {
    expect(
      names(
        vulnerability("GHSA-aaaa-bbbb-cccc", { aliases: ["CVE-2024-1"] }),
        vulnerability("CVE-2024-1", { aliases: ["GHSA-aaaa-bbbb-cccc"] }),
        vulnerability("DEBIAN-CVE-2024-1"),
        vulnerability("PYSEC-2024-7", { aliases: ["CVE-2024-1", "GHSA-aaaa-bbbb-cccc"] }),
      ),
    ).toEqual(["CVE-2024-1 GHSA-aaaa-bbbb-cccc DEBIAN-CVE-2024-1 PYSEC-2024-7"]);
  });

  test("lead to its CVE over another record", () => {
    const found = [
      vulnerability("PYSEC-2024-7", { aliases: ["GHSA-aaaa-bbbb-cccc"] }),
      vulnerability("GHSA-aaaa-bbbb-cccc", { aliases: ["CVE-2024-1"] }),
    ];
    expect(names(...found)).toEqual(["CVE-2024-1 PYSEC-2024-7 GHSA-aaaa-bbbb-cccc"]);
    expect(merged(found.toReversed())).toHaveLength(1);
  });

  test("without a CVE are one entry, too", () => {
    expect(
      names(
        vulnerability("GO-2024-1", { aliases: ["GHSA-aaaa-bbbb-cccc"] }),
        vulnerability("GHSA-aaaa-bbbb-cccc", { aliases: ["GO-2024-1"] }),
      ),
    ).toEqual(["GHSA-aaaa-bbbb-cccc GO-2024-1"]);
  });

  test("of other packages and other CVEs are others", () => {
    const b = { name: "b", version: "1.0.0", type: "npm" };
    expect(
      names(
        vulnerability("CVE-2024-1"),
        vulnerability("CVE-2024-1", { package: b }),
        vulnerability("CVE-2024-10"),
      ),
    ).toEqual(["CVE-2024-1", "CVE-2024-10", "CVE-2024-1"]);
  });
});

describe("advisories about several CVEs", () => {
  const dsa = vulnerability("DSA-5000-1", { aliases: ["CVE-2024-1", "CVE-2024-2"] });

  test("are left out beside all of these", () => {
    expect(names(dsa, vulnerability("CVE-2024-1"), vulnerability("DEBIAN-CVE-2024-2"))).toEqual([
      "CVE-2024-1",
      "CVE-2024-2 DEBIAN-CVE-2024-2",
    ]);
  });

  test("stay where one of these is not told", () => {
    expect(names(dsa, vulnerability("CVE-2024-1"))).toEqual([
      "CVE-2024-1",
      "DSA-5000-1 CVE-2024-1 CVE-2024-2",
    ]);
  });
});

test("takes the worst severity and score, and whatever one of them knows", () => {
  expect(
    merged([
      vulnerability("CVE-2024-1", { severity: "low", score: 3.1, title: "One" }),
      vulnerability("GHSA-x", {
        aliases: ["CVE-2024-1"],
        severity: "critical",
        score: 9.8,
        fixedVersion: "2.0.0",
      }),
    ]),
  ).toEqual([
    vulnerability("CVE-2024-1", {
      aliases: ["GHSA-x"],
      severity: "critical",
      score: 9.8,
      title: "One",
      fixedVersion: "2.0.0",
    }),
  ]);
});

test("the worst comes first, whatever the order of the answer", () => {
  const b = { name: "b", version: "1", type: "npm" };
  const sorted = [
    vulnerability("CVE-2024-5", { severity: "critical", score: 9.1 }),
    vulnerability("CVE-2024-9", { severity: "high", score: 8.8 }),
    vulnerability("CVE-2024-3", { severity: "high", score: 7.1 }),
    vulnerability("CVE-2024-4", { severity: "high", score: 7.1 }),
    vulnerability("CVE-2024-1", { severity: "high", score: 7.1, package: b }),
    vulnerability("CVE-2024-2", { severity: "high" }),
    vulnerability("CVE-2024-6", { severity: "low" }),
    vulnerability("CVE-2024-7", { severity: "unknown" }),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(sorted, { minLength: sorted.length }), (shuffled) => {
      expect(merged(shuffled)).toEqual(sorted);
    }),
  );
});

test("packages of two platforms are the same but for their CPU", () => {
  const key = (purl: string): string => keyOfPackage({ name: "a", version: "1", purl });
  const amd64 = key("pkg:deb/debian/a@1?arch=amd64&distro=debian-12");
  expect(key("pkg:deb/debian/a@1?arch=arm64&distro=debian-12")).toBe(amd64);
  expect(key("pkg:deb/debian/a@1?distro=debian-12&arch=arm64")).toBe(amd64);
  expect(key("pkg:deb/debian/a@1?distro=debian-11&arch=arm64")).not.toBe(amd64);
  expect(key("pkg:deb/debian/a@1?arch=arm64")).toBe(key("pkg:deb/debian/a@1"));
});
