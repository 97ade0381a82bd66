import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../../core/findings/finding.ts";
import type { LayerOddity } from "../../../core/layers/layer.ts";
import type { Descriptor } from "../../../core/oci/descriptor.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { BlobUnreadable, type StoreFailure } from "../../../core/registry/store.ts";
import { verifyImage } from "../../../core/verify/verify-image.ts";
import type { VerifyWorld } from "../../../core/verify/verified.ts";
import { elf, makeImage, memoryOf, storeOf, type ImageSpec } from "../../support/verify-images.ts";

// An archive without entries: two empty blocks.
const TAR = Buffer.alloc(1024);
const BLOB = gzipSync(TAR);
const DIFF_ID = `sha256:${createHash("sha256").update(TAR).digest("hex")}` as const;
const LAYER: Descriptor = {
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: digestOf(BLOB),
  size: BLOB.length,
};

const PLACE = { registry: "r", request: { method: "GET", url: "http://r/", attempts: 1 } };
const ABSENT: StoreFailure = { kind: "manifest-unknown", ...PLACE, status: 404, codes: [] };
const DENIED: StoreFailure = { kind: "registry-denied", ...PLACE, status: 403, codes: [] };
const MISMATCH: StoreFailure = {
  kind: "digest-mismatch",
  ...PLACE,
  expected: LAYER.digest,
  actual: LAYER.digest,
  bytes: 3,
};

/** An image of one layer, whose config says this of its content. */
function imageOf(
  layers: readonly Descriptor[],
  diffIds: readonly Digest[] = layers.map(() => DIFF_ID),
): ReturnType<typeof makeImage>["image"] {
  const { image } = makeImage({ platform: "linux/amd64", layers: [] });
  return { ...image, layers, config: { ...image.config, diffIds } };
}

/** A world that counts what is streamed, each stream held until it is let go. */
function worldOf(blob: Uint8Array | StoreFailure): {
  readonly world: VerifyWorld;
  readonly streams: readonly string[];
} {
  const streams: string[] = [];
  const store = storeOf({
    openBlob: async function* open({ digest }) {
      streams.push(digest);
      await Promise.resolve();
      if (!(blob instanceof Uint8Array)) throw new BlobUnreadable(blob);
      yield blob;
    },
  });
  const settings = { content: "error", ignore: [] } as const;
  return { streams, world: { store, memory: memoryOf([]), settings, signal: new AbortController().signal } };
}

async function findingsOf(
  blob: Uint8Array | StoreFailure,
  layer: Descriptor = LAYER,
): Promise<readonly string[]> {
  const verified = await verifyImage(imageOf([layer]), worldOf(blob).world);
  if (!verified.ok) return [verified.error.kind];
  return verified.value.findings.map(({ severity, rule, message }) => `${severity} ${rule}: ${message}`);
}

describe("a layer is streamed once", () => {
  test("by images one after the other", async () => {
    const { world, streams } = worldOf(BLOB);
    const first = await verifyImage(imageOf([LAYER]), world);
    const second = await verifyImage(imageOf([LAYER]), world);
    expect([first, second]).toMatchObject([
      { value: { bytesRead: BLOB.length, findings: [], layers: [{ diffId: DIFF_ID }] } },
      { value: { bytesRead: 0, findings: [] } },
    ]);
    expect(streams).toEqual([LAYER.digest]);
  });

  test("by images at the same time, and by one that has it twice", async () => {
    const { world, streams } = worldOf(BLOB);
    const images = [imageOf([LAYER, LAYER]), imageOf([LAYER])];
    const verified = await Promise.all(images.map(async (image) => await verifyImage(image, world)));
    expect(verified.map((each) => each.ok)).toEqual([true, true]);
    expect(streams).toEqual([LAYER.digest]);
    const bytes = verified.map((each) => (each.ok ? each.value.bytesRead : -1));
    expect(bytes.toSorted((one, other) => one - other)).toEqual([0, BLOB.length]);
  });

  test("not where another's stream failed: its store may be another, its run cancelled", async () => {
    const good = worldOf(BLOB);
    const bad = worldOf(DENIED);
    const [one, other] = await Promise.all([
      verifyImage(imageOf([LAYER]), bad.world),
      verifyImage(imageOf([LAYER]), { ...good.world, memory: bad.world.memory }),
    ]);
    expect(one).toMatchObject({ ok: false, error: { kind: "registry-denied" } });
    expect(other).toMatchObject({ ok: true });
    expect(good.streams).toEqual([LAYER.digest]);
  });

  test("again where it is late, and only where it was pushed just now", async () => {
    const late = (found: readonly (Uint8Array | StoreFailure)[]) => {
      const left = [...found];
      return storeOf({
        openBlob: async function* open() {
          await Promise.resolve();
          const next = left.shift() ?? ABSENT;
          if (!(next instanceof Uint8Array)) throw new BlobUnreadable(next);
          yield next;
        },
      });
    };
    const waits: number[] = [];
    const timing = { sleep: async (ms: number) => void waits.push(ms) };
    const { world } = worldOf(BLOB);
    const pushed = { ...world, store: late([ABSENT, ABSENT, BLOB]), timing };
    const known = { ...world, memory: memoryOf([]), store: late([ABSENT, BLOB]) };
    const gone = { ...world, memory: memoryOf([]), store: late([]), timing };
    const found = async (in_: VerifyWorld): Promise<readonly string[]> => {
      const verified = await verifyImage(imageOf([LAYER]), in_);
      return verified.ok ? verified.value.findings.map(({ rule }) => rule) : [verified.error.kind];
    };
    expect(await found(pushed)).toEqual([]);
    expect(waits).toEqual([250, 500]);
    expect(await found(known)).toEqual(["layer-unreadable"]);
    expect(waits).toEqual([250, 500]);
    expect(await found(gone)).toEqual(["layer-unreadable"]);
    expect(waits).toEqual([250, 500, 250, 500, 1_000, 2_000]);
  });

  test("a summary that is another layer's is not believed", async () => {
    const { world, streams } = worldOf(BLOB);
    const { summaries } = makeImage({ platform: "linux/amd64", layers: [{ files: {} }] });
    const memory = { ...world.memory, get: async () => summaries[0] };
    expect(await verifyImage(imageOf([LAYER]), { ...world, memory })).toMatchObject({ ok: true });
    expect(streams).toEqual([LAYER.digest]);
  });
});

