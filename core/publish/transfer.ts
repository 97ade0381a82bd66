import type { Store } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";
import type { TransferFailure } from "./transfer-failure.ts";
import { copyGraph, type Transfer, type Transferred } from "./transfer-graph.ts";
import { moveTargets } from "./transfer-tags.ts";
import { createUploads } from "./transfer-uploads.ts";

export type { Transfer, Transferred, TransferProgress } from "./transfer-graph.ts";

/**
 * Copies a manifest or index with everything below it, byte for byte: blobs before the manifest that names them, children before
 * their index, and the root last, under each tag or, without any, under its digest.
 */
export async function transfer(
  options: Transfer & { readonly tags: readonly string[] },
): Promise<Result<Transferred, TransferFailure>> {
  const { to, root, tags, signal } = options;
  const content = await transferContent(options);
  if (!content.ok) return content;
  const targets = tags.length === 0 ? [{ store: to }] : tags.map((tag) => ({ store: to, tag }));
  const moved = await moveTargets(targets, root, signal);
  return moved.ok ? ok({ ...content.value, manifests: content.value.manifests + 1 }) : moved;
}

/** Copies everything but the root itself: what must be in place before any tag may name it. */
export async function transferContent(options: Transfer): Promise<Result<Transferred, TransferFailure>> {
  const { from, to, signal = new AbortController().signal } = options;
  if (isSame(from, to)) return ok(NOTHING);
  return await copyGraph({ ...options, signal, uploads: options.uploads ?? createUploads() });
}

const NOTHING: Transferred = {
  manifests: 0,
  referrers: 0,
  blobs: { present: 0, mounted: 0, uploaded: 0 },
  bytes: 0,
  notCopied: [],
};

/** Are two stores one place? Then what one has, the other has. */
export function isSame(one: Store, other: Store): boolean {
  return one === other || (one.repository !== undefined && one.name === other.name);
}
