import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plainLine, visible } from "../../../cli/text/safe.ts";

const ESC = "\u001b";

describe("a line of a log", () => {
  test.each([
    ["plain", "plain"],
    [`${ESC}[1;31mred${ESC}[0m`, "red"],
    [`${ESC}]0;new title\u0007text`, "text"],
    [`${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\`, "link"],
    [`${ESC}Pq#0;2;0${ESC}\\after`, "after"],
    [`${ESC}]0;never ended`, ""],
    [`up${ESC}[2A${ESC}[2Kdown${ESC}[?25l`, "updown"],
    ["\u009b31mred", "red"],
    [`${ESC}(Bset${ESC}`, "set"],
    ["  5%\r 50%\r100%", "100%"],
    ["100%\r", "100%"],
    [`10%${ESC}[1G20%${ESC}[G30%`, "30%"],
    ["a\tb", "a    b"],
    ["bell\u0007 and back\u0008", "bell and back"],
    ["\u202egnp.exe", "gnp.exe"],
    ["half \ud800 pair", "half \ufffd pair"],
  ])("%j is shown as %j", (line, shown) => {
    expect(plainLine(line)).toBe(shown);
  });

  test("never holds a control character", () => {
    const nasty = fc.array(
      fc.constantFrom(ESC, "[", "]", "\u0007", "1", ";", "m", "\\", "\r", "x", "\u009b", "P", "\u009c"),
    );
    fc.assert(
      fc.property(nasty, (parts) => {
        expect(plainLine(parts.join(""))).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  test("takes linear time", () => {
    expect(plainLine(`${ESC}]`.repeat(200_000))).toBe("");
    expect(plainLine(`${ESC}[`.repeat(200_000))).toBe("");
  });
});

describe("a quotation", () => {
  test("spells out what a terminal would obey or reorder", () => {
    expect(visible(`a${ESC}[2Jb\r\n\u0000\u202ec`)).toBe("a\\x1b[2Jb\\x0d\\x0a\\x00\\u202ec");
  });
});
