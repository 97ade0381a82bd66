import type { Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";

/** Some registries refuse to remove what an index names: it goes before its children. */
export function parentsFirst(documents: readonly Document[]): readonly Document[] {
  const children = new Map(documents.map((document) => [document.descriptor.digest, childrenOf(document)]));
  const placed = new Set<Digest>();
  const order: Document[] = [];
  const place = (document: Document): void => {
    const { digest } = document.descriptor;
    if (placed.has(digest)) return;
    placed.add(digest);
    for (const parent of documents)
      if (children.get(parent.descriptor.digest)?.has(digest) === true) place(parent);
    order.push(document);
  };
  for (const document of documents) place(document);
  return order;
}

function childrenOf({ bytes }: Document): ReadonlySet<Digest> {
  const parsed = parseDocument(bytes);
  if (!parsed.ok || parsed.value.kind !== "index") return new Set();
  return new Set(parsed.value.manifests.map(({ digest }) => digest));
}
