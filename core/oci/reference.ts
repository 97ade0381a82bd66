/**
 * Image references, after the grammar of the distribution project:
 *
 *     reference = [ domain "/" ] path [ ":" tag ] [ "@" digest ]
 *     domain    = host [ ":" port ]                        host: names joined by dots, or an IPv6 address in brackets
 *     path      = component *( "/" component )             component: [a-z0-9]+, joined by . _ __ or any number of -
 *     tag       = [A-Za-z0-9_] followed by up to 127 of [A-Za-z0-9_.-]
 *
 * What people write is Docker's short form of it: `alpine` is docker.io/library/alpine, and the first component is a
 * registry only where it has a dot, a colon or a capital, or is `localhost`.
 * @see https://github.com/distribution/reference
 */
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";

/** A repository in a registry: `registry` is host[:port] (never empty; Docker Hub is `docker.io`), `path` the name within it. */
export interface Repository {
  readonly registry: string;
  readonly path: string;
}

/** A repository and a tag that may move. */
export interface TaggedReference extends Repository {
  readonly tag: string;
}

/** A repository and a digest that never moves. */
export interface CanonicalReference extends Repository {
  readonly digest: Digest;
}

/** What an image reference may say; neither tag nor digest means the whole repository. */
export interface Reference extends Repository {
  readonly tag?: string;
  readonly digest?: Digest;
}

/** A reference as it stands, without Docker's defaults: it may name no registry. */
export type StrictReference = Omit<Reference, "registry"> & { readonly registry?: string };

/** The text is no reference: why, and the text that was probably meant, where that is one. */
export interface ReferenceInvalid {
  readonly kind: "reference-invalid";
  readonly problem: ReferenceProblem;
  readonly text: string;
  readonly suggestion?: string;
}

/**
 * `scheme`: begins like a URL; `uppercase`: valid in lowercase; `identifier`: 64 hexadecimal digits, which Docker takes for
 * the ID of an image; `missing-*`, `unexpected-*`: a reference, but not of the kind asked for.
 */
export type ReferenceProblem =
  | "empty"
  | "scheme"
  | "whitespace"
  | "uppercase"
  | "identifier"
  | "name-too-long"
  | "tag-too-long"
  | "malformed"
  | "digest-length"
  | "digest-unsupported"
  | "missing-tag"
  | "unexpected-tag"
  | "unexpected-digest";

const HUB = "docker.io";
const MAX_PATH = 255;
// Longer than any valid reference: keeps hostile text away from the expressions below.
const MAX_TEXT = 2048;

