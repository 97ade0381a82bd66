import { emulatedPlatforms, explainEntry, type BinfmtEntry } from "../../platforms/emulation.ts";
import { runsNatively } from "../../platforms/compatibility.ts";
import { formatPlatform, samePlatform, type Platform } from "../../platforms/platform.ts";
import { BINFMT_FOLDER, type BinfmtState } from "./binfmt.ts";
import type { Finding } from "./finding.ts";
import type { ProbeOutcome } from "./probe.ts";

/** What is known of one platform on this host. */
export interface PlatformEvidence {
  readonly platform: Platform;
  readonly host: Platform;
  readonly outcome: ProbeOutcome;
  readonly binfmt: BinfmtState;
  /** Is there a file at this path? Asked for interpreters. */
  readonly exists: (path: string) => boolean;
  /** The command that installs emulators on this host. */
  readonly install: string;
  readonly mount: string;
}

/** Says whether programs of a platform run here, by what happened when one was run, and by binfmt_misc why. */
export function emulationFinding(evidence: PlatformEvidence): Finding {
  const entry = entryFor(evidence);
  const finding = findingOf(evidence, entry);
  return entry === undefined ? finding : { ...finding, notes: explainEntry(entry) };
}

function findingOf(evidence: PlatformEvidence, entry: BinfmtEntry | undefined): Finding {
  const { platform, outcome } = evidence;
  const check = `platform ${formatPlatform(platform)}`;
  const problem = (detail: string, mend: string): Finding => ({ check, state: "problem", detail, mend });
  switch (outcome.kind) {
    case "runs":
      return outcome.inside === "not-tried" && entry !== undefined && !entry.flags.includes("F")
        ? problem(withoutFixedInterpreter(entry), evidence.install)
        : { check, state: "ok", detail: howItRuns(evidence, entry) };
    case "runs-outside-only":
      return problem(
        entry === undefined
          ? "a program of it runs on the host, but not in a container"
          : withoutFixedInterpreter(entry),
        evidence.install,
      );
    case "refused":
      return { check, state: "problem", ...whyRefused(evidence, entry, outcome.code) };
    case "crashed":
      return problem(
        `a program of it crashed (${outcome.signal ?? `status ${outcome.status}`})${entry === undefined ? "" : ` in ${entry.interpreter}`}`,
        evidence.install,
      );
    case "unknown-platform":
      return { check, state: "warning", detail: "no test program is known for it, so nothing was tried" };
    default:
      return outcome satisfies never;
  }
}

/** An enabled entry goes before a disabled one. */
function entryFor({ platform, binfmt }: PlatformEvidence): BinfmtEntry | undefined {
  const matching = binfmt.entries.filter((entry) =>
    emulatedPlatforms(entry).some((emulated) => samePlatform(emulated, platform)),
  );
  return matching.find(({ enabled }) => enabled) ?? matching[0];
}

function howItRuns({ platform, host }: PlatformEvidence, entry: BinfmtEntry | undefined): string {
  if (entry?.enabled === true) return `emulated by ${entry.interpreter} (binfmt_misc entry ${entry.name})`;
  return runsNatively(host, platform)
    ? "runs on this CPU"
    : "runs here, though neither this CPU nor an entry of binfmt_misc explains how";
}

function withoutFixedInterpreter(entry: BinfmtEntry): string {
  return `${entry.interpreter} is not found from within a container: binfmt_misc entry ${entry.name} has no flag F`;
}

function whyRefused(
  { binfmt, exists, install, mount }: PlatformEvidence,
  entry: BinfmtEntry | undefined,
  code: string,
): { readonly detail: string; readonly mend: string } {
  if (code === "EACCES")
    return {
      detail: "the cache folder allows no programs to be run (a file system mounted with noexec)",
      mend: "set XDG_CACHE_HOME to a folder that does",
    };
  if (!binfmt.isMounted && entry === undefined)
    return {
      detail: "binfmt_misc is not mounted, so no emulator can be registered",
      mend: `${mount} && ${install}`,
    };
  if (!binfmt.isEnabled)
    return { detail: "binfmt_misc is switched off as a whole", mend: `echo 1 > ${BINFMT_FOLDER}/status` };
  if (entry === undefined)
    return { detail: "no emulator is registered for it in binfmt_misc", mend: install };
  if (!entry.enabled)
    return {
      detail: `binfmt_misc entry ${entry.name} is disabled`,
      mend: `echo 1 > ${BINFMT_FOLDER}/${entry.name}`,
    };
  if (!exists(entry.interpreter))
    return {
      detail: `binfmt_misc entry ${entry.name} names ${entry.interpreter}, which does not exist`,
      mend: install,
    };
  return { detail: `${entry.interpreter} could not be started (${code})`, mend: install };
}
