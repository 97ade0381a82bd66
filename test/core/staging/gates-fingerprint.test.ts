import { expect, test } from "vitest";
import type { SmokeTest } from "../../../core/plan/plan.ts";
import { gatesFingerprint, type GatedVariant } from "../../../core/staging/gates-fingerprint.ts";

const location = { file: { path: "buildx-plan.yaml", text: "" }, range: { start: 0, end: 0 } };
const TEST: SmokeTest = {
  command: { kind: "exec", argv: ["/server", "--version"] },
  timeoutMs: 1000,
  exitCode: 0,
  location,
};
const GATED: GatedVariant = {
  release: { verify: { content: "error", ignore: ["/opt/**", "/srv/**"] }, attestations: "keep" },
  variant: { test: TEST, build: { attest: { provenance: { mode: "min", version: "v1" } } } },
};

function gated(
  changes: Partial<GatedVariant["release"]>,
  variant: Partial<GatedVariant["variant"]> = {},
): GatedVariant {
  return { release: { ...GATED.release, ...changes }, variant: { ...GATED.variant, ...variant } };
}

test("the order of what has none, and the place in the plan, change nothing", () => {
  const moved = { ...TEST, location: { ...location, range: { start: 5, end: 9 } } };
  const same = gated(
    { verify: { content: "error", ignore: ["/srv/**", "/opt/**"] } },
    { test: moved, build: { attest: { provenance: { version: "v1", mode: "min" } } } },
  );
  expect(gatesFingerprint(same)).toBe(gatesFingerprint(GATED));
});

test.each<readonly [string, GatedVariant]>([
  ["content is only warned of", gated({ verify: { content: "warn", ignore: ["/opt/**", "/srv/**"] } })],
  ["something else is ignored", gated({ verify: { content: "error", ignore: ["/opt/**"] } })],
  ["attestations are required", gated({ attestations: "require" })],
  ["no test", { ...GATED, variant: { build: GATED.variant.build } }],
  [
    "another command",
    gated({}, { test: { ...TEST, command: { kind: "exec", argv: ["/server --version"] } } }),
  ],
  ["a shell's line", gated({}, { test: { ...TEST, command: { kind: "shell", line: "/server --version" } } })],
  ["another exit code", gated({}, { test: { ...TEST, exitCode: 1 } })],
  ["another output", gated({}, { test: { ...TEST, output: "1.2" } })],
  ["other provenance", gated({}, { build: { attest: { provenance: { mode: "max", version: "v1" } } } })],
  ["an SBOM besides", gated({}, { build: { attest: { ...GATED.variant.build.attest, sbom: {} } } })],
])("other checks: %s", (_, other) => {
  expect(gatesFingerprint(other)).not.toBe(gatesFingerprint(GATED));
});

test("other rules", () => {
  expect(gatesFingerprint(GATED, 1)).not.toBe(gatesFingerprint(GATED, 2));
  expect(gatesFingerprint(GATED, 2)).toMatch(/^2\.[0-9a-f]{32}$/);
});
