import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { mergeLayers } from "../../../core/layers/rootfs.ts";
import { readLayerBytes } from "../../../core/layers/read-layer.ts";
import type { LayerLink, LayerSummary } from "../../../core/layers/layer.ts";
import {
  digestOfBytes,
  OCI_LAYER,
  summaryOf,
  tarBytes,
  tarPart,
  type TarPart,
} from "../../support/tar-bytes.ts";

const LAYER = { mediaType: OCI_LAYER, digest: digestOfBytes(Buffer.alloc(0)) };
const MEMORY = new URL("../../support/layer-memory.ts", import.meta.url).pathname;

test.each(["gzip", "zstd"])("a gigabyte of zeros in %s is read in little memory", (compression) => {
  const child = execFileSync(process.execPath, [MEMORY, compression], { encoding: "utf8" });
  const { summary, megabytes } = JSON.parse(child);
  expect(summary).toMatchObject({ ok: true, value: { entries: 1, others: "zeros", bytes: 2 ** 30 + 1536 } });
  expect(megabytes).toBeLessThan(150);
});

async function read(input: Iterable<Buffer>): Promise<LayerSummary> {
  const result = await readLayerBytes(Readable.from(input), LAYER);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
}

test("a million entries are read and merged", { timeout: 120_000 }, async () => {
  const template = tarPart({ name: "usr/share/0000000" });
  const name = Buffer.from("usr/share/");
  const entries = function* (): Generator<Buffer> {
    for (let from = 0; from < 1_000_000; from += 10_000) {
      const block = Buffer.alloc(512 * 10_000);
      for (let at = 0; at < 10_000; at += 1) {
        const header = block.subarray(512 * at);
        const digits = String(from + at).padStart(7, "0");
        template.copy(header);
        header.write(digits, name.length, "latin1");
        const sum = checksum(template) + digitSum(from + at);
        header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
      }
      yield block;
    }
  };
  const summary = await read(entries());
  expect(summary).toMatchObject({ entries: 1_000_000, order: "o1000000", oddities: [] });
  const above = { ...summary, order: "", others: "", whiteouts: ["usr/share/0000007"] };
  const rootfs = mergeLayers([summary, above]);
  expect(rootfs.resolve("/usr/share/0999999")).toEqual({ kind: "other", path: "/usr/share/0999999" });
  expect(rootfs.resolve("/usr/share/0000007")).toEqual({ kind: "missing" });
});

function digitSum(number: number): number {
  return number < 10 ? number : (number % 10) + digitSum(Math.floor(number / 10));
}

/** The sum of a header whose digits are zeros. */
function checksum(header: Buffer): number {
  return Number.parseInt(header.toString("latin1", 148, 154), 8);
}

describe("links that make much of little", () => {
  /** A chain of links, each through a long way of `.` and `..`, that ends in a folder. */
  function chain(length: number): LayerLink[] {
    const detour = "d/../".repeat(800);
    return Array.from({ length }, (_, at) => ({
      path: `l${at}`,
      target: `${detour}l${at + 1}`,
      hard: false,
    }));
  }

  test("entries below a long chain of long links", async () => {
    const base = await summaryOf(
      tarBytes([
        { name: "d/", type: "5" },
        { name: "l39/", type: "5" },
      ]),
    );
    const others = Array.from({ length: 300_000 }, (_, at) => `l0/${at}/x`).join("\0");
    const rootfs = mergeLayers([
      { ...base, links: chain(39), order: "o2l39" },
      { ...base, others, order: "o300000" },
    ]);
    expect(rootfs.resolve("/l0/0/x")).toEqual({ kind: "loop" });
    expect(rootfs.files).toEqual([]);
  });

  test("folders that get deeper with every entry end where a path does", async () => {
    const deep = "x/".repeat(2000);
    const parts = Array.from({ length: 100 }, (_, at): TarPart[] => [
      { name: `l${at}`, type: "2", linkName: at === 0 ? deep : `l${at - 1}/${"y".repeat(200)}` },
      { name: `l${at}/script`, content: "#!/bin/sh\n" },
    ]);
    const long = (part: TarPart): Buffer[] =>
      String(part.linkName ?? "").length > 100
        ? [
            tarPart({ name: "@", type: "K", content: part.linkName ?? "" }),
            tarPart({ ...part, linkName: "" }),
          ]
        : [tarPart(part)];
    const rootfs = mergeLayers([await read(parts.flat().flatMap(long))]);
    expect(rootfs.files).toHaveLength(1);
    expect(Math.max(...rootfs.files.map(({ path }) => path.length))).toBeLessThanOrEqual(4096 + 7);
  });

  test("a link to itself, to the root, and out of it", async () => {
    const targets = [
      ".",
      "..",
      "/",
      "",
      "self",
      "./self",
      "self/..",
      "../../../../../..",
      "//",
      "/./../self",
    ];
    for (const linkName of targets) {
      const layer = await summaryOf(
        tarBytes([
          { name: "self", type: "2", linkName },
          { name: "self/self/x", content: "#!/x\n" },
        ]),
      );
      const rootfs = mergeLayers([layer, layer]);
      expect(["loop", "folder", "missing", "file"]).toContain(rootfs.resolve("/self/self/self").kind);
      expect(rootfs.files.every(({ path }) => path.endsWith("/x"))).toBe(true);
    }
  });
});

test("sizes that nobody has", async () => {
  const claims = tarPart({ name: "huge", size: 2 ** 52, content: "#!/bin/sh\n" });
  for (const bytes of [claims, gzipSync(claims)])
    expect(await readLayerBytes(Readable.from([bytes]), LAYER)).toMatchObject({
      error: { problem: "truncated" },
    });
});

test("a stream that ends in the middle of everything", async () => {
  const whole = gzipSync(
    tarBytes(Array.from({ length: 50 }, (_, at) => ({ name: `f${at}`, content: String(at).repeat(300) }))),
  );
  for (let length = 0; length < whole.length; length += 7) {
    const result = await readLayerBytes(Readable.from([whole.subarray(0, length)]), LAYER);
    expect(result.ok, `${length} bytes`).toBe(length === 0);
  }
});
