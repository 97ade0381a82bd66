import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clipEnd, clipMiddle, displayWidth, graphemes, pad } from "../../../cli/text/width.ts";

describe("the width of text", () => {
  test.each([
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本語", 6],
    ["한글", 4],
    ["Ｆｕｌｌ", 8],
    ["🎉", 2],
    ["👩‍👩‍👧‍👦", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["✔ ok", 4],
    ["\u200bx", 1],
  ])("%j takes %i columns", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe("shortening", () => {
  test.each([
    ["linux/amd64", 20, "linux/amd64"],
    ["[2/4] RUN make install", 11, "[2/4]…stall", "[2/4] RUN …"],
    ["日本語日本語", 7, "日…語", "日本語…"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
  ])("%j to %i columns", (text, width, middle, end = middle) => {
    expect([clipMiddle(text, width), clipEnd(text, width)]).toEqual([middle, end]);
  });

  test("is never wider than asked, and leaves what fits alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.nat(50), (text, width) => {
        for (const clipped of [clipMiddle(text, width), clipEnd(text, width)]) {
          expect(displayWidth(clipped)).toBeLessThanOrEqual(width);
          expect(clipped === text).toBe(displayWidth(text) <= width);
        }
      }),
    );
  });

  test("any text is its graphemes, in order", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(graphemes(text).join("")).toBe(text);
      }),
    );
  });
});

test("padding fills to the width on the side asked for", () => {
  expect([pad("日", 4), pad("日", 4, "right"), pad("long", 2)]).toEqual(["日  ", "  日", "long"]);
});
