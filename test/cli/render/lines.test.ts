import { describe, expect, test } from "vitest";
import { createLines } from "../../../cli/render/lines.ts";
import { createQuiet } from "../../../cli/render/quiet.ts";
import { createFakeClock, digest, eventsAt, MAKE_FAILED, routesOf } from "../../support/run-events.ts";
import type { RendererOptions } from "../../../cli/render/renderer.ts";
import type { Emulator } from "../../../cli/describe/explanation.ts";
import type { RunEvent } from "../../../core/event.ts";
import type { Route } from "../../../core/route/route.ts";

const AMD64 = "app linux/amd64";
const ARM64 = "app linux/arm64";

async function written(
  create: typeof createLines,
  events: readonly RunEvent[],
  changes: Partial<RendererOptions> = {},
): Promise<string> {
  const chunks: string[] = [];
  const stream = { write: (text: string) => chunks.push(text) };
  const renderer = create({
    stream,
    colour: false,
    columns: () => Number.POSITIVE_INFINITY,
    redact: (text) => text,
    ...changes,
  });
  for (const event of events) renderer.onEvent(event);
  await renderer.end();
  return chunks.join("");
}

function redact(text: string): string {
  return text.replaceAll("hunter2", "***");
}

function failingRun(): readonly RunEvent[] {
  const at = eventsAt(createFakeClock());
  return [
    at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
    at.started(AMD64),
    at.started(ARM64),
    at.step(AMD64, "[internal] load build definition from Dockerfile", { startedMs: 0, completedMs: 20 }),
    at.step(AMD64, "[internal] load build context", { startedMs: 0, completedMs: 4200 }),
    at.step(AMD64, "[1/3] FROM debian", { startedMs: 10, completedMs: 10, cached: true }),
    at.step(AMD64, "[2/3] RUN make", { startedMs: 100 }),
    at.step(AMD64, "[2/3] RUN make", { startedMs: 100 }),
    at.log(AMD64, "[2/3] RUN make", "\u001b[1mcc\u001b[0m\t-c main.c"),
    at.log(AMD64, "[2/3] RUN make", " 10%\r100% done"),
    at.step(AMD64, "[2/3] RUN make", { startedMs: 100, completedMs: 12_400 }),
    at.step(ARM64, "[2/3] RUN make", { startedMs: 100, completedMs: 600, error: "exit code: 2" }),
    {
      kind: "warning",
      atMs: 0,
      variant: AMD64,
      warning: {
        vertex: digest("w"),
        message: "FromAsCasing: 'as' and 'FROM' differ",
        detail: [],
        file: "Dockerfile",
        line: 1,
      },
    },
    at.pushed(AMD64),
    at.built(AMD64, 13_000),
    at.failed(ARM64, 650, MAKE_FAILED),
    at.ended(false),
  ];
}

