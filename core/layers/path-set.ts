/**
 * Tells which paths were seen before, in 16 bytes each: 53 bits of a hash stand for the path. It is for remarks only, because paths
 * can be made up that it takes for each other.
 */
export class PathSet {
  #slots = new Float64Array(1024);
  #count = 0;

  /** Adds a path; false where it was there already. */
  add(path: string): boolean {
    if (2 * this.#count > this.#slots.length) this.#grow();
    const isNew = insert(this.#slots, hashOf(path));
    if (isNew) this.#count += 1;
    return isNew;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2);
    for (const hash of this.#slots) if (hash !== 0) insert(larger, hash);
    this.#slots = larger;
  }
}

// Paths made up to meet in one place must not cost time; a path that finds no place is taken for new.
const MAX_TRIES = 64;

function insert(slots: Float64Array, hash: number): boolean {
  const mask = slots.length - 1;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const at = (hash + tries) & mask;
    if (slots[at] === hash) return false;
    if (slots[at] !== 0) continue;
    slots[at] = hash;
    return true;
  }
  return true;
}

// FNV-1a, once in each of two variants; never 0, which is an empty slot.
function hashOf(path: string): number {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x01000193) + low;
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
}
