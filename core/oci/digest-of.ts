import { createHash } from "node:crypto";
import type { Digest } from "./digest.ts";

/** The digest of these bytes; `like` picks the algorithm of another digest, so that both can be compared. */
export function digestOf(bytes: Uint8Array, like: Digest = "sha256:"): Digest {
  return like.startsWith("sha512:")
    ? `sha512:${createHash("sha512").update(bytes).digest("hex")}`
    : `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
