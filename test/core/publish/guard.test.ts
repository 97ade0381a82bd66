import { describe, expect, test } from "vitest";
import type { PlannedRelease, ReleaseTag } from "../../../core/plan/plan.ts";
import { formatReference } from "../../../core/oci/reference.ts";
import { decideTags, isComparable, type Allowed, type Candidate } from "../../../core/publish/guard.ts";
import type { TagNow } from "../../../core/publish/tag-now.ts";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import { fail, ok } from "../../../core/result.ts";
import { build, platform, variant } from "../../support/make.ts";
import { makeDocument, OCI } from "../../support/images.ts";
import { plannedRelease } from "../../support/release.ts";
import { digest } from "../../support/run-events.ts";

const REPOSITORY = { registry: "one.example", path: "app" };
const NEITHER: Allowed = { shrink: false, downgrade: false };
const INDEX = makeDocument({ mediaType: OCI.index, manifests: [] });
const UNREACHABLE: RegistryFailure = {
  kind: "registry-unreachable",
  registry: "one.example",
  request: { method: "GET", url: "https://one.example/v2/", attempts: 5 },
  detail: "reset",
};

function annotations(facts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
  );
}

function candidate(
  tags: readonly (string | ReleaseTag)[],
  changes: { readonly platforms?: readonly string[]; readonly facts?: Readonly<Record<string, string>> } = {},
): Candidate {
  const { platforms = ["linux/amd64"], facts = {} } = changes;
  const variants = platforms.map((text) => variant(text));
  const release: PlannedRelease = plannedRelease({
    variants,
    tags: tags.map((tag) => (typeof tag === "string" ? { ...REPOSITORY, tag } : tag)),
    indexAnnotations: annotations(facts),
  });
  const manifests = variants.map(({ id, platform: where }) => ({
    variant: id,
    platform: where,
    manifest: { mediaType: OCI.manifest, digest: digest(id), size: 1, platform: where },
    attestations: [],
    size: 1,
    layers: [],
  }));
  return { release, index: INDEX, manifests };
}

function present(changes: {
  readonly platforms?: readonly string[];
  readonly facts?: Readonly<Record<string, string>>;
}): TagNow {
  const { platforms = ["linux/amd64"], facts = {} } = changes;
  return {
    kind: "present",
    digest: digest("before"),
    platforms: platforms.map(platform),
    annotations: annotations(facts),
  };
}

/** Decides where all tags point at the same. */
function decide(given: Candidate, now: TagNow | RegistryFailure, allowed: Allowed = NEITHER) {
  const reading =
    now.kind === "present" || now.kind === "absent" || now.kind === "foreign" ? ok(now) : fail(now);
  const readings = new Map(given.release.tags.map((tag) => [formatReference(tag), reading]));
  return decideTags(given, readings, allowed);
}

function actions(decided: ReturnType<typeof decide>): readonly string[] {
  return decided.ok ? decided.value.map(({ action }) => action) : decided.error.map(({ why }) => why);
}

describe("platforms", () => {
  test.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ["the same", ["linux/amd64", "linux/arm64"], ["linux/arm64", "linux/amd64"], []],
    ["the same, written otherwise", ["linux/arm64/v8", "linux/arm"], ["linux/arm64", "linux/arm/v7"], []],
    ["more", ["linux/amd64"], ["linux/amd64", "linux/arm64"], []],
    ["fewer", ["linux/amd64", "linux/arm64"], ["linux/amd64"], ["linux/arm64"]],
    ["others", ["linux/arm/v6"], ["linux/arm/v7"], ["linux/arm/v6"]],
    [
      "an update of the same Windows",
      ["windows(10.0.20348.2340)/amd64"],
      ["windows(10.0.20348.2402)/amd64"],
      [],
    ],
    [
      "another Windows",
      ["windows(10.0.17763.1)/amd64", "windows(10.0.20348.1)/amd64"],
      ["windows(10.0.20348.1)/amd64"],
      ["windows(10.0.17763)/amd64"],
    ],
    ["entries without a platform", ["linux/amd64", "unknown/unknown"], ["linux/amd64"], []],
  ])("%s", (_, now, next, lost) => {
    const decided = decide(candidate(["latest"], { platforms: next }), present({ platforms: now }));
    const refused = { error: [{ tag: { tag: "latest" }, why: "shrinks", digest: digest("before"), lost }] };
    expect(decided).toMatchObject(lost.length === 0 ? { value: [{ action: "move" }] } : refused);
    const allowed = decide(candidate(["latest"], { platforms: next }), present({ platforms: now }), {
      shrink: true,
      downgrade: false,
    });
    expect(actions(allowed)).toEqual(["move"]);
  });
});

