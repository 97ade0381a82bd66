import { execFileSync, spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareDpkg } from "../../../../core/scan/versions/dpkg.ts";

const sign = (one: string, other: string): number => Math.sign(compareDpkg(one, other));

test.each([
  ["1.0", "1.0", 0],
  ["1.0", "1.0-0", 0],
  ["0:1.0", "1.0", 0],
  ["1.00", "1.0", 0],
  ["1.9", "1.10", -1],
  ["1:1.0", "2.0", 1],
  ["1.0~rc1", "1.0", -1],
  ["1.0~~", "1.0~", -1],
  ["1.0~", "1.0~~a", 1],
  ["1.0a", "1.0+", -1],
  ["1.0", "1.0a", -1],
  ["1.0-1", "1.0-1+deb12u1", -1],
  ["1.0-1+b1", "1.0-1", 1],
  ["1.0-1~bpo12+1", "1.0-1", -1],
  ["1.2-3-4", "1.2-3-10", -1],
  ["1.0-1-1", "1.0+1-1", 1],
  ["7.88.1-10+deb12u5", "7.88.1-10+deb12u12", -1],
  ["2.36-9+deb12u4", "2.36-9+deb12u4", 0],
])("%s beside %s", (one, other, order) => {
  expect(sign(one, other)).toBe(order);
  expect(sign(other, one)).toBe(order === 0 ? 0 : -order);
});

const part = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map(String),
  fc.constantFrom(
    "00",
    "007",
    "10",
    "99999999999999999999",
    "a",
    "b",
    "rc",
    "Z",
    "~",
    "~~",
    "+",
    ".",
    "+deb",
  ),
);
const upstream = fc
  .tuple(fc.nat(20), fc.array(part, { maxLength: 6 }))
  .map(([first, rest]) => `${first}${rest.join("")}`);
const version = fc
  .tuple(
    fc.option(fc.nat(3)),
    upstream,
    fc.option(fc.constantFrom("-", "-1-")),
    fc.array(part, { maxLength: 4 }),
  )
  .map(([epoch, main, hyphen, revision]) => {
    const start = epoch === null ? "" : `${epoch}:`;
    return hyphen === null || revision.length === 0
      ? `${start}${main}`
      : `${start}${main}${hyphen}${revision.join("")}`;
  });

const LOOP =
  'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" gt "$b"; then echo 1; else echo 0; fi; done';

test("orders as the machine's dpkg does", () => {
  if (spawnSync("dpkg", ["--version"]).status !== 0)
    throw new Error("dpkg is missing: install your system's package dpkg");
  const near = fc.tuple(version, part).map(([one, more]): [string, string] => [one, `${one}${more}`]);
  const pairs = fc.sample(fc.oneof(fc.tuple(version, version), near), 400);
  const input = pairs.map((pair) => `${pair.join(" ")}\n`).join("");
  const answers = execFileSync("sh", ["-c", LOOP], { input, encoding: "utf8" })
    .trim()
    .split("\n")
    .map(Number);
  const told = pairs.map(([one, other], at) => `${one} ${other} ${answers[at]}`);
  expect(pairs.map(([one, other]) => `${one} ${other} ${sign(one, other)}`)).toEqual(told);
});

test("takes any length", () => {
  const long = "1".repeat(200_000);
  expect(sign(`${long}1`, long)).toBe(1);
  expect(sign("1.".repeat(100_000), `${"1.".repeat(100_000)}~`)).toBe(1);
});
