/** A content digest, `<algorithm>:<hex>`; only made by `digestOf` (digest-of.ts) or {@link parseDigest}. */
export type Digest = `sha256:${string}` | `sha512:${string}`;

const FORMS = { sha256: /^[0-9a-f]{64}$/, sha512: /^[0-9a-f]{128}$/ } as const;

/**
 * Reads a digest, or answers undefined where the text is none of a registered algorithm and length.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export function parseDigest(text: string): Digest | undefined {
  const [algorithm, hex, ...rest] = text.split(":");
  if (hex === undefined || rest.length > 0) return undefined;
  if (algorithm === "sha256" && FORMS.sha256.test(hex)) return `sha256:${hex}`;
  if (algorithm === "sha512" && FORMS.sha512.test(hex)) return `sha512:${hex}`;
  return undefined;
}
