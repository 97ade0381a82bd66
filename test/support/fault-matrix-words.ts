/** What the table shows of a failure: the kind of its innermost cause, which is the registry's own. */
export function failureIn(told: unknown): string {
  const kinds = [...JSON.stringify(told).matchAll(/"kind":"([a-z-]+)"/g)].map(([, kind = ""]) => kind);
  return `\`${kinds.at(-1) ?? "unknown"}\``;
}
