/** One line of the result: a ratio of two medians of this run, against the limit that we set ourselves. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly against: string;
  readonly ratio: string;
  readonly limit: string;
  readonly holds: boolean;
}

/** The rows as a Markdown table, to be read and to be pasted. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, ours, against, ratio, limit, holds }) =>
      `| ${what} | ${ours} | ${against} | ${ratio} | ${limit} | ${holds ? "yes" : "**no**"} |`,
  );
  return [
    "| what | buildx-plan | against | ratio | limit | holds |",
    "|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}
