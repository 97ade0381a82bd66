import { digestOf } from "../../core/oci/digest-of.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Repository } from "../../core/oci/reference.ts";

/** Uploads a blob over plain HTTP, in one piece: what a test finds in a registry was not brought there by what it tests. */
export async function uploadBlob(
  repository: Repository,
  bytes: Uint8Array,
  authorization?: string,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const digest = digestOf(bytes);
  const headers = authorization === undefined ? {} : { authorization };
  const uploads = `http://${repository.registry}/v2/${repository.path}/blobs/uploads/`;
  const begun = await fetch(uploads, { method: "POST", headers });
  const location = new URL(begun.headers.get("location") ?? "", uploads);
  location.searchParams.set("digest", digest);
  const ended = await fetch(location, { method: "PUT", headers, body: Buffer.from(bytes) });
  if (ended.status !== 201) throw new Error(`upload of ${digest}: ${ended.status} ${await ended.text()}`);
  return { digest, size: bytes.length };
}
