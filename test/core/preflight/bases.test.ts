import { describe, expect, test } from "vitest";
import { Slots } from "../../../core/concurrent.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import { checkBases, type BaseWorld } from "../../../core/preflight/bases.ts";
import type { BaseUse } from "../../../core/preflight/base-place.ts";
import { addImage, attestationEntry, DOCKER, makeAttestation, makeImage, OCI } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const FILE = { path: "Dockerfile", text: "FROM base\n" };

function use(reference: string, asked: string | undefined, changes: Partial<BaseUse> = {}): BaseUse {
  return {
    reference,
    platform: asked === undefined ? undefined : platform(asked),
    location: { file: FILE, range: { start: 5, end: 9 } },
    required: true,
    ...changes,
  };
}

function uses(reference: string, ...asked: readonly string[]): readonly BaseUse[] {
  return asked.map((each) => use(reference, each));
}

async function check(
  given: readonly BaseUse[],
  changes: Partial<BaseWorld> = {},
): Promise<Awaited<ReturnType<typeof checkBases>>> {
  const { registry } = await testClient();
  const { signal } = new AbortController();
  return await checkBases(given, {
    registry,
    slots: new Slots(4),
    signal,
    made: [],
    kept: false,
    ...changes,
  });
}

/** Stores an index of empty images for these platforms, with an attestation as BuildKit adds it; its digest. */
function addIndex(fake: FakeRegistry, repository: string, tag: string, platforms: readonly string[]): string {
  const entries = platforms.map((text) => {
    const image = addFor(fake, repository, text);
    return { ...image.manifest.descriptor, platform: wire(text) };
  });
  const attestation = makeAttestation("https://slsa.dev/provenance/v1");
  addImage(fake, repository, attestation);
  const [first] = entries;
  const all = first === undefined ? [] : [...entries, attestationEntry(attestation, first.digest)];
  return fake.addManifest(repository, { schemaVersion: 2, mediaType: OCI.index, manifests: all }, tag).digest;
}

function addFor(fake: FakeRegistry, repository: string, text: string, types = OCI) {
  const image = makeImage(wire(text), [text], types);
  addImage(fake, repository, image);
  return image;
}

function wire(text: string): Record<string, unknown> {
  const { osVersion, ...rest } = platform(text);
  return { ...rest, ...(osVersion === undefined ? {} : { "os.version": osVersion }) };
}

function brief({ rule, severity, message }: Finding): string {
  return `${severity} ${rule}: ${message}`;
}

