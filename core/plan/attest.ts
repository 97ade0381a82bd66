import { hintFor } from "./nearest.ts";
import { complain, field, resolveFields } from "./place.ts";
import type { Place } from "./place.ts";
import type { Attestations } from "./build.ts";
import type { PlannedRelease } from "./plan.ts";
import type { Attributes, WrittenBuild, WrittenImage } from "./written.ts";

/**
 * What buildx asks for where nothing is said: a provenance without the contents of the build, in results that can hold
 * it within themselves (an image) and not as a file beside them.
 * @see https://docs.docker.com/build/metadata/attestations/slsa-provenance/
 */
const DEFAULT_PROVENANCE = { mode: "min", "inline-only": "true" };

const PROVENANCE_KEYS = ["mode", "version", "builder-id", "inline-only", "reproducible", "filename"];
const MODES: ReadonlySet<string> = new Set(["min", "max"]);

/** What a release says of the attestations of all its variants. */
export type AttestationRules = Pick<PlannedRelease, "mediaTypes" | "attestations">;

/** What one image says of its attestations as a whole: the defaults where it says nothing. */
export function attestationRules({ build, mediaTypes }: WrittenImage): AttestationRules {
  return { mediaTypes: mediaTypes ?? "oci", attestations: build.policy?.value ?? "keep" };
}

/** Resolves the attestations of one variant. */
export function resolveAttestations(
  build: WrittenBuild,
  rules: AttestationRules,
  place: Place,
): Attestations {
  const { provenance, sbom } = build;
  checkAttestations(build, rules, place);
  const none = rules.mediaTypes === "docker" || rules.attestations === "strip";
  const byDefault = none ? false : DEFAULT_PROVENANCE;
  const made = provenance === undefined ? byDefault : provenance && provenanceOf(provenance, place);
  const bill = sbom === undefined || sbom === false ? undefined : sbomOf(sbom, place);
  return { ...(made && { provenance: made }), ...(bill && { sbom: bill }) };
}

/** Reports attestations that cannot be, and those that are required and would not be. */
function checkAttestations(
  { provenance, sbom, policy }: WrittenBuild,
  rules: AttestationRules,
  { problems }: Place,
): void {
  for (const made of [provenance, sbom]) {
    if (made === undefined || made === false) continue;
    if (rules.mediaTypes === "docker") problems.error(made.range, DOCKER_ATTESTS, DOCKER_HINT);
    else if (rules.attestations === "strip")
      problems.error(made.range, "An attestation is asked for, and `strip` says that there is none", {
        hint: "Remove the one or the other",
      });
  }
  if (rules.attestations !== "require" || policy === undefined) return;
  if (rules.mediaTypes === "docker") problems.error(policy.range, DOCKER_ATTESTS, DOCKER_HINT);
  else if (provenance === false && (sbom === undefined || sbom === false))
    problems.error(policy.range, "Attestations are required, and `provenance: false` leaves none", {
      hint: "Remove `provenance: false`, or add `sbom: true`",
    });
}

// BuildKit up to 0.30 answers with OCI types where Docker's were asked for, and from 0.31 on it refuses to export.
const DOCKER_ATTESTS =
  "Docker's media types have no attestations: what links one to its image is an OCI annotation";
const DOCKER_HINT = { hint: "Use `media-types: oci`, or make no attestations" };

/** A policy is for a release as a whole: reports one of a single platform. */
export function checkPolicyOfPlatform({ policy }: WrittenBuild, { problems }: Place): void {
  if (policy === undefined) return;
  problems.error(policy.range, `\`${policy.value}\` is for all platforms of an image`, {
    hint: "Write it at the image; for one platform there is `attest: { provenance: false }`",
  });
}

/** Is there an attestation that goes into every kind of result? Then BuildKit makes an index even of one platform. */
export function makesIndex({ provenance, sbom }: Attestations): boolean {
  return sbom !== undefined || (provenance !== undefined && provenance["inline-only"] !== "true");
}

function provenanceOf({ fields, bare }: Attributes, place: Place): Readonly<Record<string, string>> {
  const [word, ...more] = bare;
  const odd = more[0] ?? (word !== undefined && !MODES.has(word.value) ? word : undefined);
  if (odd !== undefined)
    complain(odd, `\`${odd.value.slice(0, 60)}\` is no attribute of a provenance`, MODE_HINT, place);
  for (const { key, keyRange } of fields.filter((each) => !PROVENANCE_KEYS.includes(each.key))) {
    const hint = hintFor(key, PROVENANCE_KEYS);
    place.problems.error(keyRange, `A provenance has no attribute \`${key.slice(0, 60)}\``, { hint });
  }
  const attributes = resolveFields(fields, place);
  const mode = field(fields, "mode");
  const chosen = attributes["mode"] ?? word?.value ?? "min";
  if (mode !== undefined && !MODES.has(chosen))
    complain(mode.value, "`mode` must be min or max", MODE_HINT, place);
  return { ...attributes, mode: chosen };
}

const MODE_HINT = "Write `mode=min` or `mode=max`";

/** All attributes but `generator` are parameters of the generator, so any are taken. */
function sbomOf({ fields, bare }: Attributes, place: Place): Readonly<Record<string, string>> {
  for (const word of bare) {
    complain(word, `\`${word.value.slice(0, 60)}\` has no value`, "Write `generator=image` or `true`", place);
  }
  return resolveFields(fields, place);
}
