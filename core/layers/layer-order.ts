import type { LayerFile, LayerLink, LayerSummary } from "./layer.ts";

/** What is told of each entry of a layer. */
export interface EntryVisitor {
  file(file: LayerFile): void;
  link(link: LayerLink): void;
  /** Folders end with `/`. */
  other(path: string): void;
}

type Ordered = Pick<LayerSummary, "files" | "links" | "others" | "order">;

/** Goes through the entries of a layer as they stand in the tar file. */
export function visitEntries(layer: Ordered, visitor: EntryVisitor): void {
  const { files, links, others } = layer;
  let [file, link, from] = [0, 0, 0];
  const step: Readonly<Record<string, () => void>> = {
    f: () => {
      const next = files[file++];
      if (next !== undefined) visitor.file(next);
    },
    l: () => {
      const next = links[link++];
      if (next !== undefined) visitor.link(next);
    },
    o: () => {
      if (from > others.length) return;
      const nul = others.indexOf("\0", from);
      const to = nul === -1 ? others.length : nul;
      visitor.other(others.slice(from, to));
      from = to + 1;
    },
  };
  for (const { kind, count } of runsOf(layer)) for (let each = 0; each < count; each += 1) step[kind]?.();
}

interface Run {
  readonly kind: string;
  readonly count: number;
}

function* runsOf({ files, links, others, order }: Ordered): Generator<Run> {
  if (order === undefined) {
    yield { kind: "o", count: countOf(others) };
    yield { kind: "l", count: links.length };
    yield { kind: "f", count: files.length };
    return;
  }
  for (const [, kind = "", count] of order.matchAll(/([flo])(\d+)/g)) yield { kind, count: Number(count) };
}

/** How many paths are joined there. */
export function countOf(others: string): number {
  let count = others === "" ? 0 : 1;
  for (let at = others.indexOf("\0"); at !== -1; at = others.indexOf("\0", at + 1)) count += 1;
  return count;
}

/** Does the order name each of the entries once? */
export function isOrderOf({ files, links, others, order }: Ordered): boolean {
  if (order === undefined) return true;
  if (!/^(?:[flo]\d{1,8})*$/.test(order)) return false;
  const counts: Record<string, number> = { f: 0, l: 0, o: 0 };
  for (const { kind, count } of runsOf({ files, links, others, order }))
    counts[kind] = (counts[kind] ?? 0) + count;
  return counts["f"] === files.length && counts["l"] === links.length && counts["o"] === countOf(others);
}
