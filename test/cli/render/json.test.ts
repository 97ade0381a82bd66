import { describe, expect, test } from "vitest";
import { createJson, jsonEvent } from "../../../cli/render/json.ts";
import { createFakeClock, digest, eventsAt, MAKE_FAILED, routesOf } from "../../support/run-events.ts";
import type { RunEvent } from "../../../core/event.ts";

const at = eventsAt(createFakeClock(1000));
const AMD64 = "app linux/amd64";

const EVENTS: readonly RunEvent[] = [
  at.runStarted(routesOf(["linux/amd64", "linux/arm/v7"])),
  at.started(AMD64),
  at.step(AMD64, "[1/2] FROM debian", { completedMs: 1200, cached: true }),
  at.log(AMD64, "[2/2] RUN make", "\u001b[31mred\u001b[0m and hunter2"),
  {
    kind: "warning",
    atMs: 1000,
    variant: AMD64,
    warning: { vertex: digest("w"), message: "careful", detail: ["why"], line: 3 },
  },
  at.pushed(AMD64),
  at.built(AMD64, 900),
  at.failed("app linux/arm/v7", 900, MAKE_FAILED),
  at.cancelled("app linux/arm/v7", 900),
  at.stitched("app"),
  at.indexPut("app"),
  at.signLine("app", "\u001b[31mred\u001b[0m and hunter2"),
  at.tagMoved("app", "1.2"),
  at.tagKept("app", "1.2.3"),
  at.tagUnchanged("app", "latest"),
  at.tagOvertaken("app", "latest", true),
  at.tagOvertaken("app", "next", false),
  at.ended(false),
];

describe("the view for programs", () => {
  test("has a stable shape for each kind of event", () => {
    expect(EVENTS.map(jsonEvent)).toMatchSnapshot();
  });

  test("writes one object a line, each with version and kind, and no secret", async () => {
    const chunks: string[] = [];
    const renderer = createJson({
      stream: { write: (text) => chunks.push(text) },
      redact: (text) => text.replaceAll("hunter2", "***"),
    });
    for (const event of EVENTS) renderer.onEvent(event);
    await renderer.end();
    const lines = chunks.join("").split("\n");
    expect(lines.pop()).toBe("");
    const parsed: unknown[] = lines.map((line) => JSON.parse(line));
    expect(parsed).toHaveLength(EVENTS.length);
    for (const [index, event] of EVENTS.entries()) {
      expect(parsed[index]).toMatchObject({ schemaVersion: 1, kind: event.kind, atMs: event.atMs });
    }
    expect(chunks.join("")).not.toContain("hunter2");
    expect(chunks.join("")).toContain("red and ***");
  });
});
