import { describe, expect, test } from "vitest";
import { inspectView } from "../../../cli/render/inspect-view.ts";
import { planTable } from "../../../cli/render/plan-table.ts";
import { releaseTable } from "../../../cli/render/release-table.ts";
import { displayWidth } from "../../../cli/text/width.ts";
import { digest } from "../../support/run-events.ts";
import type { InspectView } from "../../../cli/render/inspect-view.ts";
import type { PlanView } from "../../../cli/render/plan-table.ts";
import type { ReleaseView } from "../../../cli/render/release-table.ts";

const PLAN: readonly PlanView[] = [
  {
    name: "app[node=22]",
    tags: [
      "registry.example/team/app:1.2-node22",
      "another-registry.example:5000/a/very/long/repository/path/app:1.2-node22",
    ],
    variants: [
      { platform: "linux/amd64", node: "managed", execution: "native" },
      {
        platform: "linux/arm/v7",
        node: "kubernetes-builder/node-0",
        execution: "emulated",
        emulator: "qemu-arm",
      },
      { platform: "linux/riscv64", node: "managed", execution: "emulated", optional: true },
    ],
  },
  { name: "tools", tags: [], variants: [{ platform: "linux/amd64", node: "managed", execution: "native" }] },
];

/** The same when past runs tell something. */
const SCHEDULE: readonly PlanView[] = PLAN.map((release, index) => ({
  ...release,
  variants: release.variants.map((row, at) => ({
    ...row,
    expected: { startMs: 12_340 * at, durationMs: at === 1 ? 184_000 : 45_600, isKnown: at + index !== 2 },
  })),
}));

const RELEASE: readonly ReleaseView[] = [
  {
    name: "app",
    index: digest("index"),
    tags: [
      { tag: "registry.example/team/app:1.2", state: "moved", digest: digest("index") },
      { tag: "registry.example/team/app:latest", state: "unchanged", digest: digest("index") },
      { tag: "registry.example/team/app:1.2.0", state: "kept", digest: digest("before") },
    ],
    variants: [
      {
        platform: "linux/amd64",
        state: "built",
        digest: digest("amd64"),
        size: 3_420_000,
        durationMs: 12_345,
        execution: "native",
        cache: { steps: 7, cached: 3 },
      },
      {
        platform: "linux/ppc64le",
        state: "built",
        digest: digest("ppc64le"),
        size: 1_200_000_000,
        durationMs: 184_000,
        execution: "emulated",
        cache: { steps: 7, cached: 0 },
      },
      { platform: "linux/s390x", state: "failed", durationMs: 400, execution: "emulated" },
    ],
  },
];

const BASE = { digest: digest("base"), size: 29_000_000 };
const INSPECT: InspectView = {
  reference: "registry.example/team/app:1.2",
  mediaType: "application/vnd.oci.image.index.v1+json",
  digest: digest("index"),
  annotations: {
    "org.opencontainers.image.revision": "0123456789abcdef",
    "org.example.note": "two\nlines \u001b[31m",
  },
  platforms: [
    {
      platform: "linux/amd64",
      digest: digest("amd64"),
      size: 30_000_000,
      layers: [BASE, { digest: digest("one"), size: 1_000_000 }],
      attestations: [
        { predicateType: "https://slsa.dev/provenance/v0.2", digest: digest("prov"), size: 1200 },
        { predicateType: "https://spdx.dev/Document", digest: digest("sbom"), size: 34_000 },
      ],
    },
    {
      platform: "linux/arm64/v8",
      digest: digest("arm64"),
      size: 31_000_000,
      layers: [BASE, { digest: digest("two"), size: 1_000_000 }],
      attestations: [{ predicateType: "https://example.com/custom", digest: digest("custom"), size: 10 }],
    },
  ],
};

const VIEWS = {
  plan: (width: number) => planTable(PLAN, { width, colour: false }),
  schedule: (width: number) => planTable(SCHEDULE, { width, colour: false }),
  release: (width: number) => releaseTable(RELEASE, { width, colour: false }),
  inspect: (width: number) => inspectView(INSPECT, { width, colour: false }),
};

describe("the views", () => {
  test.each(Object.entries(VIEWS))("%s at 60 columns", (_, view) => {
    const text = view(60);
    expect(text).toMatchSnapshot("text");
    expect(Math.max(...text.split("\n").map(displayWidth))).toBeLessThanOrEqual(60);
  });

  test.each(Object.entries(VIEWS))("%s at 200 columns", (_, view) => {
    const text = view(200);
    expect(text).toMatchSnapshot("text");
    expect(Math.max(...text.split("\n").map(displayWidth))).toBeLessThanOrEqual(200);
  });

  test("platforms are never cut, at no width", () => {
    for (let width = 30; width < 120; width += 1) {
      for (const text of [VIEWS.release(width), VIEWS.plan(width), VIEWS.schedule(width)])
        expect(text).toContain("linux/amd64 ");
      expect(VIEWS.inspect(width)).toContain("linux/arm64/v8 ");
      expect(VIEWS.release(width)).toContain("linux/ppc64le ");
    }
  });

  test("an image without platforms to share or attestations has no such section", () => {
    const [first] = INSPECT.platforms;
    if (first === undefined) throw new Error("the fixture has platforms");
    const single = { ...INSPECT, annotations: {}, platforms: [{ ...first, attestations: [] }] };
    const text = inspectView(single, { width: 100, colour: false });
    expect(text).not.toMatch(/shared|Attestations|Annotations/);
    expect(text).toMatch(/LAYERS\s+ATTESTATIONS\n.*\s2\s+none$/);
  });
});
