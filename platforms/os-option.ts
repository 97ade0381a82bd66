/**
 * Text of an operating system's version or feature, inside the parentheses of a platform specifier.
 * containerd encodes `%+()/` only; whatever else the grammar has no room for is encoded here too, so that all can be read back.
 */
export function encodeOsOption(value: string): string {
  return value.toWellFormed().replaceAll(/[^A-Za-z0-9_.-]/gu, percentEncode);
}

/** Undoes {@link encodeOsOption}; undefined where a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8. */
export function decodeOsOption(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

function percentEncode(character: string): string {
  const encoded = encodeURIComponent(character);
  // `!'()*~` are plain text to encodeURIComponent.
  return encoded === character ? `%${character.charCodeAt(0).toString(16).toUpperCase()}` : encoded;
}
