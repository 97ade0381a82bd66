import { describe, expect, test } from "vitest";
import type { CiReport, ReportedRelease } from "../../../cli/render/ci-report.ts";
import { dotenvOutputs, dotenvText, stepOutputs, stepOutputText } from "../../../cli/render/outputs.ts";
import { digest } from "../../support/run-events.ts";

function release(name: string, tags: readonly string[]): ReportedRelease {
  const index = digest(name);
  return {
    name,
    index,
    tags: [
      ...tags.map((tag) => ({ tag, state: "moved", digest: index }) as const),
      { tag: "r.example/app:kept", state: "kept", digest: digest("before") },
    ],
    variants: [
      { platform: "linux/amd64", state: "built", digest: digest(`${name} amd64`) },
      { platform: "linux/arm64", state: "failed" },
    ],
  };
}

const REPORT: CiReport = {
  ok: true,
  releases: [
    { name: "broken", tags: [], variants: [] },
    release("app[node=22]", ["r.example/app:22", "r.example/app:latest"]),
    release("app[node-22]", ["r.example/app:x"]),
    release("tools", []),
  ],
  failures: [],
  findings: [],
};

const APP = digest("app[node=22]");

describe("outputs of a step", () => {
  test("digests, tags and JSON of what is out", () => {
    const { json = "", ...others } = Object.fromEntries(stepOutputs(REPORT));
    expect(others).toEqual({
      digest: APP,
      tags: "r.example/app:22\nr.example/app:latest\nr.example/app:x",
      digest_app_node_22: APP,
      "digest_app_node-22": digest("app[node-22]"),
      digest_tools: digest("tools"),
    });
    expect(JSON.parse(json)).toMatchObject({
      schemaVersion: 1,
      ok: true,
      releases: [
        {
          name: "app[node=22]",
          digest: APP,
          tags: ["r.example/app:22", "r.example/app:latest"],
          platforms: { "linux/amd64": digest("app[node=22] amd64") },
        },
        { name: "app[node-22]" },
        { name: "tools", tags: [] },
      ],
    });
  });

  test("of a failure: nothing but that", () => {
    const failed = { ...REPORT, ok: false, releases: REPORT.releases.slice(0, 1) };
    expect(Object.fromEntries(stepOutputs(failed))).toEqual({
      json: '{"schemaVersion":1,"ok":false,"releases":[]}',
    });
  });

  test("JSON leaves out what has no room in a variable", () => {
    const many = (amount: number, platforms: number): string => {
      const releases = Array.from({ length: amount }, (_, number) => ({
        ...release(`app${number}`, [`r.example/app:${number}`]),
        variants: Array.from({ length: platforms }, (__, each) => ({
          platform: `linux/${each}`,
          state: "built" as const,
          digest: digest("any"),
        })),
      }));
      return stepOutputs({ ...REPORT, releases }).get("json") ?? "";
    };
    for (const text of [many(10, 10), many(100, 30), many(1000, 1), many(2000, 1)])
      expect(text.length).toBeLessThanOrEqual(120_000);
    expect(many(10, 10)).toContain("platforms");
    expect(many(100, 30)).toContain('"tags"');
    expect(many(100, 30)).not.toContain("platforms");
    expect(many(1000, 1)).not.toContain('"tags"');
    expect(many(2000, 1)).toBe('{"schemaVersion":1,"ok":true}');
  });

  test("are written between delimiters, which no value may hold", () => {
    const outputs = new Map([
      ["tags", "a\nb=c"],
      ["digest", "d"],
    ]);
    expect(stepOutputText(outputs, "end-1")).toBe("tags<<end-1\na\nb=c\nend-1\ndigest<<end-1\nd\nend-1\n");
    expect(() => stepOutputText(outputs, "b=")).toThrow("Internal error");
  });
});

describe("variables of a dotenv report", () => {
  test("have names that a shell takes, each one once, and values of one line", () => {
    const outputs = dotenvOutputs(REPORT);
    expect(Object.fromEntries(outputs)).toEqual({
      BUILDX_PLAN_OK: "true",
      BUILDX_PLAN_DIGEST: APP,
      BUILDX_PLAN_TAGS: "r.example/app:22,r.example/app:latest,r.example/app:x",
      BUILDX_PLAN_DIGEST_APP_NODE_22: APP,
      BUILDX_PLAN_DIGEST_APP_NODE_22_2: digest("app[node-22]"),
      BUILDX_PLAN_DIGEST_TOOLS: digest("tools"),
      BUILDX_PLAN_TAGS_APP_NODE_22: "r.example/app:22,r.example/app:latest",
      BUILDX_PLAN_TAGS_APP_NODE_22_2: "r.example/app:x",
      BUILDX_PLAN_TAGS_TOOLS: "",
    });
    expect(dotenvText(outputs)).toMatch(/^(?:[A-Z0-9_]+=[^\n\s"'#]*\n)+$/);
  });

  test("of a failure say so", () => {
    const failed = { ...REPORT, ok: false, releases: REPORT.releases.slice(0, 1) };
    expect(dotenvText(dotenvOutputs(failed))).toBe("BUILDX_PLAN_OK=false\n");
  });
});
