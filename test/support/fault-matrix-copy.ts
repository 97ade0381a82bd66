import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAuditor, seed, type Auditor } from "./fault-matrix-audit.ts";
import { matrixClient } from "./fault-matrix-client.ts";
import { startFront, type Front } from "./fault-matrix-front.ts";
import type { Attempt, Scenario, Work } from "./fault-matrix.ts";
import { failureIn } from "./fault-matrix-words.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "./images.ts";
import { copyImage, type Copied, type CopyFailure } from "../../core/images/copy.ts";
import { openLayout } from "../../core/layout/open.ts";
import type { Document } from "../../core/oci/descriptor.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Store } from "../../core/registry/store.ts";
import type { Result } from "../../core/result.ts";

const IMAGES = ["amd64", "arm64"].map((architecture) =>
  makeImage({ os: "linux", architecture }, [`the layer of ${architecture}, `.repeat(8)]),
);
const ROOT = makeDocument({
  schemaVersion: 2,
  mediaType: OCI.index,
  manifests: IMAGES.map(({ manifest }, at) => ({
    ...manifest.descriptor,
    platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64" },
  })),
});
const SIGNATURE = makeSignature(ROOT);
const TAGS = ["1", "latest"];
const SOURCE = "copy/source";

/** A layout of two platforms goes into a registry that has none of it. */
export async function pushScenario(registry: string): Promise<Scenario & { close: () => Promise<void> }> {
  const folder = await makeLayout();
  const opened = await openLayout(folder);
  if (!opened.ok) throw new Error(`no layout: ${JSON.stringify(opened.error)}`);
  const layout = opened.value;
  return {
    title: "A push of an OCI layout",
    about: "An index of two platforms goes from a layout into an empty repository, and gets two tags.",
    open: (id) =>
      openCopy(id, registry, {
        referrers: false,
        hosts: 1,
        from: () => layout.store,
        repository: `push/${id}`,
      }),
    close: async () => {
      await layout.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** An image goes to another repository of its registry, with its signature. */
export async function promoteScenario(registry: string): Promise<Scenario> {
  await seedSource(registry);
  return {
    title: "A copy to another repository of a registry",
    about:
      "An index of two platforms and what refers to it (found by the tag schema: this registry has no referrers API) are copied, blobs " +
      "are mounted, and two tags move.",
    open: (id) =>
      openCopy(id, registry, {
        referrers: true,
        hosts: 1,
        from: (stores) => stores(0, SOURCE),
        repository: `promoted/${id}`,
      }),
  };
}

/** An image goes to another registry; only the one that it comes from has faults. */
export async function transferScenario(registry: string): Promise<Scenario> {
  await seedSource(registry);
  return {
    title: "A copy from a registry to another",
    about:
      "An index of two platforms is read from one registry and written into another, blobs as streams. The faults are those of the " +
      "first; what the second can do is in the table of the layout's push.",
    struck: [1],
    open: (id) =>
      openCopy(id, registry, {
        referrers: false,
        hosts: 2,
        from: (stores) => stores(1, SOURCE),
        repository: `transferred/${id}`,
      }),
  };
}

interface Wanted {
  readonly referrers: boolean;
  /** Registries: the first is copied to. */
  readonly hosts: number;
  readonly from: (stores: (host: number, path: string) => Store) => Store;
  readonly repository: string;
}

async function openCopy(id: string, registry: string, wanted: Wanted): Promise<Work> {
  const fronts = await Promise.all(Array.from({ length: wanted.hosts }, () => startFront(registry, id)));
  const auditor = openAuditor(registry);
  return {
    fronts,
    attempt: async (options) => {
      const client = matrixClient(fronts, options);
      const stores = (host: number, path: string): Store =>
        client.store({ registry: fronts[host]?.host ?? "", path });
      const from = wanted.from(stores);
      const to = stores(0, wanted.repository);
      const copied = await copyImage({
        source: { store: from, tag: "1" },
        targets: TAGS.map((tag) => ({ store: to, tag })),
        referrers: wanted.referrers,
      });
      await client.close();
      return attemptOf(copied, wanted);
    },
    audit: (attempt) => audit(attempt, auditor, wanted),
    close: async () => void (await Promise.all(fronts.map((front: Front) => front.close()))),
  };
}

function attemptOf(copied: Result<Copied, CopyFailure>, { referrers }: Wanted): Attempt {
  if (copied.ok) {
    // A registry that says that nothing refers to an image is believed.
    const isLacking = referrers && copied.value.referrers === 0;
    const outcome = { kind: "passes", ...(isLacking ? { lacking: "its signature" } : {}) } as const;
    return { outcome, told: [], moved: copied.value.names };
  }
  const { error } = copied;
  const moved = error.kind === "tags-not-moved" ? error.moved : [];
  return { outcome: { kind: "fails", failure: failureIn(error) }, told: error, moved };
}

async function audit(
  { outcome, moved }: Attempt,
  auditor: Auditor,
  { repository, referrers }: Wanted,
): Promise<readonly string[]> {
  const tags = await auditor.tags(repository);
  const flaws = await Promise.all(tags.map((tag) => auditor.flaws(repository, tag)));
  const problems = flaws.flat();
  const names = await Promise.all(TAGS.map((tag) => auditor.digestOf(repository, tag)));
  for (const [at, name] of names.entries()) {
    const tag = TAGS[at] ?? "";
    if (name !== undefined && name !== ROOT.descriptor.digest) problems.push(`${tag} names ${name}`);
    if (name === undefined && outcome.kind === "passes")
      problems.push(`a success, and there is no tag ${tag}`);
    if (name === undefined && moved.some((each) => each.endsWith(`:${tag}`)))
      problems.push(`${tag} is said to have moved, and has not`);
  }
  if (referrers && outcome.kind === "passes" && outcome.lacking === undefined)
    problems.push(...(await auditor.flaws(repository, fallbackTag(ROOT))));
  return problems;
}

function makeSignature(subject: Document): TestImage {
  const image = makeImage({}, ["a signature"]);
  const { manifest } = image;
  const document = JSON.parse(Buffer.from(manifest.bytes).toString("utf8"));
  const artifactType = "application/vnd.example.signature";
  return { ...image, manifest: makeDocument({ ...document, artifactType, subject: subject.descriptor }) };
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema */
function fallbackTag({ descriptor }: Document): string {
  return descriptor.digest.replace(":", "-");
}

function blobsOf(images: readonly TestImage[]): readonly Uint8Array[] {
  return images.flatMap(({ config, layers }) => [config, ...layers]);
}

function put({ descriptor, bytes }: Document, reference: string = descriptor.digest) {
  return { reference, mediaType: descriptor.mediaType, bytes };
}

async function seedSource(registry: string): Promise<void> {
  const list = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [{ ...SIGNATURE.manifest.descriptor, artifactType: "application/vnd.example.signature" }],
  });
  await seed(registry, SOURCE, {
    blobs: blobsOf([...IMAGES, SIGNATURE]),
    manifests: [
      ...IMAGES.map(({ manifest }) => put(manifest)),
      put(ROOT, "1"),
      put(SIGNATURE.manifest),
      put(list, fallbackTag(ROOT)),
    ],
  });
}

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md */
async function makeLayout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-matrix-"));
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const contents = [...blobsOf(IMAGES), ...IMAGES.map(({ manifest }) => manifest.bytes), ROOT.bytes];
  for (const content of contents)
    await writeFile(join(folder, "blobs", "sha256", digestOf(content).slice("sha256:".length)), content);
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const annotations = { "org.opencontainers.image.ref.name": "1" };
  const manifests = [{ ...ROOT.descriptor, annotations }];
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return folder;
}
