import { describe, expect, test } from "vitest";
import { createLive } from "../../../cli/render/live.ts";
import { createFakeClock, eventsAt, MAKE_FAILED, routesOf } from "../../support/run-events.ts";
import { createScreen } from "../../support/screen.ts";

const SIX = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];

function liveOn(columns: number, rows: number, redact = (text: string) => text) {
  const clock = createFakeClock();
  const screen = createScreen(columns, rows);
  const size = { columns, rows };
  const writeTimes: number[] = [];
  const stream = {
    write: (text: string) => {
      writeTimes.push(clock.now());
      screen.write(text);
    },
  };
  const live = createLive({
    stream,
    clock,
    colour: true,
    redact,
    columns: () => size.columns,
    rows: () => size.rows,
  });
  return { clock, screen, size, live, writeTimes, events: eventsAt(clock) };
}

type Rig = ReturnType<typeof liveOn>;

function send({ live }: Rig, ...events: readonly Parameters<Rig["live"]["onEvent"]>[0][]): void {
  for (const event of events) live.onEvent(event);
}

/** Six platforms: one built, one failed, one verified, two building (one with a log), one waiting. */
async function midway(rig: Rig): Promise<void> {
  const { events, clock } = rig;
  send(rig, events.runStarted(routesOf(SIX)));
  for (const platform of SIX.slice(0, 5)) send(rig, events.started(`app ${platform}`));
  await clock.advance(2300);
  send(
    rig,
    events.step("app linux/arm64", "[1/3] FROM docker.io/library/debian:stable-slim", {
      completedMs: 2300,
      cached: true,
    }),
    events.step("app linux/arm64", "[2/3] RUN make --jobs=4 --directory=/src all install PREFIX=/usr/local"),
    events.log("app linux/arm64", "[2/3]", "\u001b[32mcc\u001b[0m -c one.c"),
    events.log("app linux/arm64", "[2/3]", " 10%\r 50%\r100% 日本語 🎉 linked"),
    events.built("app linux/amd64", 2300),
    events.failed("app linux/arm/v7", 2300, MAKE_FAILED),
    events.pushed("app linux/386"),
  );
  await clock.advance(1000);
}

