import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  linkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LayerSummary } from "../../../core/layers/layer.ts";
import { mergeLayers } from "../../../core/layers/rootfs.ts";
import { OCI_LAYER, summaryOf, tarBytes, type TarPart } from "../../support/tar-bytes.ts";

/**
 * Layers as text, an entry each: `dir/`, `script !`, `other`, `link -> target`, `hard = target`, and whiteouts by their names. The
 * line of a script is its own path and its layer.
 */
async function layers(...specs: readonly (readonly string[])[]): Promise<readonly LayerSummary[]> {
  return await Promise.all(
    specs.map(async (spec, layer) => {
      const parts = spec.map((entry) => partOf(entry, layer));
      return await summaryOf(tarBytes(parts), { mediaType: OCI_LAYER });
    }),
  );
}

function partOf(entry: string, layer: number): TarPart {
  const [name = "", sign, target = ""] = entry.split(" ");
  if (sign === "->") return { name, type: "2", linkName: target };
  if (sign === "=") return { name, type: "1", linkName: target };
  if (sign === "!") return { name, content: scriptOf(name, layer), mode: 0o755 };
  return name.endsWith("/") ? { name, type: "5" } : { name, content: "text" };
}

function scriptOf(name: string, layer: number): string {
  return `#!${name}@${layer}\n`;
}

/** What is to be seen: `path: line`. */
async function seen(...specs: readonly (readonly string[])[]): Promise<readonly string[]> {
  const { files } = mergeLayers(await layers(...specs));
  return files.map(({ path, content }) => `${path}: ${content.kind === "script" ? content.line : ""}`);
}

