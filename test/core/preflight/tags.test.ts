import { describe, expect, test } from "vitest";
import type { Finding } from "../../../core/findings/finding.ts";
import type { PlannedRelease, ReleaseTag } from "../../../core/plan/plan.ts";
import { findForbiddenTags, judgeTags, readTagState } from "../../../core/preflight/tags.ts";
import { build, platform, variant } from "../../support/make.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "../../support/images.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { plannedRelease } from "../../support/release.ts";

const REPOSITORY = { registry: "one.example", path: "app" };
const NEITHER = { shrink: false, downgrade: false };
const { signal } = new AbortController();

function tagOf(tag: string, ifExists?: ReleaseTag["ifExists"]): ReleaseTag {
  return { ...REPOSITORY, tag, ...(ifExists === undefined ? {} : { ifExists }) };
}

function release(tags: readonly ReleaseTag[], changes: Partial<PlannedRelease> = {}): PlannedRelease {
  return plannedRelease({
    variants: [variant("linux/amd64", { build: build({ attest: { provenance: { mode: "min" } } }) })],
    tags,
    ...changes,
  });
}

async function addTag(registry: MemoryRegistry, tag: string, platforms: readonly string[], version?: string) {
  const images: TestImage[] = platforms.map((text) => makeImage({ ...platform(text) }));
  for (const image of images) registry.push(REPOSITORY, image);
  const index = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: images.map(({ manifest }, at) => ({
      ...manifest.descriptor,
      platform: platform(platforms[at] ?? ""),
    })),
    ...(version === undefined ? {} : { annotations: { "org.opencontainers.image.version": version } }),
  });
  await registry.store(REPOSITORY).putManifest(tag, index);
  return index.descriptor.digest;
}

async function check(releases: readonly PlannedRelease[], registry: MemoryRegistry, allowed = NEITHER) {
  const state = await readTagState(releases, { registry, signal });
  return judgeTags(state, { allowed, refusing: new Set() });
}

function brief({ rule, severity, message }: Finding): string {
  return `${severity} ${rule}: ${message}`;
}

describe("check reads all tags", () => {
  test("absent ones, and ones that lose nothing, are fine", async () => {
    const registry = memoryRegistry();
    await addTag(registry, "latest", ["linux/amd64"]);
    const { findings, looked } = await check([release([tagOf("v1", "fail"), tagOf("latest")])], registry);
    expect(findings).toEqual([]);
    expect(looked).toBe(2);
  });

  test("if-exists: fail, skip and absent, all of them there", async () => {
    const registry = memoryRegistry();
    const digest = await addTag(registry, "v1", ["linux/amd64"]);
    await addTag(registry, "v2", ["linux/amd64"]);
    const { findings } = await check([release([tagOf("v1", "fail"), tagOf("v2", "skip")])], registry);
    expect(findings.map(brief)).toEqual([
      "error tag-exists: one.example/app:v1 is there already, and the plan says `if-exists: fail`",
      "note tag-exists: one.example/app:v2 is there already and stays as it is, as the plan says with `if-exists: skip`",
    ]);
    expect(findings[0]).toMatchObject({
      image: { reference: "one.example/app:v1" },
      facts: [`it names ${digest}`],
    });
  });

  test("if-exists: fail is a warning where the same index may come out again", async () => {
    const registry = memoryRegistry();
    await addTag(registry, "v1", ["linux/amd64"]);
    const plain = release([tagOf("v1", "fail")], { variants: [variant("linux/amd64")] });
    const { findings } = await check([plain], registry);
    expect(findings.map(({ severity }) => severity)).toEqual(["warning"]);
  });

  test("platforms that a tag would lose; an optional one that is asked for is not lost; allowed is allowed", async () => {
    const registry = memoryRegistry();
    await addTag(registry, "latest", ["linux/amd64", "linux/arm64", "linux/s390x", "linux/riscv64"]);
    const optional = variant("linux/s390x", { required: false });
    const planned = release([tagOf("latest")], { variants: [variant("linux/amd64"), optional] });
    const { findings } = await check([planned], registry);
    expect(findings.map(brief)).toEqual([
      "warning tag-shrinks: one.example/app:latest has linux/arm64, linux/riscv64 now, and the plan builds nothing for it",
    ]);
    expect((await check([planned], registry, { shrink: true, downgrade: false })).findings).toEqual([]);
  });

  test("a newer revision", async () => {
    const registry = memoryRegistry();
    await addTag(registry, "latest", ["linux/amd64"], "2.0.0");
    const planned = release([tagOf("latest")], {
      indexAnnotations: { "org.opencontainers.image.version": "1.9.0" },
    });
    const { findings } = await check([planned], registry);
    expect(findings.map(brief)).toEqual([
      "warning tag-older: one.example/app:latest names a newer revision than this one: 2.0.0, and this is 1.9.0",
    ]);
  });

  test("no image", async () => {
    const registry = memoryRegistry();
    const config = { mediaType: "application/vnd.example+json", digest: `sha256:${"0".repeat(64)}`, size: 2 };
    const artifact = makeDocument({ schemaVersion: 2, mediaType: OCI.manifest, config, layers: [] });
    await registry.store(REPOSITORY).putManifest("latest", artifact);
    const { findings } = await check([release([tagOf("latest")])], registry);
    expect(findings.map(({ rule, severity }) => [rule, severity])).toEqual([["tag-exists", "warning"]]);
  });

  test("a part of a release moves no tags, so none is read", async () => {
    const { findings, looked } = await check(
      [release([tagOf("v1", "fail")], { omitted: ["app linux/arm64"] })],
      memoryRegistry(),
    );
    expect([findings, looked]).toEqual([[], 0]);
  });

  test("one that cannot be read is said, unless its repository is known to refuse", async () => {
    const aborted = AbortSignal.abort();
    const registry = memoryRegistry();
    const state = await readTagState([release([tagOf("v1")])], { registry, signal: aborted });
    const judge = (refusing: readonly string[]) =>
      judgeTags(state, { allowed: NEITHER, refusing: new Set(refusing) }).findings.map(brief);
    expect(judge([])).toEqual([
      "warning tag-unreadable: what one.example/app:v1 names cannot be read: one.example gave no answer in time",
    ]);
    expect(judge(["one.example/app"])).toEqual([]);
  });
});

describe("build reads only what is certain to stop it", () => {
  test("if-exists: fail that is there; the other tags are read once everything is pushed", async () => {
    const registry = memoryRegistry();
    await addTag(registry, "v1", ["linux/amd64"]);
    await addTag(registry, "v2", ["linux/amd64"]);
    const tags = [tagOf("v0", "fail"), tagOf("v1", "fail"), tagOf("v2", "skip"), tagOf("latest")];
    const { findings, looked } = await findForbiddenTags([release(tags)], { registry, signal });
    expect(findings.map(brief)).toEqual([
      "error tag-exists: one.example/app:v1 is there already, and the plan says `if-exists: fail`",
    ]);
    expect(looked).toBe(2);
  });

  test.each<[string, Partial<PlannedRelease>]>([
    ["nothing in it tells the time", { variants: [variant("linux/amd64")] }],
    ["attestations are left out", { attestations: "strip" }],
    ["it is a part", { omitted: ["app linux/arm64"] }],
  ])("not where the run may end well: %s", async (_, changes) => {
    const registry = memoryRegistry();
    await addTag(registry, "v1", ["linux/amd64"]);
    const found = await findForbiddenTags([release([tagOf("v1", "fail")], changes)], { registry, signal });
    expect(found).toEqual({ findings: [], looked: 0 });
  });
});