describe("an index", () => {
  test("that has all platforms is fine, and is asked for once however many use it", async () => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", ["linux/amd64", "linux/arm64"]);
    const found = await check([
      ...uses(`${fake.host}/base:3`, "linux/amd64", "linux/arm64"),
      use(`${fake.host}/base:3`, "linux/amd64", { location: { file: FILE, range: { start: 0, end: 4 } } }),
    ]);
    expect(found).toEqual({ findings: [], looked: 1 });
    expect(fake.log()).toEqual(["GET /v2/base/manifests/3"]);
  });

  test("that lacks platforms: which, and what there is; attestations are no platform", async () => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", ["linux/amd64", "linux/arm64"]);
    const { findings } = await check(
      uses(`${fake.host}/base:3`, "linux/amd64", "linux/riscv64", "linux/s390x"),
    );
    expect(findings).toEqual([
      {
        rule: "base-platform-missing",
        severity: "error",
        message: `${fake.host}/base:3 is not there for linux/riscv64 and linux/s390x`,
        location: { file: FILE, range: { start: 5, end: 9 } },
        facts: ["it is there for linux/amd64 and linux/arm64"],
        fix: "Choose a base image that is there for all platforms, or take the platform out of the plan",
      },
    ]);
  });

  test("what only an optional variant lacks is a warning", async () => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", ["linux/amd64"]);
    const { findings } = await check([
      use(`${fake.host}/base:3`, "linux/amd64"),
      use(`${fake.host}/base:3`, "linux/riscv64", { required: false }),
    ]);
    expect(findings.map(brief)).toEqual([
      `warning base-platform-missing: ${fake.host}/base:3 is not there for linux/riscv64`,
    ]);
  });

  test.each([
    ["linux/amd64/v3", ["linux/amd64"]],
    ["linux/arm/v7", ["linux/arm/v6"]],
    ["linux/arm64/v8", ["linux/arm64"]],
    ["windows(10.0.20348.1)/amd64", ["windows(10.0.17763.5)/amd64", "windows(10.0.20348.9)/amd64"]],
  ])("%s is served by %s", async (asked, offered) => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", offered);
    const { findings } = await check(uses(`${fake.host}/base:3`, asked));
    expect(findings).toEqual([]);
  });

  test.each([
    ["linux/arm/v6", ["linux/arm/v7"]],
    ["linux/386", ["linux/amd64"]],
    ["linux/arm/v7", ["linux/arm64"]],
    ["windows(10.0.17763.1)/amd64", ["windows(10.0.20348.9)/amd64"]],
    ["linux/amd64", ["windows(10.0.20348.9)/amd64"]],
  ])("%s is not served by %s", async (asked, offered) => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", offered);
    const { findings } = await check(uses(`${fake.host}/base:3`, asked));
    expect(findings.map(({ rule, severity }) => [rule, severity])).toEqual([
      ["base-platform-missing", "error"],
    ]);
  });

  test("of which BuildKit would take another architecture that the CPU runs: a warning that says which", async () => {
    const fake = await fakeRegistry();
    addIndex(fake, "base", "3", ["linux/386", "linux/arm/v7"]);
    const { findings } = await check(uses(`${fake.host}/base:3`, "linux/amd64", "linux/arm64"));
    expect(findings.map(brief)).toEqual([
      `warning base-platform-missing: ${fake.host}/base:3 is not there for linux/amd64: BuildKit takes the image for linux/386, which such a CPU runs, too`,
      `warning base-platform-missing: ${fake.host}/base:3 is not there for linux/arm64: BuildKit takes the image for linux/arm/v7, which such a CPU runs, too`,
    ]);
  });

  test("with an entry that names no platform may have anything", async () => {
    const fake = await fakeRegistry();
    const image = addFor(fake, "base", "linux/amd64");
    const manifests = [image.manifest.descriptor];
    fake.addManifest("base", { schemaVersion: 2, mediaType: OCI.index, manifests }, "3");
    const { findings } = await check(uses(`${fake.host}/base:3`, "linux/riscv64"));
    expect(findings).toEqual([]);
  });
});

describe("a single image", () => {
  test.each([
    ["OCI", OCI],
    ["Docker", DOCKER],
  ])("by tag (%s): fine for its platform, an error for the others", async (_, types) => {
    const fake = await fakeRegistry();
    const image = addFor(fake, "base", "linux/amd64", types);
    fake.addManifest("base", Buffer.from(image.manifest.bytes).toString("utf8"), "3");
    const name = `${fake.host}/base:3`;
    expect((await check(uses(name, "linux/amd64"))).findings).toEqual([]);
    expect((await check(uses(name, "linux/amd64", "linux/arm64"))).findings.map(brief)).toEqual([
      `error base-platform-missing: ${name} is a single image for linux/amd64, and what is built for linux/arm64 would get it, too`,
    ]);
  });

  test("by digest beside a tag that names an index: the digest to pin instead", async () => {
    const fake = await fakeRegistry();
    const index = addIndex(fake, "base", "3", ["linux/amd64", "linux/arm64"]);
    const pinned = makeImage(wire("linux/amd64"), ["linux/amd64"]).manifest.descriptor.digest;
    const { findings, looked } = await check(
      uses(`${fake.host}/base:3@${pinned}`, "linux/amd64", "linux/arm64"),
    );
    expect(findings).toEqual([
      {
        rule: "single-platform-digest",
        severity: "error",
        message: `${fake.host}/base:3 is pinned to the image for linux/amd64, and what is built for linux/arm64 would get it, too`,
        location: { file: FILE, range: { start: 5, end: 9 } },
        facts: [
          `${pinned} is the manifest of linux/amd64 alone`,
          `${fake.host}/base:3 names the index ${index} now`,
        ],
        fix: `Pin the index, which names all platforms: ${fake.host}/base:3@${index}`,
      },
    ]);
    expect(looked).toBe(1);
  });

  test("by digest alone: how to find the digest to pin", async () => {
    const fake = await fakeRegistry();
    const pinned = addFor(fake, "base", "linux/amd64").manifest.descriptor.digest;
    const { findings } = await check(uses(`${fake.host}/base@${pinned}`, "linux/arm64"));
    expect(findings).toMatchObject([
      {
        rule: "single-platform-digest",
        fix: `Pin the digest of the index, which names all platforms: \`buildx-plan inspect ${fake.host}/base:TAG\` shows it`,
      },
    ]);
  });

  test("by digest, where the stage is always built for that platform, is meant", async () => {
    const fake = await fakeRegistry();
    const pinned = addFor(fake, "base", "linux/amd64").manifest.descriptor.digest;
    const { findings } = await check(uses(`${fake.host}/base@${pinned}`, "linux/amd64", "linux/amd64"));
    expect(findings).toEqual([]);
  });

  test("by digest of 386 does not serve amd64, though the CPU runs it", async () => {
    const fake = await fakeRegistry();
    const pinned = addFor(fake, "base", "linux/386").manifest.descriptor.digest;
    const { findings } = await check(uses(`${fake.host}/base@${pinned}`, "linux/amd64"));
    expect(findings.map(({ rule }) => rule)).toEqual(["single-platform-digest"]);
  });
});

