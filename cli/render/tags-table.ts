import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable } from "../text/table.ts";
import type { Column, TableOptions } from "../text/table.ts";
import { clipMiddle } from "../text/width.ts";
import type { TagsView, TextPlace, TextView } from "../tag-views.ts";

type TagRow = TagsView["tags"][number];

const TAGS: readonly Column<TagRow>[] = [
  {
    heading: "TAG",
    cell: ({ tag, repository }) => visible(tag?.slice(repository.length + 1) ?? "-"),
    clip: true,
  },
  { heading: "RULE", cell: ({ rule }) => visible(rule), clip: true },
  { heading: "WHY", cell: ({ why }) => visible(why), clip: true },
];

const TEXTS: readonly Column<TextView>[] = [
  { heading: "LABEL OR ANNOTATION", cell: ({ key }) => visible(key) },
  { heading: "VALUE", cell: ({ value }) => visible(value), clip: true },
  { heading: "FROM", cell: ({ from }) => visible(from), clip: true },
  { heading: "ON", cell: ({ on }) => on.map(placeName).join(", "), clip: true },
];

/** The answer of `tags`: of each release every rule with what it gave, by repository, then its labels and annotations. */
export function tagsTable(releases: readonly TagsView[], options: TableOptions): string {
  return releases.map((release) => releaseBlock(release, options)).join("\n\n");
}

function releaseBlock({ name, tags, texts }: TagsView, options: TableOptions): string {
  const { strong } = palette(options.colour);
  const indented = { ...options, indent: 2 };
  const heading = (text: string): string => clipMiddle(visible(text), options.width);
  const repositories = [...Map.groupBy(tags, ({ repository }) => repository)].map(([repository, rows]) =>
    [heading(`  ${repository}`), ...renderTable(rows, TAGS, indented)].join("\n"),
  );
  const described = texts.length === 0 ? [] : [renderTable(texts, TEXTS, indented).join("\n")];
  return [strong(heading(name)), [...repositories, ...described].join("\n\n")].join("\n");
}

function placeName({ level, platforms }: TextPlace): string {
  return platforms === undefined ? level : `${level} (${platforms.join(", ")})`;
}
