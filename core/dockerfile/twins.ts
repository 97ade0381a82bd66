import type { Finding } from "../findings/finding.ts";
import { position } from "../plan/source.ts";

/** BuildKit's checks that say what a rule of ours says, too, and less of what to do. */
const TWINS: Readonly<Record<string, readonly string[]>> = {
  "buildkit/FromPlatformFlagConstDisallowed": ["platform-constant"],
  "buildkit/InvalidBaseImagePlatform": [
    "base-platform-missing",
    "single-platform-digest",
    "base-architecture",
    "platform-constant",
  ],
};

/** Is what this rule finds not wanted where these are not? One of BuildKit's goes with the rules of ours that say the same. */
export function isIgnoredBy(rule: string, ignored: ReadonlySet<string>): boolean {
  return ignored.has(rule) || TWINS[rule]?.some((twin) => ignored.has(twin)) === true;
}

/** Leaves out what BuildKit's checks say of a line of which a finding of ours says the same. */
export function withoutTwins(findings: readonly Finding[]): readonly Finding[] {
  const said = new Set(findings.flatMap((finding) => placeOf(finding, finding.rule) ?? []));
  return findings.filter(
    (finding) => TWINS[finding.rule]?.some((twin) => said.has(placeOf(finding, twin) ?? "")) !== true,
  );
}

function placeOf({ location }: Finding, rule: string): string | undefined {
  if (location === undefined) return undefined;
  return `${rule} ${position(location.file, location.range.start).line} ${location.file.path}`;
}
