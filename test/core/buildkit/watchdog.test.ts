import { expect, onTestFinished, test } from "vitest";
import {
  CRASH_SILENCE_MS,
  SECOND_LOOK_MS,
  startWatchdog,
  type Limits,
  type Watchdog,
} from "../../../core/buildkit/watchdog.ts";
import { steeredClock, type SteeredClock } from "../../support/steered-clock.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function start(limits: Limits): { readonly dog: Watchdog; readonly clock: SteeredClock } {
  const clock = steeredClock();
  const dog = startWatchdog(limits, clock);
  onTestFinished(() => dog.stop());
  return { dog, clock };
}

test("silence is borne as long as it may last, and not longer", async () => {
  const { dog, clock } = start({ stallMs: 10 * MINUTE });
  await clock.pass(10 * MINUTE);
  expect([dog.bite(), dog.signal.aborted]).toEqual([undefined, false]);
  await clock.pass(SECOND_LOOK_MS);
  expect([dog.bite(), dog.signal.aborted]).toEqual(["stalled", true]);
});

test("every sign of life begins the silence anew", async () => {
  const { dog, clock } = start({ stallMs: 10 * MINUTE });
  for (let minute = 0; minute < 60; minute += 6) {
    await clock.pass(6 * MINUTE);
    dog.heard(false);
  }
  await clock.pass(10 * MINUTE);
  expect(dog.bite()).toBe(undefined);
  await clock.pass(SECOND_LOOK_MS);
  expect(dog.bite()).toBe("stalled");
});

test("what waited in the pipe while this process was stopped is read before anything is ended", async () => {
  const { dog, clock } = start({ stallMs: 10 * MINUTE });
  await clock.jump(60 * MINUTE);
  dog.heard(false);
  await clock.pass(9 * MINUTE);
  expect(dog.bite()).toBe(undefined);
});

test("after a crash, silence is short", async () => {
  const { dog, clock } = start({ stallMs: 60 * MINUTE });
  await clock.pass(30 * MINUTE);
  dog.heard(true);
  await clock.pass(CRASH_SILENCE_MS);
  expect(dog.bite()).toBe(undefined);
  await clock.pass(SECOND_LOOK_MS);
  expect(dog.bite()).toBe("crashed");
});

test("after a crash, silence is watched though nothing else is", async () => {
  const { dog, clock } = start({});
  await clock.pass(3 * DAY);
  dog.heard(true);
  await clock.pass(CRASH_SILENCE_MS + SECOND_LOOK_MS);
  expect(dog.bite()).toBe("crashed");
});

test("a crash that is followed by more is none to wait for", async () => {
  const { dog, clock } = start({ stallMs: 60 * MINUTE });
  dog.heard(true);
  await clock.pass(CRASH_SILENCE_MS);
  dog.heard(false);
  await clock.pass(59 * MINUTE);
  expect(dog.bite()).toBe(undefined);
  await clock.pass(2 * MINUTE);
  expect(dog.bite()).toBe("stalled");
});

test("silence that the plan does not bear is short after a crash, too", async () => {
  const { dog, clock } = start({ stallMs: CRASH_SILENCE_MS / 2 });
  dog.heard(true);
  await clock.pass(CRASH_SILENCE_MS / 2 + SECOND_LOOK_MS);
  expect(dog.bite()).toBe("crashed");
});

test("the timeout counts from the beginning, whatever is heard", async () => {
  const { dog, clock } = start({ timeoutMs: 10 * MINUTE, stallMs: 5 * MINUTE });
  await clock.pass(4 * MINUTE);
  dog.heard(false);
  await clock.pass(4 * MINUTE);
  dog.heard(false);
  await clock.pass(2 * MINUTE - 1);
  expect(dog.bite()).toBe(undefined);
  await clock.pass(1);
  expect(dog.bite()).toBe("timed-out");
});

test("a timeout that is longer than Node's timers is kept all the same", async () => {
  const { dog, clock } = start({ timeoutMs: 40 * DAY });
  await clock.pass(40 * DAY - 1);
  expect(dog.bite()).toBe(undefined);
  await clock.pass(1);
  expect(dog.bite()).toBe("timed-out");
});

test("what is over is not ended", async () => {
  const { dog, clock } = start({ timeoutMs: MINUTE, stallMs: MINUTE });
  dog.stop();
  await clock.pass(DAY);
  expect([dog.bite(), dog.signal.aborted]).toEqual([undefined, false]);
});