describe("what the container sees", () => {
  test.each<[string, string[][], string[]]>([
    ["files of all layers, by path", [["b !", "z/y !"], ["a !"]], ["/a: a@1", "/b: b@0", "/z/y: z/y@0"]],
    ["the later of two", [["a !"], ["a !"], ["b !"]], ["/a: a@1", "/b: b@2"]],
    ["the later in one layer", [["a !", "./a !"]], ["/a: ./a@0"]],
    [
      "no file that something else replaced",
      [
        ["a !", "b !", "c !"],
        ["a", "b/", "c -> x"],
      ],
      [],
    ],
    ["not in one layer either", [["a !", "a"]], []],
    [
      "no file that was removed",
      [
        ["a !", "d/b !", "d/c !"],
        [".wh.a", "d/.wh.b"],
      ],
      ["/d/c: d/c@0"],
    ],
    ["nothing in a folder that was removed", [["d/e/a !", "d2 !"], [".wh.d"]], ["/d2: d2@0"]],
    [
      "but what the layer itself has there, in any order",
      [
        ["d/a !", "d/b !"],
        ["d/b !", ".wh.d", "d/c !"],
      ],
      ["/d/b: d/b@1", "/d/c: d/c@1"],
    ],
    [
      "nothing from below in an opaque folder",
      [
        ["d/a !", "d/e/b !"],
        ["d/c !", "d/.wh..wh..opq"],
      ],
      ["/d/c: d/c@1"],
    ],
    ["nothing from below in an opaque root", [["a !"], [".wh..wh..opq", "b !"]], ["/b: b@1"]],
    ["what a layer above an opaque one has", [["d/a !"], ["d/.wh..wh..opq"], ["d/a !"]], ["/d/a: d/a@2"]],
    ["a folder that comes again with what is in it", [["d/a !"], ["d/"]], ["/d/a: d/a@0"]],
    ["no folder under a file", [["d/a !"], ["d !"]], ["/d: d@1"]],
    ["nor under a link", [["d/a !", "e/b !"], ["d -> e"]], ["/e/b: e/b@0"]],
    [
      "entries below a link where it leads",
      [["usr/bin/", "bin -> usr/bin"], ["bin/x !"]],
      ["/usr/bin/x: bin/x@1"],
    ],
    ["also where the link is in the same layer", [["bin -> usr/bin", "bin/x !"]], ["/usr/bin/x: bin/x@0"]],
    ["but no more once a later link has taken the folder's place", [["bin/x !", "bin -> usr/bin"]], []],
    ["entries below absolute links", [["lib -> /usr/lib"], ["lib/a/b !"]], ["/usr/lib/a/b: lib/a/b@1"]],
    ["links that go above the root stay in it", [["a -> ../../../b"], ["a/x !"]], ["/b/x: a/x@1"]],
    ["links over links", [["a -> b/c", "b -> d"], ["a/x !"]], ["/d/c/x: a/x@1"]],
    ["`..` of where a link led", [["d/e/", "l -> d/e", "m -> l/../f"], ["m/x !"]], ["/d/f/x: m/x@1"]],
    ["whiteouts below a link", [["usr/bin/x !", "bin -> usr/bin"], ["bin/.wh.x"]], []],
    [
      "whiteouts of links, which leave what they point to",
      [["usr/bin/x !", "bin -> usr/bin"], [".wh.bin"]],
      ["/usr/bin/x: usr/bin/x@0"],
    ],
    ["opaque folders behind a link", [["usr/bin/x !", "bin -> usr/bin"], ["bin/.wh..wh..opq"]], []],
    [
      "a folder in place of a link",
      [
        ["usr/bin/x !", "bin -> usr/bin"],
        ["bin/", "bin/y !"],
      ],
      ["/bin/y: bin/y@1", "/usr/bin/x: usr/bin/x@0"],
    ],
    [
      "hard links as their targets",
      [
        ["a !", "d/b = a"],
        ["c = d/b", "e = ./a"],
      ],
      ["/a: a@0", "/c: a@0", "/d/b: a@0", "/e: a@0"],
    ],
    ["hard links whose target changed later as it was", [["a !", "b = a"], ["a !"]], ["/a: a@1", "/b: a@0"]],
    ["hard links to links", [["a !", "l -> a", "h = l"], [".wh.l"]], ["/a: a@0"]],
    [
      "no hard links to what is not there, to folders, or to other files",
      [
        ["d/", "o", "f !", "g !"],
        ["f = nothing", "h = d", "g = o"],
      ],
      [],
    ],
    [
      "nothing below a circle of links",
      [
        ["a -> b", "b -> a", "c -> c"],
        ["a/x !", "c/y !", "d !"],
      ],
      ["/d: d@1"],
    ],
    ["what is below a file, which no client would unpack", [["a !"], ["a/b !"]], ["/a/b: a/b@1"]],
    [
      "a folder that comes again in an opaque one",
      [["d/e/a !"], ["d/.wh..wh..opq", "d/e/b !"]],
      ["/d/e/b: d/e/b@1"],
    ],
    ["entries below a link that took its own place", [["l -> ."], ["l/l !", "l/y !"]], ["/l/y: l/y@1"]],
    ["nothing of no layers", [], []],
  ])("%s", async (_name, specs, expected) => {
    expect(await seen(...specs)).toEqual(expected);
  });

  test("of a hard link: the layer of its target", async () => {
    const { files } = mergeLayers(await layers(["a !"], ["b = a"]));
    expect(files.map(({ path, layer }) => [path, layer])).toEqual([
      ["/a", 0],
      ["/b", 0],
    ]);
  });

  test("of summaries without an order: links first, then files", async () => {
    const [layer] = await layers(["bin/x !", "bin -> usr/bin"]);
    if (layer === undefined) throw new Error("no layer");
    const { digest, diffId, bytes, entries, files, links, others, whiteouts, opaque, oddities } = layer;
    const unordered = { digest, diffId, bytes, entries, files, links, others, whiteouts, opaque, oddities };
    expect(mergeLayers([unordered]).files.map(({ path }) => path)).toEqual(["/usr/bin/x"]);
  });
});