describe("what cannot be looked up", () => {
  test.each<[string, boolean, boolean, string]>([
    ["required", true, false, "error"],
    ["optional", false, false, "warning"],
    ["required, with a builder that keeps images", true, true, "warning"],
  ])("not there: %s", async (_, required, kept, severity) => {
    const fake = await fakeRegistry();
    const name = `${fake.host}/base:absent`;
    const { findings } = await check([use(name, "linux/amd64", { required })], { kept });
    expect(findings).toMatchObject([{ rule: "base-unresolvable", severity }]);
    expect(findings[0]?.message).toBe(`${name} is not in its registry`);
    expect(findings[0]?.facts).toEqual([
      `${fake.host} does not have it (status 404, MANIFEST_UNKNOWN: the fake registry says MANIFEST_UNKNOWN)`,
      ...(kept ? ["a builder of this run keeps images itself, and may have it"] : []),
    ]);
  });

  test("of no known platform it must still be there", async () => {
    const fake = await fakeRegistry();
    const { findings } = await check([use(`${fake.host}/base:absent`, undefined)]);
    expect(findings).toMatchObject([{ rule: "base-unresolvable", severity: "error" }]);
  });

  test("denied: the registry's words, and how to log in", async () => {
    const fake = await fakeRegistry({ auth: { kind: "basic", username: "ada", password: "secret" } });
    const { findings } = await check(uses(`${fake.host}/base:3`, "linux/amd64"));
    expect(findings).toMatchObject([
      {
        severity: "warning",
        message: expect.stringContaining(`could not be looked up: ${fake.host} refused it (status 401`),
        fix: `Check the name, or log in: docker login ${fake.host}`,
      },
    ]);
  });

  test("not answering is a warning: the builder may reach it", async () => {
    const { findings } = await check(uses("127.0.0.1:9/base:3", "linux/amd64"));
    expect(findings).toMatchObject([
      { rule: "base-unresolvable", severity: "warning", message: expect.stringContaining("ECONNREFUSED") },
    ]);
  });

  test("no image: an artifact", async () => {
    const fake = await fakeRegistry();
    const { digest, size } = fake.addBlob("{}");
    const config = { mediaType: "application/vnd.example.config+json", digest, size };
    fake.addManifest("base", { schemaVersion: 2, mediaType: OCI.manifest, config, layers: [] }, "3");
    const { findings } = await check(uses(`${fake.host}/base:3`, "linux/amd64"));
    expect(findings.map(brief)).toEqual([
      `warning base-unresolvable: ${fake.host}/base:3 is no image: its config is application/vnd.example.config+json`,
    ]);
  });

  test("no reference", async () => {
    const { findings, looked } = await check(uses("Base:3", "linux/amd64", "linux/arm64"));
    expect(findings.map(brief)).toEqual(["error base-unresolvable: `Base:3` is not the name of an image"]);
    expect(findings[0]?.fix).toBe("Did you mean base:3?");
    expect(looked).toBe(0);
  });
});

test("what the plan itself makes is not asked for", async () => {
  const fake = await fakeRegistry();
  const made = [{ registry: fake.host, path: "base", tag: "latest" }];
  expect(await check(uses(`${fake.host}/base`, "linux/amd64"), { made })).toEqual({
    findings: [],
    looked: 0,
  });
  expect(fake.log()).toEqual([]);
});
