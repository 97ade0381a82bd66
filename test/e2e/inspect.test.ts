import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import type { Document } from "../../core/oci/descriptor.ts";
import { DOCKER, makeDocument, makeImage, OCI, type MediaTypes, type TestImage } from "../support/images.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";
import { uploadBlob } from "../support/upload.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

const PLATFORMS = ["linux/amd64", "linux/arm64"];

/** A real release of two platforms: the same files in both, so that nothing has to be emulated. */
async function released(path: string): Promise<Rig> {
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: "the same everywhere",
    "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [${PLATFORMS.join(", ")}]
    annotations: { "index:org.example.made-by": a test }
    tags: ["${registry.host}/${path}:1"]
`,
  });
  const ran = await rig.run(["build", "--builder", inject("buildkit").address]);
  expect(ran.exitCode).toBe(0);
  return rig;
}

async function digestOf(name: string): Promise<string> {
  const { stdout } = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    `${registry.host}/${name}`,
  ]);
  return stdout;
}

/** Stores a document under a tag, as any client may. */
async function put(path: string, reference: string, { bytes, descriptor }: Document): Promise<void> {
  const answer = await fetch(`http://${registry.host}/v2/${path}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": descriptor.mediaType },
    body: Buffer.from(bytes),
  });
  expect(answer.status).toBe(201);
}

async function upload(path: string, image: TestImage): Promise<void> {
  for (const bytes of [image.config, ...image.layers])
    await uploadBlob({ registry: registry.host, path }, bytes);
  await put(path, image.manifest.descriptor.digest, image.manifest);
}

test("an index of ours: platforms, layers that they share, attestations in words, annotations", async () => {
  const rig = await released("ours");
  const { exitCode, stdout, stderr } = await rig.run(["inspect", `${registry.host}/ours:1`]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toContain(`${registry.host}/ours:1\ndigest  ${await digestOf("ours:1")}\n`);
  expect(stdout).toContain(`type    ${OCI.index}\n`);
  const [, table = ""] = /^(PLATFORM +MANIFEST[^]*?)\n\n/m.exec(stdout) ?? [];
  const rows = table.split("\n").slice(1);
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual(PLATFORMS);
  for (const row of rows) expect(row).toMatch(/1 \(1 shared\) +provenance$/);
  expect(stdout).toMatch(
    /^Layers shared between platforms\n.*\n {2}sha256:\w{64} +\S+ +linux\/amd64, linux\/arm64$/m,
  );
  expect(stdout).toMatch(/^Attestations\n.*\n {2}linux\/amd64 +how it was built \(SLSA\) +sha256:/m);
  expect(stdout).toContain("Annotations\n  org.example.made-by = a test\n");
});

test("the same as JSON, by tag and by digest", async () => {
  const rig = await released("json");
  const digest = await digestOf("json:1");
  const byTag = JSON.parse((await rig.run(["inspect", `${registry.host}/json:1`, "--json"])).stdout);
  const byDigest = JSON.parse(
    (await rig.run(["inspect", `${registry.host}/json@${digest}`, "--json"])).stdout,
  );
  expect(byTag).toMatchObject({
    schemaVersion: 1,
    ok: true,
    digest,
    mediaType: OCI.index,
    annotations: { "org.example.made-by": "a test" },
    oddities: [],
  });
  expect(byTag.platforms.map(({ platform }: { platform: string }) => platform)).toEqual(PLATFORMS);
  const [shared, ...others] = byTag.sharedLayers;
  expect(others).toEqual([]);
  expect(shared.images).toEqual(byTag.platforms.map((each: { digest: string }) => each.digest));
  expect(byDigest).toEqual({ ...byTag, reference: `${registry.host}/json@${digest}` });
});

test("a child of the index is an image of its own", async () => {
  const rig = await released("child");
  const index = JSON.parse((await rig.run(["inspect", `${registry.host}/child:1`, "--json"])).stdout);
  const { digest, size } = index.platforms[1];
  const child = await rig.run(["inspect", `${registry.host}/child@${digest}`, "--json"]);
  expect(JSON.parse(child.stdout)).toMatchObject({
    digest,
    mediaType: OCI.manifest,
    platforms: [{ platform: "linux/arm64", digest, size, attestations: [] }],
  });
});

test.each<[string, MediaTypes]>([
  ["OCI", OCI],
  ["Docker", DOCKER],
])("an image and an index of other tools with the media types of %s", async (name, types) => {
  const path = `others/${name.toLowerCase()}`;
  const [arm, intel] = [
    makeImage({ os: "linux", architecture: "arm", variant: "v7" }, ["base", "arm"], types),
    makeImage({ os: "linux", architecture: "amd64" }, ["base", "intel"], types),
  ];
  for (const image of [arm, intel]) await upload(path, image);
  await put(path, "single", arm.manifest);
  const manifests = [
    { ...arm.manifest.descriptor, platform: { os: "linux", architecture: "arm", variant: "v7" } },
    { ...intel.manifest.descriptor, platform: { os: "linux", architecture: "amd64" } },
  ];
  await put(path, "index", makeDocument({ schemaVersion: 2, mediaType: types.index, manifests }));
  const rig = await openRig();
  const single = await rig.run(["inspect", `${registry.host}/${path}:single`]);
  expect(single.exitCode).toBe(0);
  expect(single.stdout).toContain(`type    ${types.manifest}\n`);
  expect(single.stdout).toMatch(
    new RegExp(`^linux/arm/v7 +${arm.manifest.descriptor.digest} +\\S+ +2\\b`, "m"),
  );
  const index = await rig.run(["inspect", `${registry.host}/${path}:index`, "--json"]);
  expect(JSON.parse(index.stdout)).toMatchObject({
    mediaType: types.index,
    platforms: [
      { platform: "linux/arm/v7", layers: [{ mediaType: types.layer }, {}] },
      { platform: "linux/amd64", size: intel.config.length + "base".length + "intel".length },
    ],
    sharedLayers: [{ size: "base".length }],
  });
});

test.each(["tag", "digest"])(
  "a %s that is not there: what was asked for and what the registry said",
  async (kind) => {
    const rig = await openRig();
    const name =
      kind === "tag" ? `${registry.host}/nothing:1` : `${registry.host}/nothing@sha256:${"0".repeat(64)}`;
    const ran = await rig.run(["inspect", name, "--json"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(
      `error: ${name} does not exist\n  GET http://${registry.host}/v2/nothing/manifests/`,
    );
    expect(ran.stderr).toMatch(/status 404\n {2}MANIFEST_UNKNOWN: /);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "manifest-unknown" }] });
  },
);
