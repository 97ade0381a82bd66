/** Places for so many builds at a time, by the moment from which each is free, earliest first. */
export class Lanes {
  readonly #freeAt: number[];

  constructor(count: number) {
    this.#freeAt = Array.from({ length: Math.max(1, count) }, () => 0);
  }

  /** From when on there is room for another one. */
  earliest(): number {
    return this.#freeAt[0] ?? 0;
  }

  /** How much of the room is taken at this moment, 0 to 1. */
  load(atMs: number): number {
    return 1 - this.#firstAfter(atMs) / this.#freeAt.length;
  }

  /** Takes the lane that stands empty for the shortest time before the start, so that none is blocked by what begins later. */
  take(startMs: number, finishMs: number): void {
    this.#freeAt.splice(Math.max(0, this.#firstAfter(startMs) - 1), 1);
    this.#freeAt.splice(this.#firstAfter(finishMs), 0, finishMs);
  }

  /** Position of the first lane that is free only after this moment. */
  #firstAfter(atMs: number): number {
    let [low, high] = [0, this.#freeAt.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#freeAt[middle] ?? 0) <= atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
