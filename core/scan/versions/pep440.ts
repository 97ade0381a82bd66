import { compareDigits, compareLists, firstOf } from "./natural.ts";

const FORM =
  /^v?(?:(\d{1,64})!)?(\d{1,64}(?:\.\d{1,64}){0,31})(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(\d{0,64}))?(?:-(\d{1,64})|[-_.]?(post|rev|r)[-_.]?(\d{0,64}))?(?:[-_.]?(dev)[-_.]?(\d{0,64}))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+){0,31}))?$/;

/** Spellings of the phases before a release, in order. */
const PHASES: Readonly<Record<string, number>> = {
  a: 1,
  alpha: 1,
  b: 2,
  beta: 2,
  c: 3,
  rc: 3,
  pre: 3,
  preview: 3,
};
const RELEASED = 4;

/**
 * Orders versions of Python packages: `[epoch!]release[a|b|rc N][.postN][.devN][+local]`. What is no such version comes before
 * all that are.
 * @see https://packaging.python.org/en/latest/specifications/version-specifiers/
 */
export function comparePep440(one: string, other: string): number {
  const [a, b] = [read(one), read(other)];
  if (a === undefined || b === undefined)
    return a === b ? (one < other ? -1 : Number(one > other)) : a === undefined ? -1 : 1;
  return firstOf(
    () => compareDigits(a.epoch, b.epoch),
    () => compareLists(a.release, b.release, compareDigits, "0"),
    () => a.phase - b.phase,
    () => compareDigits(a.phaseNumber, b.phaseNumber),
    () => compareMaybe(a.post, b.post, -1),
    () => compareMaybe(a.dev, b.dev, 1),
    () => compareLists(a.local, b.local, compareLocal, ""),
  );
}

function read(version: string) {
  const match = FORM.exec(version.trim().toLowerCase().slice(0, 1024));
  if (match === null) return undefined;
  const [, epoch = "0", release = "0", phase, phaseNumber = "", shortPost, post, postNumber = ""] = match;
  const [, , , , , , , , dev, devNumber = "", local] = match;
  const isPost = shortPost !== undefined || post !== undefined;
  // A development release without anything else comes before all others of its number.
  const unnamed = dev !== undefined && !isPost ? 0 : RELEASED;
  return {
    epoch,
    release: release.split("."),
    phase: phase === undefined ? unnamed : (PHASES[phase] ?? RELEASED),
    phaseNumber,
    post: isPost ? (shortPost ?? postNumber) : undefined,
    dev: dev === undefined ? undefined : devNumber,
    local: local === undefined ? [] : local.split(/[-_.]/),
  };
}

/** `absent` is what a missing one is beside one that is there: older (-1) or newer (1). */
function compareMaybe(one: string | undefined, other: string | undefined, absent: -1 | 1): number {
  if (one === undefined) return other === undefined ? 0 : absent;
  return other === undefined ? -absent : compareDigits(one, other);
}

function compareLocal(one: string, other: string): number {
  if (one === other) return 0;
  const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOtherNumber) return compareDigits(one, other);
  if (isNumber !== isOtherNumber && one !== "" && other !== "") return isNumber ? 1 : -1;
  return one < other ? -1 : 1;
}
