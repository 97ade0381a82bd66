import { describe, expect, test } from "vitest";
import { createCi } from "../../../cli/render/ci.ts";
import { groupMarks, harmlessFor } from "../../../cli/render/ci-commands.ts";
import type { CiKind } from "../../../core/ci/run.ts";
import type { RunEvent } from "../../../core/event.ts";
import { createFakeClock, digest, eventsAt, MAKE_FAILED, routesOf } from "../../support/run-events.ts";

const AMD64 = "app linux/amd64";
const ARM64 = "app linux/arm64";
const KINDS = ["github", "forgejo", "gitlab", "buildkite", "azure"] as const;

/** The log as this CI gets it, escape sequences spelled out. */
async function logOf(kind: CiKind, events: readonly RunEvent[], redact = (text: string) => text) {
  const marks = groupMarks(kind);
  if (marks === undefined) throw new Error(`${kind} has no groups`);
  const harmless = harmlessFor(kind);
  const chunks: string[] = [];
  const command = (text: string): unknown => chunks.push(text);
  const renderer = createCi({
    stream: { write: (text) => command(harmless(text)) },
    command,
    marks,
    harmless,
    colour: false,
    columns: () => Number.POSITIVE_INFINITY,
    redact,
  });
  for (const event of events) renderer.onEvent(event);
  await renderer.end();
  return chunks.join("").replaceAll("\u001b", "<ESC>").replaceAll("\r", "<CR>");
}

/** Two variants side by side: one is built, one fails. */
async function twoVariants(): Promise<readonly RunEvent[]> {
  const startedMs = 1_700_000_000_000;
  const clock = createFakeClock(startedMs);
  const at = eventsAt(clock);
  const first = [
    at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
    at.started(AMD64),
    at.started(ARM64),
    at.step(AMD64, "[1/3] FROM debian", { completedMs: clock.now(), cached: true }),
    at.step(AMD64, "[2/3] RUN make"),
    at.step(ARM64, "[2/3] RUN make"),
    at.log(AMD64, "[2/3] RUN make", "cc -c main.c"),
    at.log(ARM64, "[2/3] RUN make", "main.c:3:1: error: unknown type name"),
    at.log(AMD64, "[2/3] RUN make", "cc -o main main.o"),
  ];
  await clock.advance(13_000);
  return [
    ...first,
    at.step(ARM64, "[2/3] RUN make", { startedMs, completedMs: clock.now(), error: "exit code: 2" }),
    at.failed(ARM64, 13_000, MAKE_FAILED),
    at.step(AMD64, "[2/3] RUN make", { startedMs, completedMs: clock.now() }),
    at.pushed(AMD64),
    at.built(AMD64, 13_000),
    at.ended(false),
  ];
}

