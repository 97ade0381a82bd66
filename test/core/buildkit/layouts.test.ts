import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { resolveLayouts } from "../../../core/buildkit/layouts.ts";
import { build } from "../../support/make.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const OTHER = `sha256:${"b".repeat(64)}` as const;

async function layout(index: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "layout-"));
  onTestFinished(() => rm(path, { recursive: true }));
  await writeFile(join(path, "index.json"), index);
  return path;
}

const MANIFEST = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: DIGEST, size: 1 };

const indexOf = (...manifests: readonly object[]): string => JSON.stringify({ schemaVersion: 2, manifests });

const tagged = (tag: string): string =>
  indexOf({ ...MANIFEST, annotations: { "org.opencontainers.image.ref.name": tag } });

test("a tag of a layout becomes the digest that its index.json gives", async () => {
  const path = await layout(tagged("v1"));
  const context = { kind: "oci-layout", path, reference: { kind: "tag", tag: "v1" } } as const;
  const resolved = await resolveLayouts(build({ context, contexts: { base: context } }));
  const expected = { kind: "oci-layout", path, reference: { kind: "digest", digest: DIGEST } };
  expect(resolved).toMatchObject({ ok: true, value: { context: expected, contexts: { base: expected } } });
});

test("a layout's only image is its latest, as builders leave it", async () => {
  const path = await layout(indexOf(MANIFEST));
  const context = { kind: "oci-layout", path, reference: { kind: "tag", tag: "latest" } } as const;
  expect(await resolveLayouts(build({ context }))).toMatchObject({
    value: { context: { reference: { kind: "digest", digest: DIGEST } } },
  });
});

test.each([
  [tagged("v2"), "has no image tagged v1; it has v2"],
  [indexOf(MANIFEST), "has no image tagged v1; it has none with a tag"],
  [
    indexOf(
      { ...MANIFEST, annotations: { "io.containerd.image.name": "docker.io/library/one:v1" } },
      { ...MANIFEST, digest: OTHER, annotations: { "io.containerd.image.name": "docker.io/library/two:v1" } },
    ),
    `has several images tagged v1; ask for one of them by its digest: ${DIGEST}, ${OTHER}`,
  ],
  [tagged("v1") + " ".repeat(4 * 1024 * 1024), "has no readable index.json"],
  ["{", "has no readable index.json"],
])("a layout without the tag is refused: %#", async (index, why) => {
  const path = await layout(index);
  const base = { kind: "oci-layout", path, reference: { kind: "tag", tag: "v1" } } as const;
  expect(await resolveLayouts(build({ contexts: { base } }))).toEqual({
    ok: false,
    error: { kind: "solve-refused", message: `the OCI layout ${path} ${why}` },
  });
});
