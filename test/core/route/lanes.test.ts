import { expect, test } from "vitest";
import { Lanes } from "../../../core/route/lanes.ts";

test("what begins later takes the lane that is free for the shortest time, and leaves the others to what begins now", () => {
  const lanes = new Lanes(2);
  lanes.take(0, 10);
  lanes.take(10, 20);
  expect(lanes.earliest()).toBe(0);
  lanes.take(0, 5);
  expect(lanes.earliest()).toBe(5);
});

test("the load is the part that is taken at a moment", () => {
  const lanes = new Lanes(4);
  lanes.take(0, 10);
  lanes.take(0, 20);
  expect([0, 10, 19, 20].map((atMs) => lanes.load(atMs))).toEqual([0.5, 0.25, 0.25, 0]);
});