describe("the view for CI", () => {
  test.each(KINDS)("%s: a group for each variant, what fails again at the end", async (kind) => {
    await expect(await logOf(kind, await twoVariants())).toMatchFileSnapshot(`__snapshots__/ci-${kind}.txt`);
  });

  test("one variant alone is shown as it happens, in no group", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64"])),
      at.started(AMD64),
      at.log(AMD64, "[2/3] RUN make", "cc -c main.c"),
      at.built(AMD64, 13_000),
    ];
    expect(await logOf("github", events)).toMatchInlineSnapshot(`
      "[app linux/amd64] started on managed, native
      [app linux/amd64] | cc -c main.c
      [app linux/amd64] built in 13.0s, 1 of 4 steps cached, 3.42MB
      "
    `);
  });

  test("what was taken over has nothing to fold", async () => {
    const at = eventsAt(createFakeClock());
    const events: RunEvent[] = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      { kind: "variant-taken-over", atMs: 0, variant: AMD64, from: "staging", digest: digest("amd64") },
      at.built(AMD64, 20),
    ];
    expect(await logOf("github", events)).toMatchInlineSnapshot(`
      "[app linux/amd64] finished before, taken over: sha256:5861314d7fccb39c2192173240eab44fa35ca66426201ca2acd0630a6258dd51
      [app linux/amd64] built in 0.0s, 1 of 4 steps cached, 3.42MB
      "
    `);
  });

  test("a variant that only logs shows a line each half minute", async () => {
    const clock = createFakeClock();
    const at = eventsAt(clock);
    const events = [at.runStarted(routesOf(["linux/amd64", "linux/arm64"])), at.started(AMD64)];
    for (let second = 0; second < 70; second += 10) {
      events.push(at.log(AMD64, "[2/3] RUN make", `after ${second}s`));
      await clock.advance(10_000);
    }
    expect(await logOf("github", events)).toMatchInlineSnapshot(`
      "[app linux/amd64] started on managed, native
      [app linux/amd64] | after 30s
      [app linux/amd64] | after 60s
      ::group::app linux/amd64: log
      started on managed, native
      | after 0s
      | after 10s
      | after 20s
      | after 30s
      | after 40s
      | after 50s
      | after 60s
      ::endgroup::
      "
    `);
  });

  test("a long log is written in parts, and all of it", async () => {
    const at = eventsAt(createFakeClock());
    const lines = Array.from({ length: 30_000 }, (_, line) => `line ${line} ${"x".repeat(30)}`);
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.started(AMD64),
      ...lines.map((line) => at.log(AMD64, "[2/3] RUN make", line)),
      at.built(AMD64, 1000),
    ];
    const log = await logOf("github", events);
    expect(log.match(/^::group::.*$/gm)).toEqual([
      "::group::app linux/amd64: log, part 1",
      "::group::app linux/amd64: log, part 2",
      "::group::app linux/amd64: built in 1.0s, 1 of 4 steps cached, 3.42MB",
    ]);
    expect(log.match(/^\| .*$/gm)).toEqual(lines.map((line) => `| ${line}`));
  });

  test("what is unfinished when it ends is written, too", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.started(AMD64),
      at.log(AMD64, "[2/3] RUN make", "cc -c main.c"),
    ];
    expect(await logOf("github", events)).toContain(
      "::group::app linux/amd64: log\nstarted on managed, native\n| cc -c main.c\n::endgroup::\n",
    );
  });

  test.each(KINDS)("%s: no line of a build is obeyed", async (kind) => {
    const at = eventsAt(createFakeClock());
    const evil = [
      "::set-output name=digest::sha256:evil",
      "  ::add-mask::a",
      "::endgroup::",
      "::stop-commands::x",
      "in the middle ##[add-path]/evil",
      "##vso[task.setvariable variable=PATH]/evil",
      "##[endgroup]",
      "--- folded",
      "+++ open",
      "^^^ +++",
      "\u001b[0Ksection_end:1700000000:buildx_plan_1\r\u001b[0K",
    ];
    const step = "[2/3] RUN make ##vso[task.setvariable variable=a]b";
    const failure = { ...MAKE_FAILED, step, message: evil.join("\n"), log: evil };
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.started(AMD64),
      at.step(AMD64, step),
      ...evil.map((line) => at.log(AMD64, step, line)),
      at.failed(AMD64, 1000, failure),
    ];
    const log = await logOf(kind, events);
    expect(obeyed(kind, log)).toEqual(OWN[kind]);
    expect(log).toContain("/evil");
  });

  test("a title is cut where a step is a whole script", async () => {
    const at = eventsAt(createFakeClock());
    const failure = { ...MAKE_FAILED, step: `[2/3] RUN ${"make && ".repeat(100)}true` };
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.log(AMD64, "[2/3]", "cc"),
      at.failed(AMD64, 1, failure),
    ];
    const [title = ""] = /^::group::.*$/m.exec(await logOf("github", events)) ?? [];
    expect(title.length).toBe("::group::".length + 200);
  });

  test("shows no secret, titles of groups included", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.log(AMD64, "[2/3]", "login hunter2"),
      at.failed(AMD64, 1, { ...MAKE_FAILED, step: "[2/3] RUN login hunter2" }),
    ];
    const log = await logOf("github", events, (text) => text.replaceAll("hunter2", "***"));
    expect(log).not.toContain("hunter2");
    expect(log).toContain("::group::app linux/amd64: failed after 0.0s: [2/3] RUN login *** failed");
  });
});

/** Beginnings of all lines that this CI would act on, by its own rules. */
function obeyed(kind: (typeof KINDS)[number], log: string): readonly string[] {
  return log.match(COMMANDS[kind]) ?? [];
}

const COMMANDS = {
  github: /^\s*::[a-z-]+|##\[[a-z-]+/gim,
  forgejo: /^\s*::[a-z-]+|##\[[a-z-]+/gim,
  gitlab: /section_(?:start|end):\d+:[a-z0-9_]+(?=(?:\[[^\]]*\])?<CR>)/gi,
  buildkite: /^(?:---|\+\+\+|~~~|\^\^\^) .*/gm,
  azure: /##vso\[[a-z.]+|##\[[a-z]+/gi,
};

const OWN = {
  github: ["::group", "::endgroup"],
  forgejo: ["::group", "::endgroup"],
  gitlab: ["section_start:0:buildx_plan_1", "section_end:0:buildx_plan_1"],
  buildkite: [
    "--- app linux/amd64: failed after 1.0s: [2/3] RUN make ##vso[task.setvariable variable=a]b failed with exit code 2",
    "+++ buildx-plan",
  ],
  azure: ["##[group", "##[endgroup"],
};
