import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable } from "../text/table.ts";
import type { Column, TableOptions } from "../text/table.ts";
import { clipMiddle } from "../text/width.ts";
import type { TagsView, TextPlace, TextView } from "../tag-views.ts";

type TagRow = TagsView["tags"][number];

const TAGS: readonly Column<TagRow>[] = [
  { heading: "TAG", cell: ({ tag }) => visible(tag ?? "-"), clip: true },
  { heading: "RULE", cell: ({ rule }) => visible(rule), clip: true },
  { heading: "WHY", cell: ({ why }) => visible(why), clip: true },
];

const TEXTS: readonly Column<TextView>[] = [
  { heading: "LABEL OR ANNOTATION", cell: ({ key }) => visible(key) },
  { heading: "VALUE", cell: ({ value }) => visible(value), clip: true },
  { heading: "FROM", cell: ({ from }) => visible(from), clip: true },
  { heading: "ON", cell: ({ on }) => on.map(placeName).join(", "), clip: true },
];

/** The answer of `tags`: of each release every rule with what it gave, then its labels and annotations. */
export function tagsTable(releases: readonly TagsView[], options: TableOptions): string {
  const { strong } = palette(options.colour);
  const indented = { ...options, indent: 2 };
  const blocks = releases.map(({ name, tags, texts }) => {
    const tables = [renderTable(tags, TAGS, indented), renderTable(texts, TEXTS, indented)];
    const filled = tables.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"));
    return [strong(clipMiddle(visible(name), options.width)), filled.join("\n\n")].join("\n");
  });
  return blocks.join("\n\n");
}

function placeName({ level, platforms }: TextPlace): string {
  return platforms === undefined ? level : `${level} (${platforms.join(", ")})`;
}