test("a platform that the plan lets the release go without is not missed", () => {
  const base = candidate(["latest"]);
  const optional = variant("linux/riscv64", { required: false });
  const given = {
    ...base,
    release: { ...base.release, variants: [...base.release.variants, optional] },
  };
  expect(actions(decide(given, present({ platforms: ["linux/amd64", "linux/riscv64"] })))).toEqual(["move"]);
  expect(
    decide(given, present({ platforms: ["linux/amd64", "linux/riscv64", "linux/s390x"] })),
  ).toMatchObject({ error: [{ why: "shrinks", lost: ["linux/s390x"] }] });
});

describe("revisions", () => {
  const OLD = "2026-01-01T00:00:00Z";
  const NEW = "2026-02-01T00:00:00Z";
  type Facts = Readonly<Record<string, string>>;

  test.each<[string, Facts, Facts, string | undefined]>([
    ["nothing to compare", {}, {}, undefined],
    ["nothing there to compare with", {}, { created: OLD, version: "1.0.0" }, undefined],
    ["nothing to compare it with", { created: NEW, version: "2.0.0" }, {}, undefined],
    ["later", { created: OLD }, { created: NEW }, undefined],
    ["at the same time", { created: OLD }, { created: OLD }, undefined],
    ["earlier", { created: NEW }, { created: OLD }, "created"],
    [
      "at the same moment in another zone",
      { created: NEW },
      { created: "2026-02-01T02:00:00+02:00" },
      undefined,
    ],
    ["a time that is none", { created: NEW }, { created: "1" }, undefined],
    [
      "the same revision is never older",
      { revision: "a", created: NEW, version: "2.0.0" },
      { revision: "a", created: OLD, version: "1.0.0" },
      undefined,
    ],
    [
      "another revision, earlier",
      { revision: "a", created: NEW },
      { revision: "b", created: OLD },
      "created",
    ],
    ["another revision, and nothing else", { revision: "a" }, { revision: "b" }, undefined],
    ["a lower version", { version: "1.10.0" }, { version: "1.9.9" }, "version"],
    ["a prerelease of what is there", { version: "2.0.0" }, { version: "2.0.0-rc.1" }, "version"],
    ["a higher version", { version: "1.9.9" }, { version: "v1.10.0" }, undefined],
    [
      "a lower version, built later",
      { version: "2.0.0", created: OLD },
      { version: "1.9.6", created: NEW },
      "version",
    ],
    ["a version that is none", { version: "main" }, { version: "1.0.0" }, undefined],
  ])("%s", (_, now, next, by) => {
    const given = candidate(["latest"], { facts: next });
    const decided = decide(given, present({ facts: now }));
    const refused = { error: [{ why: "older", by, digest: digest("before") }] };
    expect(decided).toMatchObject(by === undefined ? { value: [{ action: "move" }] } : refused);
    expect(actions(decide(given, present({ facts: now }), { shrink: false, downgrade: true }))).toEqual([
      "move",
    ]);
  });

  test.each<[string, readonly string[], string, readonly string[]]>([
    ["older than what floating tags name", ["1.9.5", "1", "latest"], "2.0.0", ["older", "older"]],
    ["newer than that", ["v2.0.1", "2", "latest"], "2.0.0", ["move", "move", "move"]],
    ["the highest of several counts", ["1.9.5", "2.0.0", "latest"], "2.0.0", ["move", "move", "move"]],
    ["a flavour of the same version", ["2.0.0-alpine", "alpine"], "2.0.0", ["move", "move"]],
    ["a flavour of an older one", ["1.9.9-alpine", "alpine"], "2.0.0", ["older"]],
    ["no full version among the tags", ["1", "latest"], "2.0.0", ["move", "move"]],
    ["not a version there", ["1.0.0", "latest"], "main", ["move", "move"]],
  ])("the semver of tags: %s", (_, tags, now, expected) => {
    expect(actions(decide(candidate(tags), present({ facts: { version: now } })))).toEqual(expected);
  });

  test("the first image's annotations speak where the index has none", () => {
    const facts = annotations({ version: "1.0.0" });
    const base = candidate(["latest"]);
    const variants = [
      variant("linux/amd64", { build: build({ annotations: { manifest: facts, manifestDescriptor: {} } }) }),
    ];
    const given = { ...base, release: { ...base.release, variants } };
    expect(actions(decide(given, present({ facts: { version: "2.0.0" } })))).toEqual(["older"]);
    const first = {
      ...given,
      release: { ...given.release, indexAnnotations: annotations({ version: "3.0.0" }) },
    };
    expect(actions(decide(first, present({ facts: { version: "2.0.0" } })))).toEqual(["move"]);
    expect([given, first, base].map(({ release }) => isComparable(release))).toEqual([true, true, false]);
  });
});

