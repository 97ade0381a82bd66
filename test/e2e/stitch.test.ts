import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { releaseGraph } from "../support/graphs.ts";
import {
  attestationEntry,
  DOCKER,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
  type MediaTypes,
  type TestImage,
} from "../support/images.ts";
import { putDocument, putImage, readRaw } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
let other: RealRegistry;
let proxy: FaultProxy;
beforeAll(async () => {
  [registry, other] = await Promise.all([startRealRegistry(), startRealRegistry()]);
  proxy = await startFaultProxy(registry.host);
  return async () => {
    await Promise.all([registry.close(), other.close(), proxy.close()]);
  };
});

const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];

function configOf(platform: string): Readonly<Record<string, string>> {
  const [os = "", architecture = "", variant] = platform.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Pushes a plain image for each platform. */
async function pushed(
  path: string,
  platforms: readonly string[] = PLATFORMS,
  types: MediaTypes = OCI,
): Promise<readonly TestImage[]> {
  const images = platforms.map((platform) => makeImage(configOf(platform), [`${path} ${platform}`], types));
  for (const image of images) await putImage({ registry: registry.host, path }, image);
  return images;
}

/** Pushes what buildx pushes for one platform: an index of the image and its provenance. */
async function pushedIndex(
  path: string,
  platform: string,
  tag: string,
): Promise<{ image: TestImage; attestation: TestImage }> {
  const to = { registry: registry.host, path };
  const image = makeImage(configOf(platform), [`${path} ${platform}`]);
  const attestation = makeAttestation(`https://slsa.dev/provenance/v1#${platform}`);
  for (const each of [image, attestation]) await putImage(to, each);
  const manifests = [
    { ...image.manifest.descriptor, platform: configOf(platform) },
    attestationEntry(attestation, image.manifest.descriptor.digest),
  ];
  await putDocument(to, tag, makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
  return { image, attestation };
}

function digestsOf(images: readonly TestImage[]): readonly string[] {
  return images.map(({ manifest }) => manifest.descriptor.digest);
}

interface IndexEntry {
  readonly digest: string;
  readonly platform: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface IndexJson {
  readonly mediaType: string;
  readonly manifests: readonly IndexEntry[];
  readonly annotations?: Readonly<Record<string, string>>;
}

async function readIndex(host: string, path: string, tag: string): Promise<IndexJson> {
  return JSON.parse((await readRaw({ registry: host, path }, tag)) ?? "{}");
}

test("six images and one tag: 7 requests; three tags: 9", async () => {
  const images = await pushed("stitch/plain");
  const rig = await openRig();
  const name = `${proxy.host}/stitch/plain`;
  const children = digestsOf(images).map((digest, at) => `${PLATFORMS[at]}=${name}@${digest}`);
  proxy.clearLog();
  const ran = await rig.run(["stitch", ...children, "--tag", `${name}:one`]);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(proxy.log()).toHaveLength(7);
  expect(proxy.log().at(-1)).toBe("PUT /v2/stitch/plain/manifests/one");
  proxy.clearLog();
  const tags = ["a", "b", "c"].flatMap((tag) => ["--tag", `${name}:${tag}`]);
  expect(await rig.run(["stitch", ...children, ...tags])).toMatchObject({ exitCode: 0 });
  expect(proxy.log()).toHaveLength(9);
  expect(proxy.log().slice(-3)).toEqual(
    ["a", "b", "c"].map((tag) => `PUT /v2/stitch/plain/manifests/${tag}`),
  );
  const index = await readIndex(registry.host, "stitch/plain", "c");
  expect(index.manifests.map(({ digest }) => digest)).toEqual(digestsOf(images));
  expect(index.manifests.map(({ platform }) => platform)).toEqual(PLATFORMS.map(configOf));
  const crane = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    `${registry.host}/stitch/plain:one`,
  ]);
  expect(ran.stdout).toBe(`${name}:one@${crane.stdout}\n`);
  const skopeo = await execa("skopeo", [
    "inspect",
    "--raw",
    "--tls-verify=false",
    `docker://${registry.host}/stitch/plain:one`,
  ]);
  expect(JSON.parse(skopeo.stdout)).toEqual(index);
});

test("makes the index that docker buildx makes of the same images", async () => {
  const images = await pushed("stitch/same");
  const rig = await openRig();
  const name = `${registry.host}/stitch/same`;
  const children = digestsOf(images).map((digest) => `${name}@${digest}`);
  const ran = await rig.run(["stitch", ...children, "--tag", `${name}:ours`]);
  expect(ran).toMatchObject({ exitCode: 0 });
  const buildx = await testTool("buildx");
  await execa(buildx, ["imagetools", "create", "--tag", `${name}:theirs`, ...children]);
  const at = { registry: registry.host, path: "stitch/same" };
  expect(await readRaw(at, "ours")).toBe(await readRaw(at, "theirs"));
});

test("indexes of one platform are flattened, their attestations stay linked or go", async () => {
  const made = [];
  for (const platform of PLATFORMS.slice(0, 2))
    made.push(await pushedIndex("stitch/attested", platform, platform.replaceAll("/", "-")));
  const rig = await openRig();
  const name = `${registry.host}/stitch/attested`;
  const children = [`${name}:linux-amd64`, `${name}:linux-arm64`];
  const images = digestsOf(made.map(({ image }) => image));
  const attestations = digestsOf(made.map(({ attestation }) => attestation));
  const ran = await rig.run(["stitch", ...children, "--attest", "require", "--tag", `${name}:all`, "--json"]);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    ok: true,
    platforms: [
      { platform: "linux/amd64", digest: images[0], attestations: [attestations[0]] },
      { platform: "linux/arm64", digest: images[1], attestations: [attestations[1]] },
    ],
  });
  const index = await readIndex(registry.host, "stitch/attested", "all");
  expect(index.manifests.map(({ digest }) => digest)).toEqual([...images, ...attestations]);
  expect(index.manifests.slice(2).map((entry) => entry.annotations?.["vnd.docker.reference.digest"])).toEqual(
    images,
  );
  const strip = ["stitch", ...children, "--attest", "strip", "--tag", `${name}:bare`];
  expect(await rig.run([...strip, "--annotation", "org.example.a=b=c"])).toMatchObject({ exitCode: 0 });
  const bare = await readIndex(registry.host, "stitch/attested", "bare");
  expect(bare.manifests.map(({ digest }) => digest)).toEqual(images);
  expect(bare.annotations).toEqual({ "org.example.a": "b=c" });
  const chosen = [`linux/arm64=${name}:all`, "--tag", `${name}:arm`];
  expect(await rig.run(["stitch", ...chosen])).toMatchObject({ exitCode: 0 });
  const arm = await readIndex(registry.host, "stitch/attested", "arm");
  expect(arm.manifests.map(({ digest }) => digest)).toEqual([images[1], attestations[1]]);
});

