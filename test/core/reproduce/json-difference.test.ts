import { expect, test } from "vitest";
import { jsonDifferences } from "../../../core/reproduce/json-difference.ts";

test.each<[string, unknown, unknown, readonly string[]]>([
  ["the same", { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
  ["the same in another order", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
  ["a value", { created: "x" }, { created: "y" }, ['created: "x", "y"']],
  [
    "deep down",
    { history: [{}, { created: 1 }] },
    { history: [{}, { created: 2 }] },
    ["history[1].created: 1, 2"],
  ],
  ["a list that is longer", { Env: ["A=1"] }, { Env: ["A=1", "B=2"] }, ['Env[1]: undefined, "B=2"']],
  ["a field that is there once", { a: 1, b: false }, { a: 1 }, ["b: false, undefined"]],
  ["another kind of value", { a: [] }, { a: {} }, ["a: [], {}"]],
  ["null is not nothing", { a: null }, {}, ["a: null, undefined"]],
  ["names with dots", { Labels: { "a.b": "1" } }, { Labels: { "a.b": "2" } }, ['Labels["a.b"]: "1", "2"']],
  ["names of the prototype", {}, JSON.parse('{"__proto__":1}'), ["__proto__: undefined, 1"]],
  ["all of them, in order", { b: 1, a: 2 }, { a: 3, b: 4, c: 5 }, ["b: 1, 4", "a: 2, 3", "c: undefined, 5"]],
])("%s", (_, first, second, expected) => {
  const found = jsonDifferences(first, second);
  expect(found.map(({ path, first: one, second: other }) => `${path}: ${one}, ${other}`)).toEqual(expected);
});
