import type { Build } from "./build.ts";
import type { AttestationPolicy, Emulation, PlannedRelease, ScanGate, VerifySettings } from "./plan.ts";
import type { Range } from "./source.ts";
import type { ScalarValue } from "./tree.ts";

/*
 * The plan as it is written: validated in form, not yet interpolated. The forms that may be written in several ways
 * (maps or lists, CSV or maps) are one here, and every text still knows its place.
 */

/** A text of the plan, or a part of one (the value in `KEY=value`), and where it begins within its scalar. */
export interface Text {
  readonly value: string;
  readonly scalar: ScalarValue;
  readonly offset: number;
}

/** A key with its value. */
export interface Field {
  readonly key: string;
  readonly keyRange: Range;
  readonly value: Text;
}

/** An item such as `type=local,dest=out`; `bare` are its parts without `=`. */
export interface Attributes {
  readonly range: Range;
  readonly fields: readonly Field[];
  readonly bare: readonly Text[];
}

/** A command that must succeed in each variant. */
export interface WrittenTest {
  readonly range: Range;
  /** A line for a shell. */
  readonly line?: Text;
  /** A program with its arguments. */
  readonly argv?: readonly Text[];
  readonly timeoutMs?: number;
  readonly exitCode?: number;
  readonly output?: Text;
}

export interface WrittenVerify {
  readonly content?: VerifySettings["content"];
  readonly ignore: readonly Text[];
}

export interface WrittenScan {
  readonly range: Range;
  readonly failOn: ScanGate["failOn"];
  readonly onlyFixed: boolean;
  readonly ignore: readonly Text[];
  readonly source?: string;
  readonly database?: Text;
}

export interface WrittenSign {
  readonly range: Range;
  readonly keyless: boolean;
  readonly key?: Text;
  readonly keyEnv?: Text;
  readonly passwordEnv?: Text;
  readonly publicKey?: Text;
  readonly identity?: Text;
  readonly issuer?: Text;
  readonly transparencyLog: boolean;
}

export interface WrittenPlan {
  readonly variables: readonly WrittenVariable[];
  readonly builders: readonly WrittenBuilder[];
  readonly registries: readonly WrittenRegistry[];
  /** Rules that `check` is to leave out. */
  readonly ignoredRules: readonly Text[];
  readonly maxParallelism?: number;
  readonly failFast: boolean;
  readonly runners: readonly WrittenRunner[];
  readonly images: readonly WrittenImage[];
}

export interface WrittenVariable {
  readonly name: string;
  readonly range: Range;
  readonly default?: Text;
  readonly env?: string;
  readonly secret: boolean;
  readonly required: boolean;
}

export interface WrittenBuilder {
  readonly name: string;
  readonly range: Range;
  readonly buildkit?: Text;
  readonly buildx?: Text;
  readonly platforms?: readonly Text[];
  readonly maxParallelism?: number;
  readonly tls?: readonly Field[];
  readonly tlsRange?: Range;
}

export interface WrittenRegistry {
  /** host[:port] */
  readonly name: string;
  readonly range: Range;
  readonly insecure: boolean;
  /** `ca`, `cert` and `key`. */
  readonly files: readonly Field[];
}

/** The labels of the runner that builds a platform. */
export interface WrittenRunner {
  /** A platform, or `*`. */
  readonly platform: string;
  readonly range: Range;
  readonly labels: readonly Text[];
}

/** What to do where a tag is there already. */
export type IfExists = "skip" | "fail" | "overwrite";

/** A reference with its tag, or a repository with rules that make tags of what is checked out. */
export type WrittenTag = {
  readonly ifExists?: IfExists;
} & ({ readonly kind: "tag"; readonly text: Text } | ({ readonly kind: "rules" } & WrittenTagRules));

export interface WrittenTagRules {
  readonly image: Text;
  readonly rules: readonly WrittenTagRule[];
  readonly latest: "auto" | "always" | "never";
  /** Of all rules that have none of their own. */
  readonly prefix?: Text;
  readonly suffix?: Text;
  /** Do prefix and suffix hold for the tag `latest`, too? */
  readonly onLatest: boolean;
}

/** What rules there are; their names are those of docker/metadata-action. */
export type TagRuleType = "schedule" | "semver" | "match" | "edge" | "branch" | "tag" | "pr" | "raw" | "sha";

export interface WrittenTagRule {
  readonly type: TagRuleType;
  /** The rule in one line, for people. */
  readonly shown: string;
  readonly range: Range;
  readonly fields: readonly Field[];
}

export interface WrittenImage {
  readonly name: string;
  readonly range: Range;
  readonly build: WrittenBuild;
  readonly platforms: readonly WrittenPlatform[];
  /** Was something given for `platforms`, `tags` or `output`, be it usable or not? Then its absence is no problem of its own. */
  readonly gives: { readonly platforms: boolean; readonly results: boolean };
  readonly tags: readonly WrittenTag[];
  readonly ifExists?: IfExists;
  readonly mediaTypes?: PlannedRelease["mediaTypes"];
  /** Labels and annotations that the repository gives. */
  readonly metadata: boolean;
  /** Images that must be there first. */
  readonly needs: readonly Text[];
  readonly takeOver: WrittenTakeOver;
  readonly sourceDateEpoch?: Text;
  readonly verify?: WrittenVerify;
  readonly scan?: WrittenScan;
  readonly sign?: WrittenSign;
  readonly matrix?: WrittenMatrix;
}

/** What of an image is taken over from earlier runs. */
export interface WrittenTakeOver {
  /** Where the plan asks for it; undefined: nothing is reused. */
  readonly reuse?: Range;
  readonly ignoresUnknownInputs: boolean;
  readonly staging: boolean | "commit";
}

export interface WrittenPlatform {
  readonly platform: Text;
  readonly required: boolean;
  /** Settings of this platform alone. */
  readonly build: WrittenBuild;
}

export interface WrittenMatrix {
  readonly range: Range;
  readonly axes: readonly WrittenAxis[];
  readonly include: readonly WrittenCell[];
  readonly exclude: readonly WrittenCell[];
}

export interface WrittenAxis {
  readonly key: string;
  readonly values: readonly Text[];
}

export interface WrittenCell {
  readonly range: Range;
  readonly fields: readonly Field[];
}

/** What to build and how; what is undefined was not said. */
export interface WrittenBuild {
  readonly context?: Text;
  readonly dockerfile?: Text;
  readonly target?: Text;
  readonly args?: readonly Field[];
  readonly contexts?: readonly Field[];
  readonly labels?: readonly Field[];
  readonly annotations?: readonly Field[];
  readonly secrets?: readonly Attributes[];
  readonly ssh?: readonly WrittenSsh[];
  readonly cacheFrom?: readonly Attributes[];
  readonly cacheTo?: readonly Attributes[];
  readonly provenance?: WrittenAttestation;
  readonly sbom?: WrittenAttestation;
  readonly policy?: WrittenPolicy;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly output?: readonly Attributes[];
  readonly push?: Build["push"];
  readonly emulation?: Emulation;
  readonly builders?: readonly Text[];
  readonly timeoutMs?: number;
  readonly stallMs?: number;
  readonly retries?: number;
  readonly test?: WrittenTest;
}

export interface WrittenSsh {
  readonly id: string;
  readonly range: Range;
  readonly paths: readonly Text[];
}

/** What becomes of attestations, and where the plan says so. */
export interface WrittenPolicy {
  readonly value: AttestationPolicy;
  readonly range: Range;
}

/** `false`: none is made. */
export type WrittenAttestation = false | Attributes;