test("children elsewhere are brought first: mounted in one registry, uploaded to another, one index for all tags", async () => {
  const images = await pushed("stitch/from", PLATFORMS.slice(0, 3));
  const rig = await openRig();
  const children = digestsOf(images).map((digest) => `${proxy.host}/stitch/from@${digest}`);
  const tags = [
    `${proxy.host}/stitch/to:1`,
    `${other.host}/stitch/abroad:1`,
    `${proxy.host}/stitch/to:latest`,
  ];
  proxy.clearLog();
  const ran = await rig.run(["stitch", ...children, ...tags.flatMap((tag) => ["--tag", tag]), "--json"]);
  expect(ran).toMatchObject({ exitCode: 0 });
  const { digest, transferred } = JSON.parse(ran.stdout);
  expect(transferred).toMatchObject({ manifests: 6, blobs: { mounted: 6, uploaded: 6 } });
  expect(proxy.log().filter((line) => /^POST .*to\/blobs/.test(line))).toHaveLength(6);
  for (const [host, path, tag] of [
    [registry.host, "stitch/to", "1"],
    [other.host, "stitch/abroad", "1"],
    [registry.host, "stitch/to", "latest"],
  ] as const) {
    const crane = await execa(await testTool("crane"), ["digest", "--insecure", `${host}/${path}:${tag}`]);
    expect(crane.stdout).toBe(digest);
  }
  for (const { manifest } of images)
    expect(await readRaw({ registry: other.host, path: "stitch/abroad" }, manifest.descriptor.digest)).toBe(
      Buffer.from(manifest.bytes).toString("utf8"),
    );
});

