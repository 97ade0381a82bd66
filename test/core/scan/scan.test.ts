import { execFileSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { openLayout } from "../../../core/layout/open.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { scanImages, scanWith, type ImageToScan, type Scanned } from "../../../core/scan/scan.ts";
import type { ScanFailed, ScanInput, SourceAnswer, VulnerabilitySource } from "../../../core/scan/source.ts";
import { makeImage } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { vulnerability } from "../../support/vulnerabilities.ts";

const signal = AbortSignal.timeout(60_000);
const APP = { registry: "one.example", path: "app" };
const SPDX = "https://spdx.dev/Document";

const nameOf = (purl: string): string => purl.split("?", 1)[0] ?? "";

const spdxOf = (name: string, ...purls: readonly string[]): object => ({
  spdxVersion: "SPDX-2.3",
  name,
  packages: purls.map((purl) => ({
    name: nameOf(purl),
    versionInfo: "1",
    externalRefs: [{ referenceType: "purl", referenceLocator: purl }],
  })),
});

/** A registry with images of these platforms, each with the SBOMs that are attested of it. */
function world(sboms: Readonly<Record<string, readonly unknown[]>>) {
  const registry = memoryRegistry();
  const images = Object.entries(sboms).map(([name, documents]): ImageToScan => {
    const [os, architecture] = name.split("/");
    const image = makeImage({ os, architecture }, [`layer of ${name}`, "shared", "shared"]);
    registry.push(APP, image);
    const blobs = documents.map((document) =>
      Buffer.from(typeof document === "string" ? document : JSON.stringify(document)),
    );
    registry.push(APP, { ...makeImage({ of: name }), layers: blobs });
    return {
      reference: "one.example/app",
      platform: platform(name),
      store: registry.store(APP),
      manifest: image.manifest.descriptor.digest,
      statements: async () =>
        await Promise.resolve(
          ok(
            blobs.map((blob) => ({
              predicateType: SPDX,
              content: { digest: digestOf(blob), size: blob.length },
            })),
          ),
        ),
    };
  });
  return images;
}

type Answers = (input: ScanInput) => Result<SourceAnswer, Pick<ScanFailed, "problem" | "detail">>;

/** A source that answers as told, and what it was given. */
function sourceOf(
  takes: VulnerabilitySource["takes"],
  answer: Answers = () => ok({ vulnerabilities: [], notes: [] }),
) {
  const given: ScanInput[] = [];
  const source: VulnerabilitySource = {
    name: "grype",
    takes,
    available: async () => await Promise.resolve(ok(undefined)),
    scan: async (input) => {
      given.push(input);
      return await Promise.resolve(answer(input));
    },
  };
  return { source, given };
}

async function scan(source: VulnerabilitySource, images: readonly ImageToScan[]) {
  const temporary = await temporaryFolder();
  const scanned = await scanWith(source, {
    images,
    host: { env: {}, temporary, userAgent: "test/1" },
    signal,
  });
  expect(await readdir(temporary)).toEqual([]);
  return scanned;
}

const told = (scanned: Result<Scanned, ScanFailed>): unknown =>
  scanned.ok
    ? scanned.value.images.map(({ image, from, packages, vulnerabilities }) => [
        `${image.platform.os}/${image.platform.architecture} ${packages} from ${from}`,
        ...vulnerabilities.map(({ id, package: about }) => `${id} ${about.name}`),
      ])
    : scanned.error;

const about = (purl: string) => ({ name: nameOf(purl), version: "1", purl, type: "deb" });

describe("a source of packages", () => {
  const openssl = (arch: string): string => `pkg:deb/debian/openssl@1?arch=${arch}&distro=debian-12`;
  const images = () =>
    world({
      "linux/arm64": [spdxOf("sbom", openssl("arm64"), "pkg:npm/arm@1")],
      "linux/amd64": [spdxOf("sbom", openssl("amd64"), "pkg:npm/intel@1", "pkg:npm/both@1")],
      "linux/s390x": [spdxOf("sbom", "pkg:npm/both@1")],
    });

  test("is asked once for what platforms share, and each is told its own, in order", async () => {
    const { source, given } = sourceOf(["packages"], (input) =>
      ok({
        vulnerabilities:
          input.kind === "packages"
            ? input.packages.map((each) =>
                vulnerability(`CVE-2024-${each.name.length}`, { package: about(each.purl ?? "") }),
              )
            : [],
        notes: ["a note", "a note"],
      }),
    );
    const scanned = await scan(source, images());
    expect(given).toEqual([{ kind: "packages", packages: expect.any(Array) }]);
    const [first] = given;
    expect(first?.kind === "packages" && first.packages.map(({ purl }) => purl)).toEqual([
      openssl("arm64"),
      "pkg:npm/arm@1",
      "pkg:npm/intel@1",
      "pkg:npm/both@1",
    ]);
    expect(told(scanned)).toEqual([
      ["linux/arm64 2 from sbom", "CVE-2024-24 pkg:deb/debian/openssl@1", "CVE-2024-13 pkg:npm/arm@1"],
      [
        "linux/amd64 3 from sbom",
        "CVE-2024-24 pkg:deb/debian/openssl@1",
        "CVE-2024-14 pkg:npm/both@1",
        "CVE-2024-15 pkg:npm/intel@1",
      ],
      ["linux/s390x 1 from sbom", "CVE-2024-14 pkg:npm/both@1"],
    ]);
    expect(scanned).toMatchObject({ value: { source: "grype", notes: ["a note"] } });
  });

  test("that tells of other packages tells all images of them", async () => {
    const { source } = sourceOf(["packages"], () =>
      ok({ vulnerabilities: [vulnerability("CVE-2024-1", { package: about("pkg:npm/who@1") })], notes: [] }),
    );
    expect(told(await scan(source, images()))).toEqual([
      ["linux/arm64 2 from sbom", "CVE-2024-1 pkg:npm/who@1"],
      ["linux/amd64 3 from sbom", "CVE-2024-1 pkg:npm/who@1"],
      ["linux/s390x 1 from sbom", "CVE-2024-1 pkg:npm/who@1"],
    ]);
  });

  test("that cannot look into layers fails for an image without SBOM", async () => {
    const { source } = sourceOf(["packages", "sbom"]);
    const some = world({ "linux/amd64": [spdxOf("sbom", "pkg:npm/a@1")], "linux/arm64": [] });
    expect(told(await scan(source, some))).toEqual({
      kind: "scan-failed",
      of: "one.example/app linux/arm64",
      source: "grype",
      problem: "no-sbom",
      detail: "it has no SBOM, and grype cannot look into layers",
    });
  });

  test("that fails is a failure of all", async () => {
    const { source } = sourceOf(["packages"], () => fail({ problem: "database-incomplete", detail: "none" }));
    expect(told(await scan(source, images()))).toEqual({
      kind: "scan-failed",
      of: "one.example/app",
      source: "grype",
      problem: "database-incomplete",
      detail: "none",
    });
  });
});

describe("a source of SBOMs", () => {
  test("is given each as it is attested, and several names are one", async () => {
    const document = spdxOf("sbom", "pkg:npm/a@1");
    const statement = {
      _type: "https://in-toto.io/Statement/v0.1",
      predicateType: SPDX,
      subject: [],
      predicate: document,
    };
    const { source, given } = sourceOf(["sbom", "image"], () =>
      ok({
        vulnerabilities: [vulnerability("GHSA-1", { aliases: ["CVE-2024-1"] }), vulnerability("CVE-2024-1")],
        notes: [],
      }),
    );
    const scanned = await scan(source, world({ "linux/amd64": [statement] }));
    expect(told(scanned)).toEqual([["linux/amd64 1 from sbom", "CVE-2024-1 a"]]);
    const [first] = given;
    expect(first).toMatchObject({ kind: "sbom", format: "spdx" });
    expect(first?.kind === "sbom" && JSON.parse(Buffer.from(first.bytes).toString())).toEqual(document);
  });

  test("is given the image's own, not that of a stage of its build", async () => {
    const { source, given } = sourceOf(["packages"]);
    await scan(
      source,
      world({ "linux/amd64": [spdxOf("sbom-build", "pkg:npm/stage@1"), spdxOf("sbom", "pkg:npm/own@1")] }),
    );
    expect(given).toMatchObject([{ packages: [{ purl: "pkg:npm/own@1" }] }]);
  });

  test.each([
    ["no JSON", "{"],
    ["neither format", { some: "thing" }],
  ])("fails for one that is %s", async (_, document) => {
    const { source, given } = sourceOf(["packages", "sbom", "image"]);
    expect(told(await scan(source, world({ "linux/amd64": [document] })))).toMatchObject({
      kind: "scan-failed",
      of: "one.example/app linux/amd64",
      problem: "unreadable",
      detail: expect.stringContaining("its SBOM cannot be used"),
    });
    expect(given).toEqual([]);
  });

  test("fails where the registry does not have it", async () => {
    const missing = { digest: digestOf(Buffer.from("elsewhere")), size: 9 };
    const images = world({ "linux/amd64": [] }).map((image) => ({
      ...image,
      statements: async () => await Promise.resolve(ok([{ predicateType: SPDX, content: missing }])),
    }));
    expect(told(await scan(sourceOf(["packages"]).source, images))).toMatchObject({
      problem: "unreadable",
      cause: expect.objectContaining({ kind: expect.any(String) }),
    });
  });
});

describe("a source of images", () => {
  test("is given a layout and an archive, which are gone after it", async () => {
    const seen: string[] = [];
    const source: VulnerabilitySource = {
      ...sourceOf(["image"]).source,
      scan: async (input) => {
        if (input.kind !== "image") throw new Error(input.kind);
        const opened = await openLayout(input.image.layout);
        if (!opened.ok) throw new Error(opened.error.kind);
        await opened.value.close();
        const archive = await input.image.archive();
        if (!archive.ok) throw new Error(archive.error.detail);
        const folder = await temporaryFolder();
        execFileSync("tar", ["-xf", archive.value, "-C", folder]);
        const listed = execFileSync("tar", ["-tf", archive.value], { encoding: "utf8" }).trim().split("\n");
        seen.push(...listed.filter((name) => !name.endsWith("/")));
        const [saved]: readonly { Config: string; RepoTags: null; Layers: readonly string[] }[] = JSON.parse(
          await readFile(join(folder, "manifest.json"), "utf8"),
        );
        const config: unknown = JSON.parse(await readFile(join(folder, saved?.Config ?? ""), "utf8"));
        const layers = await Promise.all(
          (saved?.Layers ?? []).map(async (layer) => await readFile(join(folder, layer), "utf8")),
        );
        expect(config).toMatchObject({ os: "linux", architecture: "arm64" });
        expect(layers).toEqual(["layer of linux/arm64", "shared", "shared"]);
        const unpacked = await openLayout(folder);
        expect(unpacked).toMatchObject({ ok: true });
        if (unpacked.ok) await unpacked.value.close();
        return ok({ vulnerabilities: [vulnerability("CVE-2024-1")], packages: 7, notes: [] });
      },
    };
    const images = world({ "linux/arm64": [spdxOf("sbom", "pkg:npm/a@1")] });
    expect(told(await scan(source, images))).toEqual([["linux/arm64 7 from layers", "CVE-2024-1 a"]]);
    const name = ({ manifest }: ImageToScan): string => `blobs/${manifest.replace(":", "/")}`;
    expect(seen).toContain(images.map(name)[0]);
    expect(seen.filter((each) => !each.startsWith("blobs/"))).toEqual([
      "index.json",
      "manifest.json",
      "oci-layout",
    ]);
    expect(new Set(seen).size).toBe(seen.length);
    // The manifest, its config and two layers, one of which it has twice.
    expect(seen.filter((each) => each.startsWith("blobs/"))).toHaveLength(4);
  });

  test("fails where the image cannot be copied, or the disk cannot be written", async () => {
    const { source } = sourceOf(["image"]);
    const [image] = world({ "linux/arm64": [] });
    const elsewhere = image === undefined ? [] : [{ ...image, manifest: digestOf(Buffer.from("elsewhere")) }];
    expect(told(await scan(source, elsewhere))).toMatchObject({
      of: "one.example/app linux/arm64",
      problem: "unreadable",
      cause: expect.objectContaining({ kind: expect.any(String) }),
    });
    const host = { env: {}, temporary: "/nowhere/at/all", userAgent: "test/1" };
    expect(
      told(await scanWith(source, { images: world({ "linux/arm64": [] }), host, signal })),
    ).toMatchObject({
      problem: "unreadable",
      detail: expect.stringContaining("ENOENT"),
    });
  });
});

describe("the source", () => {
  const scanned = async (wish: object) => {
    const temporary = await temporaryFolder();
    const host = { env: { PATH: temporary }, temporary, userAgent: "test/1" };
    return await scanImages({ images: [], host, signal, ...wish });
  };

  test("that is asked for is the only one that is tried", async () => {
    expect(await scanned({ source: "trivy" })).toMatchObject({
      ok: false,
      error: { kind: "scan-unavailable", tried: [{ source: "trivy", detail: "trivy is not on the PATH" }] },
    });
  });

  test("must know what a database is, where there is one", async () => {
    const database = await temporaryFolder();
    const found = await scanned({ database });
    expect(
      !found.ok && found.error.kind === "scan-unavailable" && found.error.tried.map(({ source }) => source),
    ).toEqual(["osv-scanner", "osv-database"]);
    expect(await scanned({ source: "grype", database })).toMatchObject({
      error: { tried: [{ source: "grype", detail: "it cannot use a database of OSV" }] },
    });
  });
});
