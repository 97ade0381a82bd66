/** `error` stops a release, `warning` deserves a look, `note` is worth knowing. */
export type Severity = "error" | "warning" | "note";

/** What is known of a rule besides its page, `docs/rules/<id>.md`. */
export interface Rule {
  /** A few words, as a heading has them. */
  readonly title: string;
  /** Of its findings, where the rule itself does not see a reason for another. */
  readonly severity: Severity;
}

const error = (title: string): Rule => ({ title, severity: "error" });
const warning = (title: string): Rule => ({ title, severity: "warning" });
const note = (title: string): Rule => ({ title, severity: "note" });

/** Every rule of our own, in the order in which they are documented. Each has a page in `docs/rules`, and a test holds the two together. */
export const RULES = {
  // The Dockerfile.
  "platform-arg-default": error("A platform argument has a default"),
  "literal-architecture": warning("An architecture is written out"),
  "platform-constant": warning("A stage is bound to one platform"),
  "single-platform-digest": error("A base image is pinned to one platform's manifest"),
  "final-stage-build-platform": error("The final stage is the builder's platform"),
  "emulated-compile": note("A compiler runs under emulation"),
  "dockerfile-unreadable": error("The Dockerfile cannot be read"),
  "ignore-unknown": warning("A comment ignores a rule that does not exist"),
  // Base images, registries, the machine.
  "base-platform-missing": error("A base image lacks the platform"),
  "base-unresolvable": warning("A base image cannot be looked up"),
  "push-denied": error("The registry takes no push"),
  "tag-exists": error("A tag is there already"),
  "tag-shrinks": warning("A tag will lose platforms"),
  "tag-older": warning("A tag will go back to an older revision"),
  "tag-unreadable": warning("What a tag names cannot be read"),
  "emulator-missing": error("An emulator is missing"),
  "disk-low": warning("The disk is nearly full"),
  // What is inside an image.
  "entrypoint-architecture": error("The program that the image starts is for another platform"),
  "libc-architecture": error("The C library is for another platform"),
  "program-architecture": warning("Programs are for another platform"),
  "entrypoint-missing": warning("What the image starts is not in it"),
  "layer-unreadable": error("A layer cannot be read"),
  "layer-digest": error("A layer is not what the config says"),
  "layer-suspicious": warning("A layer holds entries that no tool should write"),
  // Across the platforms of an image.
  "shared-programs": error("Two architectures share a layer with programs"),
  "identical-rootfs": error("Two platforms have the very same files"),
  "platform-label": error("Index and config name different platforms"),
  "os-version-missing": warning("A Windows image has no os.version"),
  "base-architecture": error("The base image is of another platform"),
  // Attestations.
  "attestation-missing": error("An attestation is missing"),
  "attestation-subject": error("An attestation speaks of another image"),
  "sbom-architecture": warning("The SBOM lists packages of another architecture"),
  // The set of platforms.
  "platform-missing": error("A platform is missing"),
  "platform-unexpected": error("A platform that nobody expects"),
  "platform-duplicate": error("A platform is there twice"),
  "child-missing": error("An image of the index is not there"),
  "child-unreadable": error("An entry of the index cannot be looked into"),
  "digest-differs": error("Registries hold different images"),
  "platform-lost": error("A platform of the older image is gone"),
  // Building twice.
  "not-reproducible": error("Two builds make two images"),
  // Scans.
  vulnerability: warning("A package has a known vulnerability"),
} as const satisfies Readonly<Record<string, Rule>>;

/** A rule of our own, or one of BuildKit's Dockerfile checks (`buildkit/StageNameCasing`). */
export type RuleId = keyof typeof RULES | `buildkit/${string}`;

/** What is known of a rule; BuildKit's own are warnings and speak for themselves. */
export function ruleOf(id: RuleId): Rule {
  const own: Readonly<Record<string, Rule>> = RULES;
  return own[id] ?? { title: id.replace(/^buildkit\//, ""), severity: "warning" };
}

/** Is this the name of a rule that findings can have? */
export function isRuleId(text: string): text is RuleId {
  return Object.hasOwn(RULES, text) || /^buildkit\/[A-Za-z]{1,80}$/.test(text);
}