describe("following a path", () => {
  const specs = [
    [
      "usr/bin/env !",
      "bin -> usr/bin",
      "usr/bin/sh -> /etc/alternatives/sh",
      "etc/alternatives/sh -> ../../usr/bin/dash",
    ],
    [
      "usr/bin/dash !",
      "etc/passwd",
      "a -> b",
      "b -> a",
      "deep -> deep/x",
      "out -> ../../../etc/passwd",
      "gone -> nowhere",
      "var/",
    ],
  ];

  test.each<[string, unknown]>([
    ["/usr/bin/env", { kind: "file", path: "/usr/bin/env" }],
    ["usr/bin/../bin/./env", { kind: "file", path: "/usr/bin/env" }],
    ["/bin/env", { kind: "file", path: "/usr/bin/env" }],
    ["/bin/sh", { kind: "file", path: "/usr/bin/dash" }],
    ["/../../bin/sh", { kind: "file", path: "/usr/bin/dash" }],
    ["/out", { kind: "other", path: "/etc/passwd" }],
    ["/bin", { kind: "folder", path: "/usr/bin" }],
    ["/var/", { kind: "folder", path: "/var" }],
    ["/", { kind: "folder", path: "/" }],
    ["", { kind: "folder", path: "/" }],
    ["/gone", { kind: "missing" }],
    ["/nothing", { kind: "missing" }],
    ["/nothing/at/all", { kind: "missing" }],
    ["/etc/passwd/x", { kind: "missing" }],
    ["/usr/bin/env/x", { kind: "missing" }],
    ["/a", { kind: "loop" }],
    ["/deep", { kind: "loop" }],
    ["/a/x", { kind: "loop" }],
  ])("%s", async (path, expected) => {
    const rootfs = mergeLayers(await layers(...specs));
    const found = rootfs.resolve(path);
    expect(found.kind === "file" ? { kind: "file", path: found.file.path } : found).toEqual(expected);
  });

  test("finds the very file that is listed", async () => {
    const rootfs = mergeLayers(await layers(...specs));
    const found = rootfs.resolve("/bin/sh");
    expect(rootfs.files).toContain(found.kind === "file" ? found.file : undefined);
  });

  test("forty links are followed, one more is not", async () => {
    const chain = (length: number): string[] => Array.from({ length }, (_, at) => `l${at} -> l${at + 1}`);
    const rootfs = mergeLayers(await layers([...chain(41), "l41 !"]));
    expect(rootfs.resolve("/l1").kind).toBe("file");
    expect(rootfs.resolve("/l0").kind).toBe("loop");
  });
});

/** Names that meet each other, so that layers are at odds. */
const NAME = fc.constantFrom("a", "b", "c");
const PATH = fc.array(NAME, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const TARGET = fc.tuple(fc.constantFrom("", "/", "../", "../../"), PATH).map((parts) => parts.join(""));
const ENTRY = fc.oneof(
  { weight: 4, arbitrary: PATH.map((path) => `${path} !`) },
  PATH,
  PATH.map((path) => `${path}/`),
  { weight: 2, arbitrary: fc.tuple(PATH, TARGET).map(([path, target]) => `${path} -> ${target}`) },
  fc.tuple(PATH, PATH).map(([path, target]) => `${path} = ${target}`),
  PATH.map((path) => path.replace(/[^/]+$/, ".wh.$&")),
  fc.tuple(PATH).map(([path]) => `${path}/.wh..wh..opq`),
);
const LAYERS = fc.array(fc.array(ENTRY, { maxLength: 8 }), { minLength: 1, maxLength: 4 });

test("agrees with layers that are unpacked into a real folder", async () => {
  await fc.assert(
    fc.asyncProperty(LAYERS, async (specs) => {
      expect(await seen(...specs)).toEqual(unpacked(specs));
    }),
    { numRuns: 200 },
  );
});

/** Unpacks layers as simply as one can, by the system's own files and links, and lists the scripts. */
function unpacked(specs: readonly (readonly string[])[]): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "layers-model-"));
  try {
    for (const [layer, spec] of specs.entries()) {
      for (const entry of spec) if (entry.endsWith(".wh..wh..opq")) empty(root, entry.slice(0, -13));
      for (const entry of spec) if (/\.wh\.[^.]/.test(entry)) remove(root, entry.replace(".wh.", ""));
      for (const entry of spec) if (!entry.includes(".wh.")) place(root, entry, layer);
    }
    return list(root, "").toSorted();
  } finally {
    rmSync(root, { recursive: true });
  }
}