describe("a layer that cannot be read", () => {
  test.each<readonly [string, Uint8Array | StoreFailure, Partial<Descriptor>, string]>([
    ["nobody may", DENIED, {}, "registry-denied"],
    ["nobody has it", ABSENT, {}, "error layer-unreadable: A layer cannot be read: it is not there"],
    [
      "nobody has to have it",
      ABSENT,
      { mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" },
      "note layer-unreadable: A layer is not kept with the image, and was not looked into: its owner alone distributes it",
    ],
    [
      "it is elsewhere",
      ABSENT,
      { urls: ["https://example.com/layer"] },
      "note layer-unreadable: A layer is not kept with the image, and was not looked into: its owner alone distributes it",
    ],
    [
      "it is damaged",
      MISMATCH,
      {},
      "error layer-unreadable: A layer cannot be read: its bytes are not those that its digest stands for",
    ],
    [
      "it is broken off",
      BLOB.subarray(0, 20),
      {},
      "error layer-unreadable: A layer cannot be read: it is broken off",
    ],
    [
      "it is encrypted",
      BLOB,
      { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" },
      "error layer-unreadable: A layer cannot be read: it is encrypted",
    ],
  ])("%s", async (_, blob, more, expected) => {
    expect(await findingsOf(blob, { ...LAYER, ...more })).toEqual([expected]);
  });

  test("because the run was interrupted", async () => {
    const stop = new AbortController();
    const { world } = worldOf(BLOB);
    const store = storeOf({
      openBlob: async function* open() {
        stop.abort(new Error("interrupted"));
        yield await Promise.reject(stop.signal.reason);
      },
    });
    const verified = await verifyImage(imageOf([LAYER]), { ...world, store, signal: stop.signal });
    expect(verified).toMatchObject({ ok: false, error: { kind: "layout-cancelled" } });
  });
});

describe("a layer that is not what the config says", () => {
  test("other content", async () => {
    const wrong = digestOf(Buffer.from("other"));
    const verified = await verifyImage(imageOf([LAYER], [wrong]), worldOf(BLOB).world);
    expect(verified).toMatchObject({
      value: {
        findings: [
          {
            rule: "layer-digest",
            severity: "error",
            facts: [`it holds ${DIFF_ID}`, `the config says ${wrong}`],
          },
        ],
      },
    });
  });

  test("another number of layers", async () => {
    const verified = await verifyImage(imageOf([LAYER], []), worldOf(BLOB).world);
    expect(verified).toMatchObject({ value: { findings: [{ rule: "layer-digest", severity: "error" }] } });
  });
});

describe("entries that no tool should write", () => {
  async function withOddities(oddities: readonly LayerOddity[]): Promise<readonly Finding[]> {
    const spec: ImageSpec = {
      platform: "linux/amd64",
      layers: [{ files: { x: elf("linux/amd64") }, madeBy: "COPY x" }],
    };
    const { image, summaries } = makeImage(spec);
    const memory = memoryOf(summaries.map((summary) => ({ ...summary, oddities })));
    const verified = await verifyImage(image, { ...worldOf(BLOB).world, memory });
    return verified.ok ? verified.value.findings : [];
  }

  test("are a warning, what happens to honest tools a note", async () => {
    const harmless = await withOddities([{ kind: "duplicate-entry", path: "x" }]);
    expect(harmless).toMatchObject([
      { rule: "layer-suspicious", severity: "note", facts: ["x is there more than once"] },
    ]);
    const bad = await withOddities([
      { kind: "duplicate-entry", path: "x" },
      { kind: "path-escapes", path: "../etc" },
    ]);
    expect(bad).toMatchObject([
      {
        severity: "warning",
        message: "A layer holds 1 entry that no tool should write",
        facts: ["../etc leads out of the image", "x is there more than once"],
        image: { madeBy: "COPY x" },
      },
    ]);
  });

  test("many are one finding", async () => {
    const [finding] = await withOddities(
      Array.from({ length: 40 }, (_, at) => ({ kind: "link-escapes", path: `${at}` })),
    );
    expect(finding?.facts?.at(-1)).toBe("and 35 more");
  });
});
