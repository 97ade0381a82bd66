import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CiReport } from "../../../cli/render/ci-report.ts";
import { code, markdown, summaryOf } from "../../../cli/render/summary.ts";
import { digest } from "../../support/run-events.ts";

const LIMIT = 1024 * 1024;
const INDEX = digest("index");

const RELEASED: CiReport = {
  ok: true,
  releases: [
    {
      name: "app[node=22]",
      index: INDEX,
      tags: [
        { tag: "registry.example/team/app:1.2", state: "moved", digest: INDEX },
        { tag: "registry.example/team/app:latest", state: "unchanged", digest: INDEX },
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
          node: "managed",
          cache: { steps: 7, cached: 3 },
        },
        {
          platform: "linux/arm64",
          state: "built",
          digest: digest("arm64"),
          size: 3_100_000,
          durationMs: 20,
          execution: "emulated",
          node: "managed",
          cache: { steps: 7, cached: 0 },
          takenFrom: "staging",
        },
      ],
    },
  ],
  failures: [],
  findings: [
    {
      severity: "warning",
      rule: "platform-arg-default",
      title: "platform-arg-default",
      message: "TARGETARCH has a default | <b>\nmore",
      file: "docker/Dockerfile",
      line: 2,
    },
    {
      severity: "warning",
      rule: "program-architecture",
      title: "program-architecture",
      message: "1 program is for linux/amd64",
      image: "linux/arm64 /usr/bin/tool",
    },
  ],
};

const FAILED: CiReport = {
  ok: false,
  releases: [
    {
      name: "app",
      tags: [],
      variants: [
        { platform: "linux/amd64", state: "cancelled", durationMs: 650, execution: "native", node: "a" },
        { platform: "linux/arm64", state: "failed", durationMs: 650, execution: "emulated", node: "a" },
      ],
    },
  ],
  failures: [
    {
      headline: "app linux/arm64: [2/3] RUN make failed with exit code 2",
      lines: ["  at Dockerfile:7", "  | ```", "  | </details><script>"],
    },
  ],
  findings: [],
  run: {
    kind: "github",
    event: "pull-request",
    pullRequest: { number: "7", isFork: true },
    attempt: 2,
  },
};

describe("the summary", () => {
  test("of a release", async () => {
    await expect(summaryOf(RELEASED, LIMIT)).toMatchFileSnapshot("__snapshots__/summary-released.md");
  });

  test("of a failure", async () => {
    await expect(summaryOf(FAILED, LIMIT)).toMatchFileSnapshot("__snapshots__/summary-failed.md");
  });

  test("of images that were stitched knows no times", () => {
    const [release] = RELEASED.releases;
    if (release === undefined) throw new Error("no release");
    const variants = [{ platform: "linux/amd64", state: "built", digest: digest("amd64") } as const];
    const text = summaryOf({ ...RELEASED, releases: [{ ...release, variants }], findings: [] }, LIMIT);
    expect(text).toContain("| linux/amd64 | <code>sha256:5861314d7fcc</code> | – | – | – | – |");
  });

  test("says what had no room, and is never larger than it may be", () => {
    const failures = Array.from({ length: 20 }, (_, number) => ({
      headline: `failure ${number}`,
      lines: Array.from({ length: 100 }, () => "ä".repeat(50)),
    }));
    const sizes = [0, 50, 500, 5000, 23_000];
    const texts = sizes.map((limit) => summaryOf({ ...RELEASED, failures }, limit));
    expect(texts.filter((text, at) => new TextEncoder().encode(text).length > (sizes[at] ?? 0))).toEqual([]);
    expect(texts.at(-1)).toContain("failure 1**");
    expect(texts.at(-1)).not.toContain("failure 2**");
    for (const text of texts.slice(-2)) {
      expect(text).toContain("docker pull registry.example/team/app:1.2");
      expect(text).toMatch(/More was left out/);
    }
  });

  test("tells the first fifty of many findings", () => {
    const [finding] = RELEASED.findings;
    if (finding === undefined) throw new Error("no finding");
    const text = summaryOf({ ...RELEASED, findings: Array.from({ length: 60 }, () => finding) }, LIMIT);
    expect(text.match(/^\| warning/gm)).toHaveLength(50);
    expect(text).toContain("and 10 more, in the log");
  });

  test("of a run that is not unusual says nothing of it", () => {
    const run = { kind: "github", event: "push", attempt: 1 } as const;
    expect(summaryOf({ ...RELEASED, run }, LIMIT)).toBe(summaryOf(RELEASED, LIMIT));
  });

  test("no text ends a cell, makes a tag or begins a line", () => {
    const parts = ["|", "<", ">", "&", "`", "*", "_", "[", "]", "(", ")", "#", "\\", "\n", "\r", "@", "a"];
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...parts) }), (text) => {
        expect(markdown(text)).not.toMatch(/[\r\n<>]|(?<!\\)(?:\\\\)*[|`*_[\]@]/);
        expect(code(text).slice("<code>".length, -"</code>".length)).not.toMatch(/[\r\n<>|`*_[\]@\\]/);
      }),
    );
  });
});
