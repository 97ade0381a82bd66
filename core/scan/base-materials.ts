import * as z from "zod/mini";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { parseStatement } from "../oci/statement.ts";
import type { StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";
import type { ImageToScan } from "./image-to-scan.ts";
import { parsePurl } from "./purl.ts";

/** Provenance of a large build has some million bytes. */
const MAX_PROVENANCE_BYTES = 16 * 1024 * 1024;
const MAX_PROVENANCES = 4;
const MAX_MATERIALS = 1000;

const list = z.catch(z.array(z.unknown()), []);
const material = z.looseObject({
  uri: z.string().check(z.maxLength(2048)),
  digest: z.catch(z.looseObject({ sha256: z.catch(z.string(), "") }), { sha256: "" }),
});
/** @see https://slsa.dev/spec/v0.2/provenance and https://slsa.dev/spec/v1.0/provenance */
const predicate = z.looseObject({
  materials: list,
  buildDefinition: z.catch(z.looseObject({ resolvedDependencies: list }), { resolvedDependencies: [] }),
});

/** Images that BuildKit itself uses in a build: a Dockerfile's frontend, and the scanner that writes SBOMs. */
const TOOLS: ReadonlySet<string> = new Set(["docker/dockerfile", "docker/buildkit-syft-scanner"]);

/** The images that a build used, each once, as its provenance lists them; empty where none tells. */
export async function readBaseMaterials(
  { store, statements }: Pick<ImageToScan, "store" | "statements">,
  signal: AbortSignal,
): Promise<Result<readonly Reference[], StoreFailure>> {
  const places = await statements();
  if (!places.ok) return places;
  const wanted = places.value.filter(
    ({ predicateType, content }) =>
      predicateType.startsWith("https://slsa.dev/provenance/") && content.size <= MAX_PROVENANCE_BYTES,
  );
  for (const { content } of wanted.slice(0, MAX_PROVENANCES)) {
    const bytes = await store.blob(content, { maxBytes: MAX_PROVENANCE_BYTES, signal });
    if (!bytes.ok) return bytes;
    const found = materialsIn(bytes.value);
    if (found.length > 0) return ok(found);
  }
  return ok([]);
}

function materialsIn(bytes: Uint8Array): readonly Reference[] {
  const statement = parseStatement(bytes);
  const read = statement.ok ? predicate.safeParse(statement.value.predicate) : undefined;
  if (read?.success !== true) return [];
  const { materials, buildDefinition } = read.data;
  const all = [...materials, ...buildDefinition.resolvedDependencies].slice(0, MAX_MATERIALS);
  const references = all.flatMap((each) => {
    const reference = referenceOf(each);
    return reference === undefined || TOOLS.has(reference.path) ? [] : [reference];
  });
  return [...new Map(references.map((each) => [JSON.stringify(each), each])).values()];
}

/** `pkg:docker/library/node@22.3-alpine?digest=sha256:...&platform=linux%2Famd64` */
function referenceOf(json: unknown): Reference | undefined {
  const read = material.safeParse(json);
  const purl = read.success ? parsePurl(read.data.uri) : undefined;
  if (!read.success || purl?.type !== "docker") return undefined;
  const { namespace, name, version, qualifiers } = purl;
  const host = (qualifiers.get("repository_url") ?? "").replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const path = [host, namespace, name].filter((part) => part !== "").join("/");
  const stated =
    parseDigest(`sha256:${read.data.digest.sha256}`) ?? parseDigest(qualifiers.get("digest") ?? "");
  // A version may be the digest itself.
  const digest: Digest | undefined = parseDigest(version) ?? stated;
  const tag = version === "" || version.includes(":") ? "" : `:${version}`;
  const reference = parseReference(`${path}${tag}`);
  return reference.ok ? { ...reference.value, ...(digest !== undefined && { digest }) } : undefined;
}
