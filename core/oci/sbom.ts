/**
 * Lists of the packages in an image, as SPDX or CycloneDX, bare or in an in-toto statement: the names, versions and package URLs
 * are read, and the rest of these documents is passed over. They come from registries, so one odd package spoils no other,
 * and how many are taken is bounded.
 * @see https://spdx.github.io/spdx-spec/v2.3/package-information/
 * @see https://cyclonedx.org/docs/1.6/json/#components
 */
import * as z from "zod/mini";
import { fail, ok, type Result } from "../result.ts";
import { parseBoundedJson, statementOf, type StatementUnreadable } from "./statement.ts";

/** One package of an image. */
export interface SbomPackage {
  readonly name: string;
  /** Empty where the SBOM does not say. */
  readonly version: string;
  /** Package URL: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`. */
  readonly purl?: string;
  /** The purl's `arch`, as written: `amd64`, `x86_64`, `noarch`. */
  readonly arch?: string;
}

/** What an SBOM lists, in its order. */
export interface Sbom {
  readonly format: "spdx" | "cyclonedx";
  readonly packages: readonly SbomPackage[];
  /** Were there more than are taken? */
  readonly cut: boolean;
}

/** Ten times what a full desktop distribution has. */
const MAX_PACKAGES = 200_000;
const MAX_TEXT = 2048;

const text = z.catch(z.string(), "");
const list = z.catch(z.array(z.unknown()), []);

const spdxDocument = z.looseObject({
  spdxVersion: z.string(),
  packages: list,
  documentDescribes: list,
  relationships: list,
});
const spdxRelationship = z.looseObject({ relationshipType: text, relatedSpdxElement: text });
const spdxPackage = z.looseObject({
  SPDXID: text,
  name: z.string().check(z.minLength(1)),
  versionInfo: text,
  externalRefs: list,
});
const spdxReference = z.looseObject({ referenceType: z.literal("purl"), referenceLocator: z.string() });

/** @see https://spdx.github.io/spdx-spec/v3.0.1/model/Software/Classes/Package/ */
const spdx3Document = z.looseObject({ "@graph": z.array(z.unknown()) });
const spdx3Package = z.looseObject({
  type: z.literal("software_Package"),
  name: z.string().check(z.minLength(1)),
  software_packageVersion: text,
  software_packageUrl: text,
});

const cyclonedxDocument = z.looseObject({ bomFormat: z.literal("CycloneDX"), components: list });
const cyclonedxComponent = z.looseObject({
  type: text,
  group: text,
  name: z.string().check(z.minLength(1)),
  version: text,
  purl: text,
  components: list,
});
const PACKAGE_TYPES: ReadonlySet<string> = new Set(["library", "application", "framework", "platform"]);

/** Does a predicate or media type announce an SBOM that {@link parseSbom} reads? */
export function isSbomType(type: string): boolean {
  return (
    type.startsWith("https://spdx.dev/Document") ||
    type.startsWith("https://cyclonedx.org/") ||
    /^(?:application|text)\/(?:spdx|vnd\.cyclonedx)\+json$/.test(type)
  );
}

/** Reads an SBOM: SPDX 2 or 3 or CycloneDX, as JSON, whatever envelope it is in. */
export function parseSbom(bytes: Uint8Array): Result<Sbom, StatementUnreadable> {
  const json = parseBoundedJson(bytes);
  if (!json.ok) return json;
  const read = sbomOf(statementOf(json.value)?.predicate ?? json.value);
  if (read !== undefined) return ok(read);
  return fail({
    kind: "statement-unreadable",
    problem: "unknown-format",
    detail: "neither SPDX nor CycloneDX",
  });
}

/** The SBOM that a JSON value (a statement's predicate, for instance) is; undefined where it is none. */
export function sbomOf(json: unknown): Sbom | undefined {
  const spdx = spdxDocument.safeParse(json);
  if (spdx.success) return take("spdx", spdxPackages(spdx.data));
  const cyclonedx = cyclonedxDocument.safeParse(json);
  if (cyclonedx.success) return take("cyclonedx", cyclonedxPackages(cyclonedx.data.components));
  const spdx3 = spdx3Document.safeParse(json);
  return spdx3.success ? take("spdx", spdx3Packages(spdx3.data["@graph"])) : undefined;
}

/**
 * The `arch` qualifier of a package URL, as written.
 * @see https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
 */
export function archOf(purl: string): string | undefined {
  const [, query = ""] = (purl.split("#", 1)[0] ?? "").split("?", 2);
  const found = query.split("&").find((part) => part.startsWith("arch="));
  if (found === undefined) return undefined;
  try {
    return decodeURIComponent(found.slice("arch=".length)).toLowerCase() || undefined;
  } catch {
    return undefined;
  }
}

function take(format: Sbom["format"], packages: Iterable<SbomPackage>): Sbom {
  const taken: SbomPackage[] = [];
  for (const each of packages) {
    if (taken.length === MAX_PACKAGES) return { format, packages: taken, cut: true };
    taken.push(each);
  }
  return { format, packages: taken, cut: false };
}

// What the document describes is mostly the image itself, which is no package of its own.
function* spdxPackages(document: z.output<typeof spdxDocument>): Iterable<SbomPackage> {
  const described = new Set(document.documentDescribes);
  for (const each of document.relationships) {
    const read = spdxRelationship.safeParse(each);
    if (read.success && read.data.relationshipType === "DESCRIBES")
      described.add(read.data.relatedSpdxElement);
  }
  for (const each of document.packages) {
    const read = spdxPackage.safeParse(each);
    if (!read.success) continue;
    const { SPDXID, name, versionInfo, externalRefs } = read.data;
    const purl = spdxPurl(externalRefs);
    if (described.has(SPDXID) && /^(?:$|pkg:(?:oci|docker)\/)/.test(purl)) continue;
    yield packageOf(name, versionInfo === "NOASSERTION" ? "" : versionInfo, purl);
  }
}

function spdxPurl(references: readonly unknown[]): string {
  for (const each of references) {
    const read = spdxReference.safeParse(each);
    if (read.success) return read.data.referenceLocator;
  }
  return "";
}

function* spdx3Packages(elements: readonly unknown[]): Iterable<SbomPackage> {
  for (const each of elements) {
    const read = spdx3Package.safeParse(each);
    if (!read.success) continue;
    yield packageOf(read.data.name, read.data.software_packageVersion, read.data.software_packageUrl);
  }
}

// Components may hold components, as deep as somebody likes to write them: no recursion.
function* cyclonedxPackages(components: readonly unknown[]): Iterable<SbomPackage> {
  const open = [components[Symbol.iterator]()];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const next = last.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const read = cyclonedxComponent.safeParse(next.value);
    if (!read.success) continue;
    const { type, group, name, version, purl, components: inner } = read.data;
    if (PACKAGE_TYPES.has(type)) yield packageOf(group === "" ? name : `${group}/${name}`, version, purl);
    if (inner.length > 0) open.push(inner[Symbol.iterator]());
  }
}

function packageOf(name: string, version: string, purl: string): SbomPackage {
  const isPurl = purl.startsWith("pkg:") && purl.length <= MAX_TEXT;
  const arch = isPurl ? archOf(purl) : undefined;
  return {
    name: name.slice(0, MAX_TEXT),
    version: version.slice(0, MAX_TEXT),
    ...(isPurl && { purl }),
    ...(arch !== undefined && { arch }),
  };
}
