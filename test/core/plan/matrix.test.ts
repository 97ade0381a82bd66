import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countCombinations, expandMatrix } from "../../../core/plan/matrix.ts";
import type { Matrix } from "../../../core/plan/matrix.ts";

type Values = Readonly<Record<string, string>>;

function matrix(
  axes: Readonly<Record<string, string[]>>,
  include: Values[] = [],
  exclude: Values[] = [],
): Matrix {
  const cells = (all: Values[]) => all.map((cell) => new Map(Object.entries(cell)));
  return { axes: Object.entries(axes), include: cells(include), exclude: cells(exclude) };
}

function cellsOf(given: Matrix): Values[] {
  return expandMatrix(given).cells.map((cell) => Object.fromEntries(cell));
}

describe("the semantics of GitHub Actions", () => {
  const axes = { distro: ["alpine", "debian"], node: ["22", "24"] };

  test("the first key varies slowest", () => {
    expect(cellsOf(matrix(axes))).toEqual([
      { distro: "alpine", node: "22" },
      { distro: "alpine", node: "24" },
      { distro: "debian", node: "22" },
      { distro: "debian", node: "24" },
    ]);
  });

  test("an exclude removes all combinations with its values", () => {
    expect(cellsOf(matrix(axes, [], [{ distro: "alpine" }]))).toEqual([
      { distro: "debian", node: "22" },
      { distro: "debian", node: "24" },
    ]);
    expect(expandMatrix(matrix(axes, [], [{ node: "20" }, { node: "22" }])).idleExcludes).toEqual([0]);
  });

  test("an include without original keys goes to all, a later one may change what it added", () => {
    const include = [{ libc: "glibc" }, { distro: "alpine", libc: "musl" }];
    expect(cellsOf(matrix({ distro: axes.distro }, include))).toEqual([
      { distro: "alpine", libc: "musl" },
      { distro: "debian", libc: "glibc" },
    ]);
  });

  test("an include that would change an original value of all becomes a cell, and takes no part in later ones", () => {
    expect(
      cellsOf(matrix({ distro: axes.distro }, [{ distro: "arch" }, { distro: "arch", x: "1" }, { y: "2" }])),
    ).toEqual([
      { distro: "alpine", y: "2" },
      { distro: "debian", y: "2" },
      { distro: "arch" },
      { distro: "arch", x: "1" },
    ]);
  });

  test("includes come after excludes, so that they can bring a combination back", () => {
    const back = { distro: "alpine", node: "22" };
    expect(cellsOf(matrix(axes, [back], [{ node: "22" }]))).toEqual([
      { distro: "alpine", node: "24" },
      { distro: "debian", node: "24" },
      back,
    ]);
  });

  test("without keys, every include is a cell", () => {
    expect(cellsOf(matrix({}, [{ a: "1" }, { b: "2" }]))).toEqual([{ a: "1" }, { b: "2" }]);
  });
});

test("as many cells as combinations, all different, each key with one of its values", () => {
  const values = fc.uniqueArray(fc.string({ maxLength: 2 }), { minLength: 1, maxLength: 4 });
  const axes = fc.dictionary(fc.constantFrom("a", "b", "c"), values, { minKeys: 1 });
  fc.assert(
    fc.property(axes, (given) => {
      const made = matrix(given);
      const cells = cellsOf(made);
      expect(cells).toHaveLength(countCombinations(made));
      expect(new Set(cells.map((cell) => JSON.stringify(Object.entries(cell)))).size).toBe(cells.length);
      for (const cell of cells) {
        for (const [key, value] of Object.entries(cell)) expect(given[key]).toContain(value);
      }
    }),
  );
});
