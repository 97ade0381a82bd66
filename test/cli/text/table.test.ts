import { describe, expect, test } from "vitest";
import { renderTable } from "../../../cli/text/table.ts";
import type { Column } from "../../../cli/text/table.ts";

interface Row {
  readonly name: string;
  readonly long: string;
  readonly extra: string;
  readonly more: string;
}

const ROWS: readonly Row[] = [
  { name: "one", long: "a-very-long-text-that-can-be-cut", extra: "12", more: "x" },
  { name: "zwei", long: "日本語", extra: "3", more: "yy" },
];
const COLUMNS: readonly Column<Row>[] = [
  { heading: "NAME", cell: ({ name }) => name },
  { heading: "LONG", cell: ({ long }) => long, short: (text) => text.slice(0, 20), clip: true },
  { heading: "EXTRA", cell: ({ extra }) => extra, align: "right", drop: 1 },
  { heading: "MORE", cell: ({ more }) => more, drop: 2 },
];

describe("a table", () => {
  test.each([
    [
      80,
      [
        "NAME  LONG                              EXTRA  MORE",
        "one   a-very-long-text-that-can-be-cut     12  x",
        "zwei  日本語                                3  yy",
      ],
    ],
    [
      45,
      [
        "NAME  LONG                  EXTRA  MORE",
        "one   a-very-long-text-tha     12  x",
        "zwei  日本語                    3  yy",
      ],
    ],
    [
      35,
      [
        "NAME  LONG                  EXTRA",
        "one   a-very-long-text-tha     12",
        "zwei  日本語                    3",
      ],
    ],
    [28, ["NAME  LONG", "one   a-very-long-text-tha", "zwei  日本語"]],
    [18, ["NAME  LONG", "one   a-very…t-tha", "zwei  日本語"]],
  ])("at %i columns shortens, then drops, then cuts", (width, lines) => {
    expect(renderTable(ROWS, COLUMNS, { width, colour: false })).toEqual(lines);
  });

  test("without rows is nothing", () => {
    expect(renderTable([], COLUMNS, { width: 80, colour: true })).toEqual([]);
  });
});
