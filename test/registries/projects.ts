import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect } from "vitest";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Store } from "../../core/registry/store.ts";
import type { Result } from "../../core/result.ts";
import { makeImage, type TestImage } from "../support/images.ts";
import { temporaryFolder, testClient } from "../support/registry-rig.ts";
import { addBusybox, openRig, ROOT, type Rig } from "../support/rig.ts";
import { digestsSeenBy } from "./readers.ts";

/** What `inspect --json` says of an index, as far as it matters here. */
export interface Inspected {
  readonly digest: string;
  readonly platforms: readonly { readonly platform: string; readonly digest: string }[];
}

/** Two platforms with provenance, written by the real BuildKit; no two of these layouts are the same. */
export async function builtLayout(): Promise<{
  readonly rig: Rig;
  readonly layout: string;
  readonly digest: `sha256:${string}`;
}> {
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\nARG TARGETARCH\nENV ARCHITECTURE=$TARGETARCH\n",
    file: `made at ${process.hrtime.bigint()}`,
    "buildx-plan.yaml":
      'version: 1\nimages:\n  app:\n    platforms: [linux/amd64, linux/arm64]\n    tags: ["registry.example/app:1"]\n',
  });
  const layout = join(await temporaryFolder(), "layout");
  expect(await rig.build("--output", `type=oci,dest=${layout},tar=false`)).toMatchObject({ exitCode: 0 });
  return { rig, layout, digest: await taggedIn(layout) };
}

/** The digest of what a layout has under a tag; there is one. */
export async function taggedIn(layout: string): Promise<`sha256:${string}`> {
  const index: LayoutIndex = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  const tagged = index.manifests.filter(
    ({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] !== undefined,
  );
  expect(tagged).toHaveLength(1);
  return tagged[0]?.digest ?? "sha256:";
}

interface LayoutIndex {
  readonly manifests: readonly {
    readonly digest: `sha256:${string}`;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** Such a layout, pushed under the tag `1`. */
export async function pushed(host: string, path: string) {
  const { rig, layout, digest } = await builtLayout();
  const name = `${path}:1`;
  const copied = await rig.run(["copy", `oci-layout://${layout}@${digest}`, `${host}/${name}`]);
  expect(copied).toMatchObject({ exitCode: 0 });
  const inspected = await rig.run(["inspect", "--json", `${host}/${name}`]);
  const { platforms }: Inspected = JSON.parse(inspected.stdout);
  return { rig, name, digest, children: platforms };
}

/** The demo's plan, to be released to this registry. */
export async function demo(host: string): Promise<Rig> {
  const text = await readFile(join(ROOT, "buildx-plan.yaml"), "utf8");
  const plan = text
    .replace("registry: localhost:5555", `registry: ${host}`)
    .replace("./fixtures/demo", "./context")
    .replace("./.demo/busybox", "./busybox")
    .replaceAll("/demo/hello", "/flows/demo");
  const dockerfile = await readFile(join(ROOT, "fixtures/demo/Dockerfile"), "utf8");
  const rig = await openRig({ "buildx-plan.yaml": plan, "context/Dockerfile": dockerfile });
  await addBusybox(rig);
  return rig;
}

/** Two releases under one tag, with a record of the second one. */
export async function twoReleases(host: string, path: string) {
  const plan = `version: 1\nimages:\n  app:\n    platforms: [linux/amd64, linux/arm64]\n    tags: ["${host}/${path}:latest"]\n`;
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    "buildx-plan.yaml": plan,
  });
  const digests: string[] = [];
  const record = join(rig.directory, "record.json");
  for (const content of ["first", "second"]) {
    await rig.write({ file: content });
    expect(await rig.build("--record", record)).toMatchObject({ exitCode: 0 });
    digests.push((await digestsSeenBy(host, `${path}:latest`))["crane"] ?? "");
  }
  return { rig, record, digests };
}

/** A repository by the client alone. */
export async function clientStore(host: string, path: string): Promise<Store> {
  const { registry } = await testClient();
  return registry.store({ registry: host, path });
}

/** Stores a small image, blobs and manifest, without a tag. */
export async function put(store: Store, content: string): Promise<TestImage> {
  const image = makeImage({ os: "linux", architecture: "amd64" }, [content]);
  for (const bytes of [image.config, ...image.layers]) {
    const descriptor = {
      mediaType: "application/octet-stream",
      digest: digestOf(bytes),
      size: bytes.length,
    };
    const open = (from: number): AsyncIterable<Uint8Array> => Readable.from([bytes.subarray(from)]);
    valueOf(await store.putBlob({ descriptor, open }));
  }
  valueOf(await store.putManifest(image.manifest.descriptor.digest, image.manifest));
  return image;
}

/** The value, or an exception that shows why there is none. */
export function valueOf<T>(result: Result<T, unknown>): T {
  if (result.ok) return result.value;
  throw new Error(JSON.stringify(result.error));
}