const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const DOMAIN = `(?:${LABEL}(?:\\.${LABEL})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]+)?`;
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const PATH = `${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}";

const REFERENCE = new RegExp(`^(?:(${DOMAIN})/)?(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
/** What Docker takes for the ID of a local image. */
const IDENTIFIER = /^[a-f0-9]{64}$/;
const WHOLE_TAG = new RegExp(`^${TAG}$`);

/** Reads a reference as Docker does, its defaults for the registry filled in. */
export function parseReference(text: string): Result<Reference, ReferenceInvalid> {
  const read = readReference(text);
  return typeof read === "string" ? invalid(read, text) : ok(read);
}

/** Reads a reference after the grammar alone, with nothing added. */
export function parseStrictReference(text: string): Result<StrictReference, ReferenceInvalid> {
  const read = readStrict(text);
  return typeof read === "string" ? invalid(read, text) : ok(read);
}

function readReference(text: string): Reference | ReferenceProblem {
  if (IDENTIFIER.test(text)) return "identifier";
  const { registry, rest } = splitRegistry(text);
  const name = rest.split(/[:@]/, 1)[0] ?? "";
  const strict = readStrict(text === "" ? "" : `${registry}/${rest}`);
  if (typeof strict !== "string") {
    // `my_host.example/app`: Docker's rule takes the first part for a registry, whose name may not be so.
    return strict.registry === registry ? { ...strict, registry } : "malformed";
  }
  const hasCapitals = name !== name.toLowerCase() && strict === "malformed";
  return hasCapitals ? "uppercase" : problemOf(text, strict);
}

function readStrict(text: string): StrictReference | ReferenceProblem {
  const match = text.length > MAX_TEXT ? null : REFERENCE.exec(text);
  if (match === null) return problemOf(text, "malformed");
  const [, registry, path = "", tag, digestText] = match;
  if (path.length > MAX_PATH) return "name-too-long";
  const digest = digestText === undefined ? undefined : parseDigest(digestText);
  if (digestText !== undefined && digest === undefined) return digestProblem(digestText);
  return {
    ...(registry !== undefined && { registry }),
    path,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** Reads the name of a repository, with Docker's defaults; a tag or digest is refused. */
export function parseRepository(text: string): Result<Repository, ReferenceInvalid> {
  const parsed = parseReference(text);
  if (!parsed.ok) return parsed;
  const { registry, path, tag, digest } = parsed.value;
  if (digest !== undefined) return invalid("unexpected-digest", text);
  return tag === undefined ? ok({ registry, path }) : invalid("unexpected-tag", text);
}

/** Reads a reference that must have a tag, as the target of a release has, and no digest. */
export function parseTaggedReference(text: string): Result<TaggedReference, ReferenceInvalid> {
  const parsed = parseReference(text);
  if (!parsed.ok) return parsed;
  const { registry, path, tag, digest } = parsed.value;
  if (digest !== undefined) return invalid("unexpected-digest", text);
  return tag === undefined ? invalid("missing-tag", text) : ok({ registry, path, tag });
}

/** May a tag be called so? */
export function isValidTag(text: string): boolean {
  return WHOLE_TAG.test(text);
}

/** What to ask a registry for: the digest where there is one, else the tag, else `latest`, as Docker does. */
export function toResolvable(reference: Reference): TaggedReference | CanonicalReference {
  const { registry, path, tag = "latest", digest } = reference;
  return digest === undefined ? { registry, path, tag } : { registry, path, digest };
}

/** The whole reference, registry included. */
export function formatReference(reference: Reference): string {
  return formatRepository(reference) + suffix(reference);
}

/** `registry/path`, without tag or digest. */
export function formatRepository({ registry, path }: Repository): string {
  return `${registry}/${path}`;
}

/** The shortest text that Docker reads as the same reference: `alpine:3` for docker.io/library/alpine:3. */
export function familiarReference(reference: Reference): string {
  const short = reference.path.replace(/^library\/([^/]+)$/, "$1");
  const { registry, rest } = splitRegistry(short);
  const isSame = registry === reference.registry && rest === reference.path && !IDENTIFIER.test(short);
  return (isSame ? short : formatRepository(reference)) + suffix(reference);
}

/** Host (and port) that answers for a registry: Docker Hub's is not the one in its name. */
export function registryHost(registry: string): string {
  return registry === HUB ? "registry-1.docker.io" : registry;
}

function splitRegistry(text: string): { readonly registry: string; readonly rest: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isRegistry = first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase();
  const registry = !isRegistry || first === `index.${HUB}` ? HUB : first;
  const rest = isRegistry ? text.slice(slash + 1) : text;
  return { registry, rest: registry === HUB && !rest.includes("/") ? `library/${rest}` : rest };
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** Tells the mistakes that people make from plain nonsense. */
function problemOf(text: string, otherwise: ReferenceProblem): ReferenceProblem {
  if (text === "") return "empty";
  if (text.length > MAX_TEXT) return "name-too-long";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return "scheme";
  if (/\s/.test(text)) return "whitespace";
  if (otherwise !== "malformed") return otherwise;
  if (/[^/@]@sha(?:256|512):[0-9a-f]*$/i.test(text)) return "digest-length";
  if (REFERENCE.test(text.toLowerCase())) return "uppercase";
  return /:[A-Za-z0-9_][A-Za-z0-9_.-]{128,}(?:@|$)/.test(text) ? "tag-too-long" : "malformed";
}

function digestProblem(digest: string): ReferenceProblem {
  if (parseDigest(digest.toLowerCase()) !== undefined) return "uppercase";
  return /^sha(?:256|512):/i.test(digest) ? "digest-length" : "digest-unsupported";
}

function invalid(
  problem: ReferenceProblem,
  text: string,
): { readonly ok: false; readonly error: ReferenceInvalid } {
  const meant = suggest(problem, text);
  const suggestion =
    meant !== undefined && meant !== text && typeof readReference(meant) !== "string" ? meant : undefined;
  return fail({ kind: "reference-invalid", problem, text, ...(suggestion !== undefined && { suggestion }) });
}

function suggest(problem: ReferenceProblem, text: string): string | undefined {
  if (problem === "scheme") return text.replace(/^[^/]*\/\//, "").replace(/\/$/, "");
  if (problem === "whitespace") return text.replaceAll(/\s+/g, "");
  if (problem === "uppercase") return lowercaseName(text);
  if (problem === "missing-tag") return `${text}:latest`;
  return undefined;
}

/** Names and digests are lowercase; a tag keeps its capitals. */
function lowercaseName(text: string): string {
  const [name = "", digest] = text.split("@", 2);
  const colon = name.indexOf(":", name.lastIndexOf("/"));
  const lowered = colon === -1 ? name.toLowerCase() : name.slice(0, colon).toLowerCase() + name.slice(colon);
  return digest === undefined ? lowered : `${lowered}@${digest.toLowerCase()}`;
}
