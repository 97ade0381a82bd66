import { expect, test } from "vitest";
import {
  canonicalName,
  familyOf,
  osvPackageOf,
  sameEcosystem,
  systemPackagesUnknown,
} from "../../../core/scan/ecosystem.ts";

const osv = (purl: string, version = ""): string | undefined => {
  const found = osvPackageOf({ name: "as the SBOM says", version, purl });
  return found === undefined ? undefined : `${found.ecosystem} ${found.name} ${found.version}`;
};

test.each([
  [
    "pkg:deb/debian/libssl3@3.0.13-1?arch=amd64&distro=debian-12&upstream=openssl",
    "Debian:12 openssl 3.0.13-1",
  ],
  [
    "pkg:deb/debian/libgcc-s1@12.2.0-14%2Bb1?distro=debian-12.5&upstream=gcc-12%4012.2.0-14",
    "Debian:12 gcc-12 12.2.0-14",
  ],
  ["pkg:deb/debian/tar@1.34?os_distro=bookworm&os_name=debian&os_version=12", "Debian:12 tar 1.34"],
  ["pkg:deb/debian/bash@5.2-2?distro=debian-11", "Debian:11 bash 5.2-2"],
  ["pkg:deb/ubuntu/bash@5.1-6?distro=ubuntu-22.04", "Ubuntu:22.04 bash 5.1-6"],
  [
    "pkg:apk/alpine/libcrypto3@3.1.4-r5?distro=alpine-3.19.1&upstream=openssl",
    "Alpine:v3.19 openssl 3.1.4-r5",
  ],
  ["pkg:apk/alpine/musl@1.2.4-r2?distro=3.19", "Alpine:v3.19 musl 1.2.4-r2"],
  ["pkg:apk/wolfi/curl@8.5.0-r0?distro=wolfi-20230201", "Wolfi curl 8.5.0-r0"],
  ["pkg:apk/chainguard/curl@8.5.0-r0", "Chainguard curl 8.5.0-r0"],
  ["pkg:npm/%40angular/core@17.0.0", "npm @angular/core 17.0.0"],
  ["pkg:golang/github.com/spf13/cobra@v1.8.0", "Go github.com/spf13/cobra 1.8.0"],
  ["pkg:golang/stdlib@go1.21.3", "Go stdlib 1.21.3"],
  ["pkg:cargo/rand@0.8.5", "crates.io rand 0.8.5"],
  ["pkg:pypi/Flask_Cors.x@4.0", "PyPI flask-cors-x 4.0"],
  [
    "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
    "Maven org.apache.logging.log4j:log4j-core 2.14.1",
  ],
  ["pkg:gem/rails@7.0.0", "RubyGems rails 7.0.0"],
  ["pkg:composer/symfony/http-kernel@6.0.0", "Packagist symfony/http-kernel 6.0.0"],
  ["pkg:nuget/Newtonsoft.Json@12.0.1", "NuGet Newtonsoft.Json 12.0.1"],
  ["pkg:hex/phoenix@1.7.0", "Hex phoenix 1.7.0"],
  ["pkg:pub/http@1.0.0", "Pub http 1.0.0"],
])("%s is %s", (purl, expected) => {
  expect(osv(purl)).toBe(expected);
});

test.each([
  "pkg:deb/debian/bash@5.2-2",
  "pkg:deb/debian/bash@5.2-2?distro=debian-sid",
  "pkg:deb/raspbian/bash@5.2-2?distro=raspbian-12",
  "pkg:apk/alpine/musl@1.2.4-r2?distro=alpine-edge",
  "pkg:rpm/redhat/bash@5.1?distro=rhel-9.3",
  "pkg:generic/openssl@1.1.1",
  "pkg:npm/no-version",
  "no purl",
])("knows nothing of %s", (purl) => {
  expect(osv(purl)).toBeUndefined();
});

test("takes the SBOM's version where the purl has none", () => {
  expect(osv("pkg:npm/left-pad", "1.3.0")).toBe("npm left-pad 1.3.0");
  expect(osvPackageOf({ name: "left-pad", version: "1.3.0" })).toBeUndefined();
});

test("says which packages of a distribution nobody knows", () => {
  const packages = [
    "pkg:generic/a@1",
    "pkg:npm/b",
    "pkg:deb/debian/c@1?distro=debian-12",
    "pkg:rpm/fedora/d@1?distro=fedora-39",
    "pkg:deb/debian/e@1",
  ].map((purl) => ({ name: purl, version: "1", purl }));
  expect(systemPackagesUnknown(packages)).toContain(
    "pkg:rpm/fedora/d@1?distro=fedora-39 and 1 more belongs to",
  );
  expect(systemPackagesUnknown(packages.slice(0, 4))).toContain(
    "pkg:rpm/fedora/d@1?distro=fedora-39 belongs to",
  );
  expect(systemPackagesUnknown(packages.slice(0, 3))).toBeUndefined();
});

test("compares ecosystems and names as they do", () => {
  expect(familyOf("Debian:12")).toBe("Debian");
  expect(sameEcosystem("Debian:12", "Debian:12")).toBe(true);
  expect(sameEcosystem("Debian:12", "Debian:11")).toBe(false);
  expect(sameEcosystem("Ubuntu:22.04", "Ubuntu:22.04:LTS")).toBe(true);
  expect(sameEcosystem("Ubuntu:22.04", "Ubuntu:Pro:22.04:LTS")).toBe(false);
  expect(canonicalName("PyPI", "Flask_Cors.X")).toBe("flask-cors-x");
  expect(canonicalName("Go", "github.com/Masterminds/goutils")).toBe("github.com/masterminds/goutils");
  expect(canonicalName("npm", "JSONStream")).toBe("JSONStream");
  expect(canonicalName("Debian:12", "a_b")).toBe("a_b");
});
