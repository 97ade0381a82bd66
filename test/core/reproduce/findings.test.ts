import { expect, test } from "vitest";
import { parseImageConfig } from "../../../core/oci/documents.ts";
import type { ImageDifference } from "../../../core/reproduce/difference.ts";
import { findDifferences } from "../../../core/reproduce/findings.ts";
import type { ImageToVerify } from "../../../core/verify/verified.ts";
import { build, platform } from "../../support/make.ts";
import { compared, imageOf, layerOf, type LayerEntry } from "../../support/layers.ts";
import type { TestImage } from "../../support/images.ts";

const HISTORY = [
  { created_by: "COPY app /app # buildkit" },
  { created_by: 'ENV A="b"', empty_layer: true },
  { created_by: "RUN /bin/sh -c make # buildkit" },
];
const DOCKERFILE = 'FROM scratch\nCOPY app /app\nENV A="b"\nRUN make\n';
const SAME = layerOf([{ name: "app", content: "x" }]);

function image(entries: readonly LayerEntry[], config: Readonly<Record<string, unknown>> = {}): TestImage {
  return imageOf([SAME, layerOf(entries)], { history: HISTORY, ...config });
}

function verifiable({ manifest, config }: TestImage): ImageToVerify {
  const read = parseImageConfig(config);
  if (!read.ok) throw new Error(read.error.detail);
  const { digest } = manifest.descriptor;
  const layers = [1, 2].map((size) => ({ mediaType: "layer", digest, size }));
  return {
    reference: "app",
    platform: platform("linux/amd64"),
    manifest: digest,
    config: read.value,
    layers,
    dockerfile: { path: "Dockerfile", text: DOCKERFILE },
  };
}

type Settings = Parameters<typeof findDifferences>[2];

async function findings(
  first: TestImage,
  second: TestImage,
  settings: Partial<Settings> = {},
): Promise<ReturnType<typeof findDifferences>> {
  const difference = await compared(first, second);
  if (difference === undefined) throw new Error("they are the same");
  return findDifferences(difference, verifiable(first), { ...build(), ...settings });
}

test("the file, the history line and the Dockerfile line, what differs, and what to do", async () => {
  const [finding, ...others] = await findings(
    image([{ name: "./out/built", content: "at 1\n", mtime: 0 }], { created: "1" }),
    image([{ name: "./out/built", content: "at 2\n", mtime: 60 }], { created: "2" }),
  );
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    rule: "not-reproducible",
    severity: "error",
    message: "Two builds of it are not the same: the content of /out/built differs in layer 2 of 2",
    image: { reference: "app", path: "/out/built", madeBy: "RUN /bin/sh -c make # buildkit" },
    location: { range: { start: DOCKERFILE.indexOf("RUN") } },
    facts: [
      "/out/built: other content from byte 3 on (5 bytes each)",
      'line 1: "at 1", then "at 2"',
      "/out/built: modified 1970-01-01T00:00:00Z, then 1970-01-01T00:01:00Z",
      'created of the config is "1", then "2"',
    ],
  });
  expect(finding?.fix).toContain("Look at what this step writes");
});

test("entries that differ in the same way are counted", async () => {
  const times = (mtime: number) => image(["a", "b", "c"].map((name) => ({ name, mtime })));
  const [finding] = await findings(times(1), times(2));
  expect(finding?.facts).toContain("and 2 more differ in the same way");
});

test.each<[string, Partial<Settings>, string | RegExp]>([
  ["nothing is set", {}, /`source-date-epoch: commit` and `output: \["type=image,rewrite-timestamp=true"\]`/],
  ["the time is", { args: { SOURCE_DATE_EPOCH: "1" } }, /^Give the image `output: .*rewrite-timestamp=true/],
  ["the time is, of the output", { image: { "source-date-epoch": "1" } }, /^Give the image `output: /],
  [
    "times are rewritten",
    { image: { "rewrite-timestamp": "true" } },
    /^Give the image `source-date-epoch: commit` in/,
  ],
  [
    "both",
    { args: { SOURCE_DATE_EPOCH: "1" }, image: { "rewrite-timestamp": "true" } },
    /^Files keep times before SOURCE_DATE_EPOCH/,
  ],
])("only times differ, and %s: what is lacking is advised", async (_, settings, advice) => {
  const [finding] = await findings(
    image([{ name: "a", mtime: 1 }]),
    image([{ name: "a", mtime: 2 }]),
    settings,
  );
  expect(finding?.message).toContain("the time of /a differs in layer 2 of 2");
  expect(finding?.fix).toMatch(advice);
});

test("times of the config need no rewriting, and stand behind other values", async () => {
  const entries = [{ name: "a" }];
  const times = await findings(image(entries, { created: "1" }), image(entries, { created: "2" }));
  expect(times).toMatchObject([
    { message: 'Two builds of it are not the same: created of the config is "1", then "2"', facts: [] },
  ]);
  expect(times[0]?.fix).not.toContain("rewrite-timestamp");
  const [finding] = await findings(
    image(entries, { created: "1", config: { Env: ["A=1"] } }),
    image(entries, { created: "2", config: { Env: ["A=2"] } }),
  );
  expect(finding?.message).toContain('config.Env[0] of the config is "A=1", then "A=2"');
  expect(finding?.facts).toEqual(['created of the config is "1", then "2"']);
  expect(finding?.fix).toContain("build argument");
});

test("the rest of layers that differ in times only is said to", () => {
  const digest = `sha256:${"0".repeat(64)}` as const;
  const group = {
    example: { path: "a", changes: [{ what: "mtime", values: ["1", "2"] }] },
    more: 0,
  } as const;
  const first = { kind: "entries", layer: 0, digests: [digest, digest], groups: [group], more: 2 } as const;
  const verified = verifiable(image([{ name: "a" }]));
  const factsOf = (layers: ImageDifference["layers"]) =>
    findDifferences({ config: [], manifest: [], layers }, verified, build()).map(({ facts }) =>
      facts?.at(-1),
    );
  expect(factsOf([first])).toEqual(["2 more layers differ in times only"]);
  const content = { what: "content", sizes: [1, 2] } as const;
  const second = {
    ...first,
    layer: 1,
    more: 1,
    groups: [{ example: { path: "b", changes: [content] }, more: 0 }],
  } as const;
  expect(factsOf([first, second])).toEqual(["2 more layers differ", "1 more layer differs"]);
});

test("what is there once, packed differently, or too many", async () => {
  const one = await findings(image([{ name: "a" }, { name: "b" }]), image([{ name: "a" }]));
  expect(one[0]?.message).toContain("only one has /b in layer 2 of 2");
  expect(one[0]?.facts).toEqual(["/b: only the first build has it"]);
  const entries = [{ name: "a", content: "some text, some text, some text" }];
  const packed = (level: number): TestImage => imageOf([SAME, layerOf(entries, level)], { history: HISTORY });
  const two = await findings(packed(0), packed(9));
  expect(two[0]?.message).toContain("layer 2 of 2 holds the same files, compressed in another way");
  const three = await findings(imageOf([SAME]), imageOf([SAME, SAME]));
  expect(three[0]?.message).toContain("one has 1, the other 2 layers");
});