describe("if-exists", () => {
  const tag = (ifExists?: "skip" | "fail"): ReleaseTag => ({
    ...REPOSITORY,
    tag: "1.0.0",
    ...(ifExists === undefined ? {} : { ifExists }),
  });
  const shrinking = present({ platforms: ["linux/amd64", "linux/s390x"] });

  test("skip keeps what is there, whatever the guard would say", () => {
    expect(decide(candidate([tag("skip")]), shrinking)).toMatchObject({
      value: [{ action: "keep", before: digest("before") }],
    });
  });

  test("fail refuses what is there with another digest, and no flag changes that", () => {
    expect(decide(candidate([tag("fail")]), shrinking, { shrink: true, downgrade: true })).toMatchObject({
      error: [{ why: "exists", digest: digest("before") }],
    });
  });

  test.each(["skip", "fail", undefined] as const)("%s: a tag that is not there is moved", (ifExists) => {
    expect(decide(candidate([tag(ifExists)]), { kind: "absent" })).toMatchObject({
      value: [{ action: "move", before: null }],
    });
  });

  test.each(["skip", "fail", undefined] as const)(
    "%s: a tag that names this index is not written again",
    (ifExists) => {
      const same: TagNow = {
        kind: "present",
        digest: INDEX.descriptor.digest,
        platforms: [],
        annotations: {},
      };
      expect(decide(candidate([tag(ifExists)]), same)).toMatchObject({ value: [{ action: "unchanged" }] });
    },
  );

  test.each(["skip", "fail", undefined] as const)("%s: not readable is not absent", (ifExists) => {
    expect(decide(candidate([tag(ifExists)]), UNREACHABLE, { shrink: true, downgrade: true })).toMatchObject({
      error: [{ why: "unreadable", cause: UNREACHABLE }],
    });
  });
});

test("what is no image is replaced only where everything is allowed", () => {
  const foreign: TagNow = { kind: "foreign", digest: digest("chart"), detail: "not an image" };
  for (const allowed of [NEITHER, { shrink: true, downgrade: false }, { shrink: false, downgrade: true }])
    expect(actions(decide(candidate(["latest"]), foreign, allowed))).toEqual(["foreign"]);
  expect(actions(decide(candidate(["latest"]), foreign, { shrink: true, downgrade: true }))).toEqual([
    "move",
  ]);
});

test("all that stands against all tags is told together", () => {
  const given = candidate(["1", { ...REPOSITORY, tag: "1.0.0", ifExists: "fail" }], {
    facts: { version: "1.0.0" },
  });
  const now = present({ platforms: ["linux/amd64", "linux/s390x"], facts: { version: "2.0.0" } });
  expect(decide(given, now)).toMatchObject({
    error: [
      { tag: { tag: "1" }, why: "shrinks" },
      { tag: { tag: "1" }, why: "older" },
      { tag: { tag: "1.0.0" }, why: "exists" },
    ],
  });
});
