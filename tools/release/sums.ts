import { createHash } from "node:crypto";

/** The text of a SHA256SUMS file, as `sha256sum -c` reads it, in the order of the names. */
export function formatSums(files: ReadonlyMap<string, Uint8Array>): string {
  const lines = [...files]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, content]) => `${createHash("sha256").update(content).digest("hex")}  ${name}\n`);
  return lines.join("");
}
