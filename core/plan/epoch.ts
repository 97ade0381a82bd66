import { rangeOf } from "./fields.ts";
import { hintFor } from "./nearest.ts";
import { complain, resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { Text } from "./written.ts";

const VARIABLE = "SOURCE_DATE_EPOCH";
const COMMIT = "commit";
/** The last second of the year 9999: what comes after it no format of an archive can hold. */
const LAST = 253_402_300_799;

/**
 * The build argument that tells a build what time it is to pretend; none where the plan does not ask for it, or it cannot be told.
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function epochArgument(written: Text | undefined, place: Place): Readonly<Record<string, string>> {
  const resolved = resolveText(written, place);
  if (resolved === undefined) return {};
  const { value, text } = resolved;
  if (value === COMMIT) return ofCommit(text, place);
  if (/^\d+$/.test(value) && Number(value) <= LAST) return { [VARIABLE]: String(Number(value)) };
  // A number below nothing has been reported.
  if (place.problems.hasErrorAt(rangeOf(text))) return {};
  const hint = hintFor(value, [COMMIT], "Write for instance `commit` or 1735689600");
  complain(text, `\`${value.slice(0, 60)}\` is neither \`commit\` nor seconds since 1970`, hint, place);
  return {};
}

function ofCommit(text: Text, place: Place): Readonly<Record<string, string>> {
  const time = place.scope.meaning("git.commit-epoch");
  if (time.kind === "value") return { [VARIABLE]: time.value };
  const why = time.kind === "none" ? time.why : "git does not say";
  complain(text, `The time of the commit is not known: ${why}`, "Write seconds since 1970 instead", place);
  return {};
}
