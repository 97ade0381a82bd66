/** What the table shows of a failure: the kind of its innermost cause, which is the registry's own. */
export function failureIn(told: unknown, movedBefore: number): string {
  const kinds = [...JSON.stringify(told).matchAll(/"kind":"([a-z-]+)"/g)].map(([, kind = ""]) => kind);
  const kind = `\`${kinds.at(-1) ?? "unknown"}\``;
  return movedBefore === 0 ? kind : `${kind}, the tags before it moved`;
}
