/** A file of our own making, written field by field. */
export interface Sheet {
  readonly bytes: Uint8Array;
  u16(at: number, value: number): void;
  u32(at: number, value: number): void;
  /** Of a CPU with so many bits. */
  word(at: number, value: number, bits: 32 | 64): void;
  put(at: number, content: Uint8Array | string): void;
}

/** A file full of zeros. */
export function sheet(size: number, order: "little" | "big" = "little"): Sheet {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const little = order === "little";
  return {
    bytes,
    u16: (at, value) => view.setUint16(at, value, little),
    u32: (at, value) => view.setUint32(at, value, little),
    word: (at, value, bits) =>
      bits === 32 ? view.setUint32(at, value, little) : view.setBigUint64(at, BigInt(value), little),
    put: (at, content) =>
      bytes.set(typeof content === "string" ? new TextEncoder().encode(content) : content, at),
  };
}
