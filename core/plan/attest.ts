import { hintFor } from "./nearest.ts";
import { complain, field, resolveFields } from "./place.ts";
import type { Place } from "./place.ts";
import type { Attestations } from "./plan.ts";
import type { Attributes, WrittenBuild } from "./written.ts";

/**
 * What buildx asks for where nothing is said: a provenance without the contents of the build, in results that can hold
 * it within themselves (an image) and not as a file beside them.
 * @see https://docs.docker.com/build/metadata/attestations/slsa-provenance/
 */
const DEFAULT_PROVENANCE = { mode: "min", "inline-only": "true" };

const PROVENANCE_KEYS = ["mode", "version", "builder-id", "inline-only", "reproducible", "filename"];
const MODES: ReadonlySet<string> = new Set(["min", "max"]);

/** Resolves the attestations of one variant. */
export function resolveAttestations({ provenance, sbom }: WrittenBuild, place: Place): Attestations {
  const made = provenance === undefined ? DEFAULT_PROVENANCE : provenance && provenanceOf(provenance, place);
  const bill = sbom === undefined || sbom === false ? undefined : sbomOf(sbom, place);
  return { ...(made && { provenance: made }), ...(bill && { sbom: bill }) };
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
