import { createHash } from "node:crypto";
import type { PlannedRelease, SmokeTest, Variant } from "../plan/plan.ts";

/** Raise it whenever a rule finds more or other things than before in the same image: what an older one has passed is then looked into again. */
export const RULES_VERSION = 1;

/** What decides whether a variant passes its checks, besides the image itself. */
export interface GatedVariant {
  readonly release: Pick<PlannedRelease, "verify" | "attestations">;
  readonly variant: {
    readonly test?: SmokeTest;
    readonly build: Pick<Variant["build"], "attest">;
  };
}

/** Names the checks of a variant with all that the plan says of them: who has passed those of the same name passes these. */
export function gatesFingerprint({ release, variant }: GatedVariant, rulesVersion = RULES_VERSION): string {
  const { verify, attestations } = release;
  const { test, build } = variant;
  const facts = [
    verify.content,
    verify.ignore.toSorted(),
    test === undefined ? null : testFacts(test),
    attestations,
    sorted(build.attest.provenance),
    sorted(build.attest.sbom),
  ];
  const hex = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  return `${rulesVersion}.${hex.slice(0, 32)}`;
}

function sorted(attributes: Readonly<Record<string, string>> | undefined): readonly unknown[] | null {
  if (attributes === undefined) return null;
  return Object.keys(attributes)
    .toSorted()
    .map((key) => [key, attributes[key]]);
}

function testFacts({ command, timeoutMs, exitCode, output }: SmokeTest): readonly unknown[] {
  const run = command.kind === "exec" ? command.argv : command.line;
  return [run, timeoutMs, exitCode, output ?? null];
}
