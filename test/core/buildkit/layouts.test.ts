import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { resolveLayouts } from "../../../core/buildkit/layouts.ts";
import { build } from "../../support/make.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;

async function layout(index: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "layout-"));
  onTestFinished(() => rm(path, { recursive: true }));
  await writeFile(join(path, "index.json"), index);
  return path;
}

const tagged = (tag: string): string =>
  JSON.stringify({
    manifests: [{ digest: DIGEST, annotations: { "org.opencontainers.image.ref.name": tag } }],
  });

test("a tag of a layout becomes the digest that its index.json gives", async () => {
  const path = await layout(tagged("v1"));
  const context = { kind: "oci-layout", path, reference: { kind: "tag", tag: "v1" } } as const;
  const resolved = await resolveLayouts(build({ context, contexts: { base: context } }));
  const expected = { kind: "oci-layout", path, reference: { kind: "digest", digest: DIGEST } };
  expect(resolved).toMatchObject({ ok: true, value: { context: expected, contexts: { base: expected } } });
});

test.each([
  [tagged("v2"), "has no image tagged v1; it has v2"],
  [JSON.stringify({ manifests: [{ digest: DIGEST }] }), "has no image tagged v1; it has none with a tag"],
  ["{", "has no readable index.json"],
])("a layout without the tag is refused: %s", async (index, why) => {
  const path = await layout(index);
  const base = { kind: "oci-layout", path, reference: { kind: "tag", tag: "v1" } } as const;
  expect(await resolveLayouts(build({ contexts: { base } }))).toEqual({
    ok: false,
    error: { kind: "solve-refused", message: `the OCI layout ${path} ${why}` },
  });
});
