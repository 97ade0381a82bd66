import { compareDigits, firstOf } from "./natural.ts";

/**
 * Orders versions of Debian and Ubuntu packages, `[epoch:]upstream[-revision]`, as `dpkg --compare-versions` does.
 * @see https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
 */
export function compareDpkg(one: string, other: string): number {
  const [a, b] = [split(one), split(other)];
  return firstOf(
    () => compareDigits(a.epoch, b.epoch),
    () => compareParts(a.upstream, b.upstream),
    () => compareParts(a.revision, b.revision),
  );
}

function split(version: string): {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
} {
  const colon = version.indexOf(":");
  const epoch = colon === -1 ? "0" : version.slice(0, colon);
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf("-");
  return hyphen === -1
    ? { epoch, upstream: rest, revision: "" }
    : { epoch, upstream: rest.slice(0, hyphen), revision: rest.slice(hyphen + 1) };
}

/** By turns a stretch without digits, then a number. */
function compareParts(one: string, other: string): number {
  let [a, b] = [0, 0];
  while (a < one.length || b < other.length) {
    while (isText(one, a) || isText(other, b)) {
      const order = weight(one, a) - weight(other, b);
      if (order !== 0) return order;
      a += 1;
      b += 1;
    }
    const [endA, endB] = [endOfDigits(one, a), endOfDigits(other, b)];
    const order = compareDigits(one.slice(a, endA), other.slice(b, endB));
    if (order !== 0) return order;
    [a, b] = [endA, endB];
  }
  return 0;
}

function isText(text: string, at: number): boolean {
  return at < text.length && !isDigit(text, at);
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** `~` before the end, the end (or a number) before letters, letters before everything else. */
function weight(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (text[at] === "~") return -1;
  return /[A-Za-z]/.test(text.charAt(at)) ? code : code + 256;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (at < text.length && isDigit(text, at)) at += 1;
  return at;
}
