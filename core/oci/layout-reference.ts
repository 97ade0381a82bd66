import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { isValidTag } from "./reference.ts";

/** An image in an OCI layout: its folder as written, and what it is called there. A reference with neither has tag `latest`. */
export interface LayoutReference {
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** `no-scheme`: not a reference to a layout at all; `no-path`: nothing after the scheme; `digest-invalid`: not one that can be checked. */
export interface LayoutReferenceInvalid {
  readonly kind: "layout-reference-invalid";
  readonly problem: "no-scheme" | "no-path" | "digest-invalid";
  readonly text: string;
}

/** What references to layouts begin with. */
export const LAYOUT_SCHEME = "oci-layout://";

/**
 * Reads `oci-layout://path[:tag][@digest]` as buildx does. Paths may hold `@` and `:` (`C:\images`): only what follows the
 * last one, and is free of slashes, is a digest or tag.
 */
export function parseLayoutReference(text: string): Result<LayoutReference, LayoutReferenceInvalid> {
  if (!text.startsWith(LAYOUT_SCHEME)) return invalid("no-scheme", text);
  const [named, digestText] = cutLast(text.slice(LAYOUT_SCHEME.length), "@", (end) => /^\w+:/.test(end));
  const [path, tag] = cutLast(named, ":", isValidTag);
  if (path === "") return invalid("no-path", text);
  const digest = digestText === undefined ? undefined : parseDigest(digestText);
  if (digestText !== undefined && digest === undefined) return invalid("digest-invalid", text);
  const name = tag ?? (digest === undefined ? "latest" : undefined);
  return ok({ path, ...(name !== undefined && { tag: name }), ...(digest !== undefined && { digest }) });
}

function cutLast(
  text: string,
  separator: string,
  isPart: (end: string) => boolean,
): readonly [string, string | undefined] {
  const at = text.lastIndexOf(separator);
  const end = text.slice(at + 1);
  return at === -1 || !isPart(end) ? [text, undefined] : [text.slice(0, at), end];
}

function invalid(
  problem: LayoutReferenceInvalid["problem"],
  text: string,
): Result<never, LayoutReferenceInvalid> {
  return fail({ kind: "layout-reference-invalid", problem, text });
}
