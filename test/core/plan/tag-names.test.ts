import { describe, expect, test } from "vitest";
import { isValidTag } from "../../../core/oci/reference.ts";
import { tagsOf } from "../../support/checkout.ts";

describe("whatever a branch is called, its tag is valid or there is none", () => {
  test("each character, at each end", async () => {
    const characters = Array.from({ length: 0x250 }, (_, code) => String.fromCodePoint(code));
    const names = [...characters, "😀", "\u{10FFFF}"].flatMap((char) => [char, `${char}x`, `x${char}`]);
    const made = await Promise.all(names.map((branch) => tagsOf(["branch"], { git: { branch } })));
    expect(made.flat().filter((tag) => !isValidTag(tag))).toEqual([]);
    expect(made.flat().length).toBeGreaterThan(2 * characters.length);
  });

  test.each([
    [["a".repeat(128)], ["a".repeat(128)]],
    [["a".repeat(129)], []],
    [["/-./"], []],
    [["--x"], ["x"]],
    [["a//b??c"], ["a-b-c"]],
  ])("%j", async ([branch = ""], made) => {
    expect(await tagsOf(["branch"], { git: { branch } })).toEqual(made);
  });

  test("random names of many characters", async () => {
    let seed = 7;
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const character = (): string => String.fromCodePoint(33 + next(500));
    const names = Array.from({ length: 500 }, () =>
      Array.from({ length: 1 + next(140) }, character).join(""),
    );
    const made = await Promise.all(names.map((branch) => tagsOf(["branch"], { git: { branch } })));
    expect(made.flat().filter((tag) => !isValidTag(tag))).toEqual([]);
    expect(made.flat().length).toBeGreaterThan(450);
  });
});
