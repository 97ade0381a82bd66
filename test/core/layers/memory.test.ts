import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDocumentMemory, openLayerMemory } from "../../../core/layers/memory.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { LayerSummary } from "../../../core/layers/layer.ts";
import { armAttributes, elfFile, interpreter, levelNote } from "../../support/elf-file.ts";
import { peFile } from "../../support/programs.ts";
import { digestOfBytes, paxPart, summaryOf, tarBytes } from "../../support/tar-bytes.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "layers-memory-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A layer with everything that a summary can say. */
async function fullSummary(): Promise<LayerSummary> {
  const macho = Buffer.from("cffaedfe0c000001000000000200000000000000000000000000000000000000", "hex");
  return await summaryOf(
    tarBytes([
      { name: "usr/", type: "5" },
      { name: "elf", content: elfFile({ segments: [interpreter("/lib/ld.so"), levelNote(2)] }), mode: 0o755 },
      { name: "arm", content: elfFile({ class: 32, machine: 40, sections: [armAttributes(10)] }) },
      { name: "pe", content: peFile({ cli: { flags: 1 } }) },
      { name: "macho", content: macho },
      { name: "wasm", content: Buffer.from("0061736d01000000", "hex") },
      { name: "script", content: "#!/bin/sh\n" },
      { name: "link", type: "2", linkName: "../../../x" },
      { name: "hard", type: "1", linkName: "elf" },
      { name: Buffer.from([0xff, 0x41]) },
      { name: "../up" },
      { name: "dev", type: "3" },
      { name: "v", type: "V" },
      { name: "v", type: "V" },
      paxPart([["path", "x".repeat(5000)]]),
      { name: "long" },
      { name: ".wh.a" },
      { name: "d/.wh..wh..opq" },
    ]),
  );
}

