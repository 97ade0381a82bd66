import type { Digest } from "../oci/digest.ts";
import { formatReference, parseReference, toResolvable, type Reference } from "../oci/reference.ts";
import type { Result } from "../result.ts";

/** Asks a registry what a reference names now. Why it could not be told does not matter here: whoever builds will hear it. */
export type LookUpDigest = (reference: Reference) => Promise<Result<{ readonly digest: Digest }, unknown>>;

/** The digest that a reference stands for; undefined where it is none, or could not be looked up. */
export type DigestOfReference = (text: string) => Promise<Digest | undefined>;

/** Looks up each reference once, so that all variants of a run are made from the same images; a digest stands for itself. */
export function createReferenceDigests(lookUp: LookUpDigest): DigestOfReference {
  const asked = new Map<string, Promise<Digest | undefined>>();
  return async (text) => {
    const parsed = parseReference(text);
    if (!parsed.ok) return undefined;
    const wanted = toResolvable(parsed.value);
    if ("digest" in wanted) return wanted.digest;
    const key = formatReference(wanted);
    const answer =
      asked.get(key) ?? lookUp(wanted).then((found) => (found.ok ? found.value.digest : undefined));
    asked.set(key, answer);
    return await answer;
  };
}