test.each<[string, (name: string) => Promise<readonly string[]>, RegExp]>([
  [
    "two images for one platform",
    async (name) => {
      const [one] = await pushed("stitch/twice", ["linux/amd64"]);
      const two = makeImage(configOf("linux/amd64"), ["another"]);
      await putImage({ registry: registry.host, path: "stitch/twice" }, two);
      return digestsOf(one === undefined ? [two] : [one, two]).map((digest) => `${name}twice@${digest}`);
    },
    /linux\/amd64 is there twice: sha256:\w+ and sha256:/,
  ],
  [
    "mixed media types",
    async (name) => {
      const docker = await pushed("stitch/mixed", ["linux/amd64"], DOCKER);
      const oci = await pushed("stitch/mixed", ["linux/arm64"]);
      return digestsOf([...docker, ...oci]).map((digest) => `${name}mixed@${digest}`);
    },
    /linux\/amd64 \(sha256:\w+\) is of type application\/vnd\.docker/,
  ],
  [
    "annotations on Docker's media types",
    async (name) => {
      const docker = await pushed("stitch/docker", ["linux/amd64"], DOCKER);
      return [...digestsOf(docker).map((digest) => `${name}docker@${digest}`), "--annotation", "a=b"];
    },
    /Docker's media types have no annotations for an index/,
  ],
  [
    "an attestation of an image that is not there",
    async (name) => {
      const attestation = makeAttestation("https://slsa.dev/provenance/v1");
      const [image] = await pushed("stitch/stray", ["linux/amd64"]);
      const to = { registry: registry.host, path: "stitch/stray" };
      await putImage(to, attestation);
      const { descriptor } = releaseGraph().index;
      const manifests = [
        { ...image?.manifest.descriptor, platform: configOf("linux/amd64") },
        attestationEntry(attestation, descriptor.digest),
      ];
      await putDocument(to, "v1", makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
      return [`${name}stray:v1`];
    },
    /the attestation sha256:\w+ in it speaks of sha256:\w+ that is not in it/,
  ],
  [
    "an image without attestation where one is required",
    async (name) => {
      const images = await pushed("stitch/bare", ["linux/amd64"]);
      return [...digestsOf(images).map((digest) => `${name}bare@${digest}`), "--attest", "require"];
    },
    /has no attestation, and `--attest require` asks for one/,
  ],
  [
    "an index within an index",
    async (name) => {
      const { image } = await pushedIndex("stitch/nested", "linux/amd64", "inner");
      const inner = JSON.parse(
        (await readRaw({ registry: registry.host, path: "stitch/nested" }, "inner")) ?? "{}",
      );
      const bytes = Buffer.from(JSON.stringify(inner));
      const nested = makeDocument(inner);
      expect(bytes.toString()).toBe(Buffer.from(nested.bytes).toString());
      const manifests = [nested.descriptor, image.manifest.descriptor];
      const to = { registry: registry.host, path: "stitch/nested" };
      await putDocument(to, "outer", makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
      return [`${name}nested:outer`];
    },
    /is neither an image nor an attestation \(application\/vnd\.oci\.image\.index/,
  ],
])("refuses %s, and writes nothing", async (_, prepare, message) => {
  const rig = await openRig();
  const argv = await prepare(`${proxy.host}/stitch/`);
  const target = `${proxy.host}/stitch/refused:v1`;
  proxy.clearLog();
  const ran = await rig.run(["stitch", ...argv, "--tag", target]);
  expect(ran).toMatchObject({ exitCode: 4, stdout: "" });
  expect(ran.stderr).toMatch(message);
  expect(ran.stderr).toContain("nothing was written");
  expect(proxy.log().filter((line) => !/^(GET|HEAD) /.test(line))).toEqual([]);
});

test("a tag that cannot be moved: which did, which did not", async () => {
  const images = await pushed("stitch/half", PLATFORMS.slice(0, 2));
  const rig = await openRig();
  const name = `${proxy.host}/stitch/half`;
  proxy.failNext({ method: "PUT", path: /manifests\/b$/ }, { kind: "status", status: 403 }, 5);
  const children = digestsOf(images).map((digest) => `${name}@${digest}`);
  const tags = ["a", "b", "c"].flatMap((tag) => ["--tag", `${name}:${tag}`]);
  const ran = await rig.run(["stitch", ...children, ...tags]);
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(`moved: ${name}:a\n  not moved: ${name}:b\n  not moved: ${name}:c\n`);
});

test("what is not meant for the index is refused as usage", async () => {
  const rig = await openRig();
  const tag = ["--tag", `${proxy.host}/stitch/usage:1`];
  const child = `${proxy.host}/stitch/usage@sha256:${"0".repeat(64)}`;
  const usages: readonly (readonly [readonly string[], string])[] = [
    [[child, ...tag, "--annotation", "manifest:a=b"], "a stitch writes the index alone, and no manifest"],
    [[child, ...tag, "--annotation", "a"], "it is not KEY=VALUE"],
    [[`Linux?=${child}`, ...tag], "`Linux?` is no platform"],
    [[child, "--tag", `${proxy.host}/stitch/usage`], "it has no tag"],
    [[child], "--tag: an index of children needs a tag"],
  ];
  for (const [argv, message] of usages) {
    const ran = await rig.run(["stitch", ...argv]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toContain(message);
  }
});