describe("the view for pipes", () => {
  test("prefixes every line, and repeats the failed step's log at the end", async () => {
    expect(await written(createLines, failingRun())).toMatchInlineSnapshot(`
      "[app linux/amd64] started on managed, native
      [app linux/arm64] started on managed, emulated
      [app linux/amd64] [internal] load build context done in 4.2s
      [app linux/amd64] [1/3] FROM debian CACHED
      [app linux/amd64] [2/3] RUN make
      [app linux/amd64] | cc    -c main.c
      [app linux/amd64] | 100% done
      [app linux/amd64] [2/3] RUN make done in 12.3s
      [app linux/arm64] [2/3] RUN make FAILED after 0.5s
      [app linux/amd64] warning: Dockerfile:1: FromAsCasing: 'as' and 'FROM' differ
      [app linux/amd64] pushed sha256:58df99c0b73fea8d707b0c8cc95a46ff968b36f7080a5663326b33a1fc62e290
      [app linux/amd64] built in 13.0s, 1 of 4 steps cached, 3.42MB
      [app linux/arm64] failed after 0.6s: [2/3] RUN make failed with exit code 2

      error: app linux/arm64: [2/3] RUN make failed with exit code 2
        at Dockerfile:7
        on node managed, emulated
        | cc -c main.c
        | main.c:3:1: error: unknown type name
        | make: *** [main.o] Error 1
      "
    `);
  });

  test("tells index and tags under the release's name", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64"])),
      at.stitched("app"),
      at.indexPut("app"),
      at.signLine("app", "\u001b[1mopen\u001b[0m https://oauth2.example/device"),
      at.tagMoved("app", "1.2"),
      at.tagKept("app", "1.2.3"),
      at.tagUnchanged("app", "latest"),
      at.tagOvertaken("app", "latest", true),
      at.tagOvertaken("app", "next", false),
    ];
    expect(await written(createLines, events)).toMatchInlineSnapshot(`
      "[app] index sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333
      [app] index pushed to registry.example/team/app
      [app] cosign | open https://oauth2.example/device
      [app] tag moved: registry.example/team/app:1.2
      [app] tag kept as it was: registry.example/team/app:1.2.3
      [app] tag named it already: registry.example/team/app:latest
      [app] tag moved again: registry.example/team/app:latest: a run that releases an older revision had moved it back to sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa
      [app] tag moved on: registry.example/team/app:next: another run has given it sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa since
      "
    `);
  });

  test("has no control characters without colour, and colours where asked", async () => {
    expect(await written(createLines, failingRun())).not.toMatch(/[^\n\P{Cc}]/u);
    expect(await written(createLines, failingRun(), { colour: true })).toContain("\u001b[");
  });

  test("shows no secret, wherever it stands", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64"])),
      at.step(AMD64, "[2/3] RUN login hunter2", { completedMs: 1 }),
      at.log(AMD64, "[2/3]", "hun\u001b[1mter2"),
      at.failed(AMD64, 1, { ...MAKE_FAILED, step: "[2/3] RUN login hunter2", log: ["token hunter2"] }),
    ];
    for (const create of [createLines, createQuiet]) {
      const text = await written(create, events, { redact });
      expect(text).not.toContain("hunter2");
      expect(text).toContain("token ***");
    }
  });
});

describe("the quiet view", () => {
  test("shows nothing but failures", async () => {
    expect(await written(createQuiet, failingRun())).toMatchInlineSnapshot(`
      "error: app linux/arm64: [2/3] RUN make failed with exit code 2
        at Dockerfile:7
        on node managed, emulated
        | cc -c main.c
        | main.c:3:1: error: unknown type name
        | make: *** [main.o] Error 1
      "
    `);
    const at = eventsAt(createFakeClock());
    const good = [
      at.runStarted(routesOf(["linux/amd64"])),
      at.started(AMD64),
      at.built(AMD64, 1),
      at.ended(true),
    ];
    expect(await written(createQuiet, good)).toBe("");
  });

  test("says which failures stop no release", async () => {
    const at = eventsAt(createFakeClock());
    const [one, ...others] = routesOf(["linux/amd64", "linux/arm64"]);
    if (one === undefined) throw new Error("two routes and no first");
    const optional = { ...one, variant: { ...one.variant, required: false } };
    const events = [at.failed(AMD64, 1, MAKE_FAILED), at.failed(ARM64, 1, MAKE_FAILED)];
    const text = await written(createQuiet, [at.runStarted([optional, ...others]), ...events]);
    expect(text.split("\n\n").map((each) => each.includes("left out: the plan says"))).toEqual([true, false]);
  });

  test("does not tell of builds that were only cancelled", async () => {
    const at = eventsAt(createFakeClock());
    const events = [
      at.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      at.failed(AMD64, 1, { kind: "solve-cancelled" }),
      at.cancelled(ARM64, 1),
    ];
    expect(await written(createQuiet, events)).toBe("");
  });
});

test("a failure tells of the place where its variant ended up, and of the emulator there", async () => {
  const at = eventsAt(createFakeClock());
  const routes = routesOf(["linux/amd64", "linux/arm64"]);
  const [, from] = routes;
  if (from === undefined) throw new Error("no second route");
  const to: Route = { ...from, node: { ...from.node, name: "cloud" } };
  const events: readonly RunEvent[] = [
    at.runStarted(routes),
    { kind: "variant-rerouted", atMs: 0, variant: ARM64, from, to, why: MAKE_FAILED },
    at.failed(ARM64, 1, MAKE_FAILED),
  ];
  const emulatorOf = (route: Route): Emulator => ({ name: `qemu-of-${route.node.name}`, isFixed: true });
  expect(await written(createLines, events, { emulatorOf })).toContain(
    "on node cloud, emulated by qemu-of-cloud",
  );
});
