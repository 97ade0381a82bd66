import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseDocument } from "../../../core/oci/documents.ts";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { PublishedManifest } from "../../../core/publish/confirm.ts";
import { stitchRelease } from "../../../core/publish/stitch.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { isAttestation } from "../../../core/oci/attestation.ts";
import { DOCKER, makeAttestation, makeImage } from "../../support/images.ts";
import { platform, variant } from "../../support/make.ts";
import { plannedRelease } from "../../support/release.ts";

const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];

function published(text: string): PublishedManifest {
  const image = makeImage({ ...platform(text) });
  const attestation = makeAttestation(`https://slsa.dev/provenance/v0.2#${text}`);
  const { digest } = image.manifest.descriptor;
  return {
    variant: `app ${text}`,
    platform: platform(text),
    manifest: { ...image.manifest.descriptor, platform: platform(text) },
    attestations: [
      {
        ...attestation.manifest.descriptor,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.digest": digest,
          "vnd.docker.reference.type": "attestation-manifest",
        },
      },
    ],
    size: 0,
    layers: [],
  };
}

function release(changes: Partial<PlannedRelease> = {}): PlannedRelease {
  return plannedRelease({ variants: PLATFORMS.map((text) => variant(text)), ...changes });
}

const all = PLATFORMS.map(published);

function stitched(changes: Partial<PlannedRelease> = {}) {
  const planned = release(changes);
  const index = stitchRelease(planned, all);
  if (!index.ok) throw new Error(index.error.kind);
  return { release: planned, index: index.value };
}

test("stitches images in the plan's order, then their attestations in the same order", () => {
  const index = parseDocument(stitched({ indexAnnotations: { "org.example.a": "b" } }).index.bytes);
  if (!index.ok || index.value.kind !== "index") throw new Error("not an index");
  const { manifests, annotations } = index.value;
  expect(
    manifests.map((entry) =>
      isAttestation(entry) ? "attestation" : formatPlatform(entry.platform ?? platform("linux")),
    ),
  ).toEqual([...PLATFORMS, ...PLATFORMS.map(() => "attestation")]);
  expect(manifests.slice(PLATFORMS.length).map(({ digest }) => digest)).toEqual(
    all.flatMap(({ attestations }) => attestations.map(({ digest }) => digest)),
  );
  expect(annotations).toEqual({ "org.example.a": "b" });
});

test("stitches the same bytes whatever the order of completion", () => {
  const expected = stitched().index;
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      expect(stitchRelease(release(), shuffled)).toEqual({ ok: true, value: expected });
    }),
  );
});

test("lets nothing through but the expected set", () => {
  const extra = { ...published("linux/riscv64") };
  expect(stitchRelease(release(), all.slice(1))).toMatchObject({
    ok: false,
    error: { kind: "release-incomplete", release: "app", missing: ["app linux/amd64"], unexpected: [] },
  });
  expect(stitchRelease(release(), [...all, extra, ...all.slice(0, 1)])).toMatchObject({
    ok: false,
    error: { kind: "release-incomplete", missing: [], unexpected: ["app linux/riscv64", "app linux/amd64"] },
  });
  const optional = release({
    variants: PLATFORMS.map((text) => variant(text, { required: text !== "linux/amd64" })),
  });
  expect(stitchRelease(optional, all.slice(1))).toMatchObject({ ok: true });
});

test("refuses an index that no client could use", () => {
  const twice = all.map((each) => ({
    ...each,
    manifest: { ...each.manifest, platform: platform("linux/amd64") },
  }));
  expect(stitchRelease(release(), twice)).toMatchObject({
    ok: false,
    error: { kind: "index-refused", release: "app", cause: { kind: "platform-twice" } },
  });
});

test("`attest: strip` leaves attestations out", () => {
  const index = parseDocument(stitched({ attestations: "strip" }).index.bytes);
  if (!index.ok || index.value.kind !== "index") throw new Error("not an index");
  expect(index.value.manifests.some(isAttestation)).toBe(false);
  expect(index.value.manifests).toHaveLength(PLATFORMS.length);
});

test("`attest: require` names every platform without an attestation of its own", () => {
  const planned = release({ attestations: "require" });
  expect(stitchRelease(planned, all)).toMatchObject({ ok: true });
  const [first, second, ...others] = all;
  if (first === undefined || second === undefined) throw new Error("there are six");
  const bare = [{ ...first, attestations: [] }, { ...second, attestations: first.attestations }, ...others];
  expect(stitchRelease(planned, bare)).toEqual({
    ok: false,
    error: { kind: "attestations-missing", release: "app", platforms: ["linux/amd64", "linux/arm64"] },
  });
});

test("the release's media types decide, and children of others are refused", () => {
  const docker = release({ mediaTypes: "docker", attestations: "strip" });
  expect(stitchRelease(docker, all)).toMatchObject({
    error: {
      kind: "index-refused",
      cause: { kind: "media-type-foreign", format: "docker", platform: "linux/amd64" },
    },
  });
  const children = all.map(({ platform: where, ...each }) => {
    const { descriptor } = makeImage({ ...where }, ["layer"], DOCKER).manifest;
    return { ...each, platform: where, manifest: { ...descriptor, platform: where } };
  });
  expect(stitchRelease(docker, children)).toMatchObject({
    value: { descriptor: { mediaType: DOCKER.index } },
  });
  expect(stitchRelease(release({ attestations: "strip" }), children)).toMatchObject({
    error: { cause: { kind: "media-type-foreign", format: "oci", mediaType: DOCKER.manifest } },
  });
  expect(stitchRelease({ ...docker, attestations: "keep" }, all)).toMatchObject({
    error: { cause: { kind: "attestation-unsupported" } },
  });
});