describe("the live view", () => {
  test("shows each variant on its line at 60x15, and the log of those that build", async () => {
    const rig = liveOn(60, 15);
    await midway(rig);
    expect(rig.screen.lines().join("\n")).toMatchInlineSnapshot(`
      "app
      ✔ linux/amd64    native    1/4 cached                  2.3s
      ⠧ linux/arm64    emulated  [2/3] RUN ma…=/usr/local    3.2s
          │ cc -c one.c
          │ 100% 日本語 🎉 linked
      ✖ linux/arm/v7   emulated  [2/3] RUN ma…exit code 2    2.3s
      ⠧ linux/386      emulated  pushed, being verified      3.2s
      ⠧ linux/ppc64le  emulated  starting                    3.2s
      · linux/s390x    emulated  waiting
      3.2s  2 building, 1 verifying, 1 failed, 1 built, 1 waiting"
    `);
    expect(rig.screen.overruns).toBe(0);
    expect(rig.screen.cursorVisible).toBe(false);
  });

  test("has room for digests and step counts at 200x60", async () => {
    const rig = liveOn(200, 60);
    await midway(rig);
    expect(rig.screen.lines().join("\n")).toMatchInlineSnapshot(`
      "app
      ✔ linux/amd64    native    built sha256:58df99c0b73f                                                                     1/4 cached    2.3s
      ⠧ linux/arm64    emulated  [2/3] RUN make --jobs=4 --directory=/src all install PREFIX=/usr/local                        1/1 cached    3.2s
          │ cc -c one.c
          │ 100% 日本語 🎉 linked
      ✖ linux/arm/v7   emulated  [2/3] RUN make failed with exit code 2                                                                      2.3s
      ⠧ linux/386      emulated  pushed, being verified                                                                                      3.2s
      ⠧ linux/ppc64le  emulated  starting                                                                                                    3.2s
      · linux/s390x    emulated  waiting
      3.2s  2 building, 1 verifying, 1 failed, 1 built, 1 waiting"
    `);
    expect(rig.screen.overruns).toBe(0);
  });

  test("leaves the final frame, the failure with its log, and the cursor", async () => {
    const rig = liveOn(60, 40);
    await midway(rig);
    send(
      rig,
      rig.events.cancelled("app linux/ppc64le", 3300),
      rig.events.cancelled("app linux/s390x", 0),
      rig.events.built("app linux/arm64", 3300, { steps: 3, cached: 3 }),
      rig.events.built("app linux/386", 3300),
      rig.events.ended(false),
    );
    await rig.live.end();
    expect(rig.screen.lines().join("\n")).toMatchInlineSnapshot(`
      "app
      ✔ linux/amd64    native    1/4 cached                  2.3s
      ✔ linux/arm64    emulated  3/3 cached                  3.3s
      ✖ linux/arm/v7   emulated  [2/3] RUN ma…exit code 2    2.3s
      ✔ linux/386      emulated  1/4 cached                  3.3s
      - linux/ppc64le  emulated  cancelled                   3.3s
      - linux/s390x    emulated  cancelled                   0.0s
      3.3s  1 failed, 3 built, 2 cancelled

      error: app linux/arm/v7: [2/3] RUN make failed with exit cod
      e 2
        at Dockerfile:7
        on node managed, emulated
        | cc -c main.c
        | main.c:3:1: error: unknown type name
        | make: *** [main.o] Error 1"
    `);
    expect([rig.screen.cursorVisible, rig.screen.autowrap]).toEqual([true, true]);
  });

  test("shows index and tags of a release as they move", async () => {
    const rig = liveOn(100, 20);
    const { events } = rig;
    const ids = ["app linux/amd64", "app linux/arm64"];
    send(rig, events.runStarted(routesOf(["linux/amd64", "linux/arm64"])), ...ids.map(events.started));
    send(rig, ...ids.map((id) => events.built(id, 900)), events.stitched("app"), events.indexPut("app"));
    send(rig, events.tagMoved("app", "1.2"), events.tagMoved("app", "latest"), events.ended(true));
    await rig.live.end();
    expect(rig.screen.lines().join("\n")).toMatchInlineSnapshot(`
      "app  index sha256:a172cedcae47  registry.example/team/app:latest +1
      ✔ linux/amd64  native    built sha256:58df99c0b73f                               1/4 cached    0.9s
      ✔ linux/arm64  emulated  built sha256:dc9d1f45dc0c                               1/4 cached    0.9s
      0.0s  2 built, 2 tags moved"
    `);
  });

  test("goes on while a release is signed and its tags move, when all variants are done", async () => {
    const rig = liveOn(100, 20);
    const { events, clock } = rig;
    send(rig, events.runStarted(routesOf(["linux/amd64"])), events.started("app linux/amd64"));
    send(rig, events.built("app linux/amd64", 900));
    await clock.advance(500);
    send(rig, events.stitched("app"), events.tagMoved("app", "1.2"));
    await clock.advance(500);
    expect(rig.screen.lines()).toEqual([
      "app  index sha256:a172cedcae47  registry.example/team/app:1.2",
      "✔ linux/amd64  native  built sha256:58df99c0b73f                                 1/4 cached    0.9s",
      "1.0s  1 built, 1 tag moved",
    ]);
    await rig.live.end();
    expect(rig.screen.cursorVisible).toBe(true);
  });

  test("leaves what signing tells people above the frame, whole, for it may have to be copied", async () => {
    const rig = liveOn(40, 20, (text) => text.replaceAll("hunter2", "***"));
    const { events, clock } = rig;
    send(rig, events.runStarted(routesOf(["linux/amd64"])), events.built("app linux/amd64", 900));
    await clock.advance(500);
    rig.screen.resize(30, 20);
    rig.size.columns = 30;
    send(rig, events.signLine("app", "open\u001b[2J https://oauth2.example/device?code=hunter2"));
    send(rig, events.signLine("app", "signed"), events.stitched("app"));
    await clock.advance(500);
    await rig.live.end();
    expect(rig.screen.lines()).toEqual([
      "[app] cosign | open https://oa",
      "uth2.example/device?code=***",
      "[app] cosign | signed",
      "app  index sha256:a172cedcae…",
      "✔ linux/amd64  native      0…",
      "1.0s  1 built",
    ]);
  });

  test("tells above the frame that another run has moved a tag", async () => {
    const rig = liveOn(200, 20);
    const { events } = rig;
    send(rig, events.runStarted(routesOf(["linux/amd64"])), events.tagOvertaken("app", "latest", false));
    await rig.live.end();
    const other = `sha256:${"[0-9a-f]".repeat(64)}`;
    expect(rig.screen.lines()[0]).toMatch(
      new RegExp(
        String.raw`^\[app\] tag moved on: registry\.example/team/app:latest: another run has given it ${other} since$`,
      ),
    );
  });

  test("shows running and failed variants first where 40 do not fit on 15 rows, and counts the others", async () => {
    const rig = liveOn(60, 15);
    const { events, clock } = rig;
    const releases = Array.from({ length: 10 }, (_, index) => `image-${index}`);
    const routes = releases.flatMap((release) => routesOf(SIX.slice(0, 4), release));
    send(rig, events.runStarted(routes));
    const ids = routes.map(({ variant }) => variant.id);
    send(rig, ...ids.slice(10, 20).map(events.started), events.started("image-9 linux/386"));
    send(
      rig,
      events.failed("image-9 linux/386", 100, MAKE_FAILED),
      ...ids.slice(10, 12).map((id) => events.built(id, 80)),
    );
    await clock.advance(500);
    expect(rig.screen.lines().join("\n")).toMatchInlineSnapshot(`
      "✔ image-2 linux/arm/v7  emulated  1/4 cached           0.0s
      ✔ image-2 linux/386     emulated  1/4 cached           0.0s
      ⠼ image-3 linux/amd64   native    starting             0.5s
      ⠼ image-3 linux/arm64   emulated  starting             0.5s
      ⠼ image-3 linux/arm/v7  emulated  starting             0.5s
      ⠼ image-3 linux/386     emulated  starting             0.5s
      ⠼ image-4 linux/amd64   native    starting             0.5s
      ⠼ image-4 linux/arm64   emulated  starting             0.5s
      ⠼ image-4 linux/arm/v7  emulated  starting             0.5s
      ⠼ image-4 linux/386     emulated  starting             0.5s
      ✖ image-9 linux/386     emulated  [2/3] RU…t code 2    0.1s
        +29 waiting
      0.5s  8 building, 1 failed, 2 built, 29 waiting"
    `);
    expect(rig.screen.scrolledOut).toEqual([]);
  });

  test("is never taller than the screen nor wider, whatever is logged and however small it is", async () => {
    for (const [columns, rows] of [
      [60, 15],
      [30, 5],
      [12, 3],
      [200, 2],
      [1, 1],
    ] as const) {
      const rig = liveOn(columns, rows);
      const { events, clock } = rig;
      const routes = routesOf(SIX, "a-release-with-a-very-long-name[node=22,os=alpine]");
      send(rig, events.runStarted(routes));
      for (const { variant } of routes) {
        send(rig, events.started(variant.id), events.step(variant.id, `[2/3] RUN ${"日本".repeat(100)}`));
        for (let line = 0; line < 20; line += 1) {
          send(
            rig,
            events.log(
              variant.id,
              "[2/3]",
              `${"\t👩‍👩‍👧‍👦 é\u001b[1A\u001b]0;title\u0007\u0008".repeat(30)}${line}`,
            ),
          );
        }
      }
      await clock.advance(1000);
      expect([rig.screen.overruns, rig.screen.scrolledOut]).toEqual([0, []]);
    }
  });

  test("redraws at most ten times in any second, with 20,000 log lines too", async () => {
    const rig = liveOn(100, 30);
    const { events, clock } = rig;
    send(rig, events.runStarted(routesOf(SIX)), ...SIX.map((platform) => events.started(`app ${platform}`)));
    for (let batch = 0; batch < 200; batch += 1) {
      for (let line = 0; line < 100; line += 1) {
        send(rig, events.log(`app ${SIX[line % 6]}`, "[2/3] RUN make", `line ${batch * 100 + line}`));
      }
      await clock.advance(10);
    }
    await rig.live.end();
    const busiest = rig.writeTimes.map(
      (from) => rig.writeTimes.filter((at) => at >= from && at < from + 1000).length,
    );
    expect(rig.writeTimes.length).toBeGreaterThan(10);
    // The last write only gives the cursor back.
    expect(Math.max(...busiest) - 1).toBeLessThanOrEqual(10);
    expect(rig.screen.lines().join("\n")).toContain("line 19999");
  });

  test("writes nothing where nothing changed", async () => {
    const rig = liveOn(60, 15);
    send(rig, rig.events.runStarted(routesOf(SIX)), rig.events.ended(true));
    await rig.clock.advance(1000);
    expect(rig.screen.writes).toBe(1);
  });

  test("draws over itself after the terminal was made narrower or wider", async () => {
    const rig = liveOn(100, 30);
    rig.screen.write("before\r\n");
    await midway(rig);
    for (const columns of [60, 45, 120]) {
      rig.screen.resize(columns, 30);
      rig.size.columns = columns;
      await rig.clock.advance(200);
      expect(rig.screen.lines()[0]).toBe("before");
      expect(rig.screen.lines().filter((line) => line === "app")).toHaveLength(1);
      expect(rig.screen.lines().filter((line) => line.includes("2 building"))).toHaveLength(1);
    }
  });

  test("shows no secret in steps, logs and failures", async () => {
    const rig = liveOn(100, 30, (text) => text.replaceAll("hunter2", "***"));
    const { events } = rig;
    send(
      rig,
      events.runStarted(routesOf(["linux/amd64", "linux/arm64"])),
      events.started("app linux/amd64"),
      events.started("app linux/arm64"),
    );
    send(rig, events.step("app linux/amd64", "[2/3] RUN login hunter2"));
    send(rig, events.log("app linux/amd64", "[2/3]", "password hun\u001b[1mter2 and hunter2"));
    send(rig, events.log("app linux/amd64", "[2/3]", `${"x".repeat(3)}hunter2${"y".repeat(1996)}`));
    send(rig, events.failed("app linux/arm64", 1, { ...MAKE_FAILED, step: "[2/3] RUN hunter2" }));
    await rig.clock.advance(500);
    expect(rig.screen.lines().join("\n")).not.toMatch(/ter2/);
    await rig.live.end();
    expect(rig.screen.lines().join("\n")).not.toMatch(/ter2/);
    expect(rig.screen.lines().join("\n")).toContain("RUN ***");
  });

  test("ends without having begun", async () => {
    const rig = liveOn(60, 15);
    await rig.live.end();
    expect(rig.screen.writes).toBe(0);
  });
});
