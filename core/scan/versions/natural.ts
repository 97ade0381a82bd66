/** Negative where the first is the older one, positive where it is the newer one, 0 for equal ones. */
export type CompareVersions = (one: string, other: string) => number;

/** Orders texts of digits of any length, as numbers. */
export function compareDigits(one: string, other: string): number {
  const [a, b] = [one.replace(/^0+/, ""), other.replace(/^0+/, "")];
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The first comparison that decides. */
export function firstOf(...orders: readonly (() => number)[]): number {
  for (const order of orders) {
    const decided = order();
    if (decided !== 0) return decided;
  }
  return 0;
}

/** Orders lists by their first difference; `missing` stands for what the shorter one does not have. */
export function compareLists<T>(
  one: readonly T[],
  other: readonly T[],
  compare: (a: T, b: T) => number,
  missing: T,
): number {
  const length = Math.max(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const order = compare(one[at] ?? missing, other[at] ?? missing);
    if (order !== 0) return order;
  }
  return 0;
}