describe("layers", () => {
  test("what is put is found again, by another process too, to the last fact", async () => {
    const summary = await fullSummary();
    expect(
      summary.files.map(({ content }) => (content.kind === "program" ? content.program.format : "script")),
    ).toEqual(["elf", "elf", "pe", "mach-o", "wasm", "script"]);
    const missing = join(folder, "not", "there", "yet");
    await openLayerMemory(missing).put(summary);
    expect(await openLayerMemory(missing).get(summary.digest)).toEqual(summary);
    expect(await openLayerMemory(missing).get(digestOf(Buffer.from("other")))).toBeUndefined();
  });

  test("files are this user's alone, and nothing else is left", async () => {
    const summary = await summaryOf(tarBytes([]));
    await openLayerMemory(folder).put(summary);
    await openLayerMemory(folder).put(summary);
    const layers = join(folder, "v1", "layers");
    const [name = "", ...others] = await readdir(layers);
    expect([name, ...others]).toEqual([summary.digest.replace(":", "-")]);
    expect((await stat(join(layers, name))).mode & 0o777).toBe(0o600);
    expect((await stat(layers)).mode & 0o777).toBe(0o700);
  });

  test("a file that is damaged at any place is as good as none, and is removed", async () => {
    const summary = await fullSummary();
    const path = join(folder, "v1", "layers", summary.digest.replace(":", "-"));
    const memory = openLayerMemory(folder);
    await memory.put(summary);
    const bytes = await readFile(path);
    const bent = (at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    const damaged = [
      Buffer.alloc(0),
      bytes.subarray(0, 31),
      bytes.subarray(0, -1),
      bent(3),
      bent(40),
      bent(bytes.length - 1),
      randomBytes(500),
    ];
    for (const content of damaged) {
      await writeFile(path, content);
      expect(await memory.get(summary.digest)).toBeUndefined();
      expect(await readdir(join(folder, "v1", "layers"))).toEqual([]);
    }
  });

  test.each<[string, (summary: LayerSummary) => unknown]>([
    ["of another layer", (summary) => ({ ...summary, digest: digestOf(Buffer.from("other")) })],
    ["with a field that nobody knows", (summary) => ({ ...summary, more: 1 })],
    ["without a field", ({ entries: _entries, ...summary }) => summary],
    ["with an order of other entries", (summary) => ({ ...summary, order: "f1" })],
    ["with an order that is none", (summary) => ({ ...summary, order: "x" })],
    [
      "with an oddity of a kind to come",
      (summary) => ({ ...summary, oddities: [{ kind: "new", path: "" }] }),
    ],
  ])("a summary %s is not believed", async (_name, change) => {
    const summary = await fullSummary();
    const changed: LayerSummary = Object(change(summary));
    const memory = openLayerMemory(folder);
    await memory.put(changed);
    const layers = join(folder, "v1", "layers");
    const [name = ""] = await readdir(layers);
    await writeFile(join(layers, summary.digest.replace(":", "-")), await readFile(join(layers, name)));
    expect(await memory.get(summary.digest)).toBeUndefined();
  });

  test("nothing fails where nothing can be written", async () => {
    const summary = await fullSummary();
    await writeFile(join(folder, "file"), "");
    for (const place of [join(folder, "file"), "/proc/1/nothing/here", "/dev/null/x"]) {
      const memory = openLayerMemory(place);
      await memory.put(summary);
      expect(await memory.get(summary.digest)).toBeUndefined();
    }
  });

  test("a folder in a file's place is no summary", async () => {
    const summary = await fullSummary();
    await mkdir(join(folder, "v1", "layers", summary.digest.replace(":", "-")), { recursive: true });
    const memory = openLayerMemory(folder);
    await memory.put(summary);
    expect(await memory.get(summary.digest)).toBeUndefined();
  });
});

describe("documents", () => {
  test("what is put is found again, and checked by its digest", async () => {
    const memory = openDocumentMemory(folder);
    const bytes = Buffer.from('{"schemaVersion":2}');
    for (const like of ["sha256:", "sha512:"] as const) {
      const digest = digestOf(bytes, like);
      await memory.put(digest, bytes);
      expect(await memory.get(digest)).toEqual(bytes);
      await writeFile(join(folder, "v1", "documents", digest.replace(":", "-")), "something else");
      expect(await memory.get(digest)).toBeUndefined();
    }
    expect(await readdir(join(folder, "v1", "documents"))).toEqual([]);
  });

  test("a large one is not kept, and not read", async () => {
    const memory = openDocumentMemory(folder, { maxFileBytes: 100 });
    const large = Buffer.alloc(101);
    await memory.put(digestOfBytes(large), large);
    expect(await readdir(folder)).toEqual([]);
    await openDocumentMemory(folder).put(digestOfBytes(large), large);
    expect(await memory.get(digestOfBytes(large))).toBeUndefined();
  });
});

describe("what there is room for", () => {
  const documents = (): string => join(folder, "v1", "documents");
  const contents = Array.from({ length: 12 }, (_, at) => Buffer.alloc(1000, at));

  /** Puts them one after the other, each an hour later than the one before. */
  async function fill(
    limits: Parameters<typeof openDocumentMemory>[1],
  ): Promise<ReturnType<typeof openDocumentMemory>> {
    const memory = openDocumentMemory(folder, limits);
    for (const [at, bytes] of contents.entries()) {
      await memory.put(digestOfBytes(bytes), bytes);
      const path = join(documents(), digestOfBytes(bytes).replace(":", "-"));
      const time = Date.now() / 1000 - 3600 * (100 - at);
      await utimes(path, time, time).catch(() => undefined);
    }
    return memory;
  }

  test.each([{ maxBytes: 10_000 }, { maxFiles: 10 }])(
    "%j: the oldest go first, a few more than must",
    async (limits) => {
      const memory = await fill(limits);
      const kept = await Promise.all(contents.map(async (bytes) => await memory.get(digestOfBytes(bytes))));
      expect(kept.map((bytes) => bytes !== undefined)).toEqual([
        ...Array(3).fill(false),
        ...Array(9).fill(true),
      ]);
    },
  );

  test("what was read lately stays", async () => {
    await fill({});
    const [oldest = Buffer.alloc(0)] = contents;
    const memory = openDocumentMemory(folder, { maxFiles: 10 });
    expect(await memory.get(digestOfBytes(oldest))).toEqual(oldest);
    await memory.put(digestOfBytes(Buffer.from("new")), Buffer.from("new"));
    expect(await memory.get(digestOfBytes(oldest))).toEqual(oldest);
    expect(await readdir(documents())).toHaveLength(8);
  });

  test("what a killed process left is removed, what another one is writing is not", async () => {
    await mkdir(documents(), { recursive: true });
    const [left, current] = ["sha256-a.0123abcd.tmp", "sha256-b.0123abcd.tmp"].map((name) =>
      join(documents(), name),
    );
    for (const path of [left, current]) await writeFile(path ?? "", "");
    await utimes(left ?? "", 1, 1);
    const bytes = Buffer.from("new");
    await openDocumentMemory(folder).put(digestOfBytes(bytes), bytes);
    expect((await readdir(documents())).toSorted()).toEqual(
      [digestOfBytes(bytes).replace(":", "-"), "sha256-b.0123abcd.tmp"].toSorted(),
    );
  });

  test("many at once do not stand in each other's way", async () => {
    const memories = [
      openDocumentMemory(folder, { maxFiles: 10 }),
      openDocumentMemory(folder, { maxFiles: 10 }),
    ];
    const many = Array.from({ length: 60 }, (_, at) => Buffer.alloc(100, at));
    await Promise.all(
      memories.flatMap((memory) => many.map((bytes) => memory.put(digestOfBytes(bytes), bytes))),
    );
    const names = await readdir(documents());
    // Each may add a fifth before it looks again.
    expect(names.length).toBeLessThanOrEqual(14);
    expect(names.every((name) => /^sha256-[0-9a-f]{64}$/.test(name))).toBe(true);
    const memory = openDocumentMemory(folder);
    const read = await Promise.all(many.map(async (bytes) => await memory.get(digestOfBytes(bytes))));
    expect(read.filter((bytes) => bytes !== undefined)).toHaveLength(names.length);
  });
});