function empty(root: string, path: string): void {
  const real = realOf(root, path, "look");
  if (real === undefined || !isFolder(real)) return;
  for (const name of readdirSync(real)) rmSync(join(real, name), { recursive: true });
}

function remove(root: string, path: string): void {
  const place = parentOf(root, path, "look");
  if (place !== undefined) rmSync(place, { recursive: true, force: true });
}

function place(root: string, entry: string, layer: number): void {
  const [written = "", sign, target = ""] = entry.split(" ");
  const path = written.replace(/\/$/, "");
  const source = sign === "=" ? parentOf(root, target, "look") : undefined;
  const isThere = source !== undefined && kindOf(source) !== undefined;
  if (sign === "=" && !isThere) return remove(root, path);
  if (source !== undefined && isFolder(source)) return;
  // What is linked may be in what is replaced.
  const kept = join(root, ".kept");
  if (source !== undefined) linkSync(source, kept);
  const real = parentOf(root, path, "make");
  const isDone = real === undefined || (written.endsWith("/") && isFolder(real));
  if (!isDone) {
    rmSync(real, { recursive: true, force: true });
    if (written.endsWith("/")) mkdirSync(real);
    else if (sign === "->") symlinkSync(target, real);
    else if (source === undefined) writeFileSync(real, sign === "!" ? scriptOf(written, layer) : "text");
    else linkSync(kept, real);
  }
  rmSync(kept, { force: true });
}

/** Where an entry belongs: its folder with all links followed, its name as it is. */
function parentOf(root: string, path: string, mode: "make" | "look"): string | undefined {
  const slash = path.lastIndexOf("/");
  const folder = realOf(root, path.slice(0, Math.max(0, slash)), mode);
  if (folder === undefined || !isFolder(folder)) return undefined;
  return join(folder, path.slice(slash + 1));
}

/** Follows links one at a time, never out of the root. */
function realOf(root: string, path: string, mode: "make" | "look", hops = { left: 40 }): string | undefined {
  let at = "";
  for (const part of path.split("/").filter((each) => each !== "" && each !== ".")) {
    const next = part === ".." ? at.replace(/\/[^/]*$/, "") : `${at}/${part}`;
    const kind = kindOf(join(root, next));
    if (kind === "link") {
      const target = readlinkSync(join(root, next));
      const led =
        (hops.left -= 1) < 0
          ? undefined
          : realOf(root, target.startsWith("/") ? target : `${at}/${target}`, mode, hops);
      if (led === undefined) return undefined;
      at = led.slice(root.length);
      continue;
    }
    if (kind !== "folder" && part !== "..") {
      if (mode === "look") return undefined;
      rmSync(join(root, next), { force: true });
      mkdirSync(join(root, next));
    }
    at = next;
  }
  return root + at;
}

function kindOf(path: string): "link" | "folder" | "file" | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) return "link";
  return found.isDirectory() ? "folder" : "file";
}

function isFolder(path: string): boolean {
  return kindOf(path) === "folder";
}

function list(root: string, folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    const kind = kindOf(join(root, path));
    if (kind === "folder") return list(root, path);
    const content = kind === "file" ? readFileSync(join(root, path), "utf8") : "";
    return content.startsWith("#!") ? [`${path}: ${content.slice(2).trim()}`] : [];
  });
}
