import { join } from "node:path";
import { xdgFolder, type Environment } from "../host/folders.ts";
import { formatPlatformFull, normalizePlatform } from "../../platforms/platform.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference } from "../oci/reference.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import type { Result } from "../result.ts";
import type { Candidate, TagDecision } from "./guard.ts";

/** Version of the record's shape; `rollback` reads this one only. */
export const RECORD_VERSION = 1;

/**
 * What a run did to tags, as JSON on disk: what `rollback` needs to undo it, and what an auditor wants to know. Public interface.
 * No credentials and no values of the environment are in it.
 */
export interface ReleaseRecord {
  readonly schemaVersion: typeof RECORD_VERSION;
  readonly kind: "release";
  /** `buildx-plan/<version>`. */
  readonly tool: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Absent while the run goes on, or where it was killed. */
  readonly endedAt?: string;
  /** Did all tags come to name what they should? False until they do. */
  readonly ok: boolean;
  /** The plan file, as it was named. */
  readonly plan: string;
  readonly registries: readonly RecordedRegistry[];
  readonly releases: readonly RecordedRelease[];
  /** In the order in which they are moved. */
  readonly tags: readonly RecordedTag[];
}

/** How a registry is reached where the rule does not do: file names only, never what is in them. */
export interface RecordedRegistry {
  readonly registry: string;
  readonly insecure: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RecordedRelease {
  readonly name: string;
  /** Of the index. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly platforms: readonly { readonly platform: string; readonly digest: Digest }[];
}

/** A tag: what it named before (null: it was not there) and what it is to name after. */
export interface RecordedTag {
  /** The whole reference, `registry/path:tag`. */
  readonly tag: string;
  readonly release: string;
  readonly before: Digest | null;
  readonly after: Digest;
  readonly state: RecordedState;
}

/**
 * `planned`: to be moved, and not known to have been (where the run was killed, or the registry gave no answer, it may have);
 * `kept`: it was there and stayed; `unchanged`: it named this index already.
 */
export type RecordedState = "planned" | "moved" | "kept" | "unchanged";

/** What is known of a run before anything is built. */
export interface RecordHeader {
  readonly tool: string;
  readonly plan: string;
  readonly registries: readonly RegistrySettings[];
}

/** No record can be kept at `path`; `when` says how far things had come. */
export interface RecordUnwritable {
  readonly kind: "record-unwritable";
  readonly path: string;
  readonly when: "before-build" | "before-tags" | "after-tags";
  readonly detail: string;
}

/** Keeps the record of one run while its tags move. */
export interface ReleaseRecorder {
  readonly path: string;
  /** Is there a record of this run on disk? */
  isWritten(): boolean;
  /** On disk when this ends; before that no tag may move. */
  begin(
    candidates: readonly Candidate[],
    decisions: readonly TagDecision[],
  ): Promise<Result<void, RecordUnwritable>>;
  /** The next write has it; nothing waits for that, because `rollback` looks at the tag itself. */
  moved(tag: string): void;
  /** The last word; answers what went wrong with any write on the way. */
  end(ok: boolean): Promise<Result<void, RecordUnwritable>>;
}

/** Where a record goes that the user gave no path for: `$XDG_STATE_HOME/buildx-plan/releases/<time>-<id>.json`. */
export function defaultRecordPath(
  { env, home }: { readonly env: Environment; readonly home: string },
  { nowMs, id }: { readonly nowMs: number; readonly id: string },
): string {
  const state = xdgFolder(env, "XDG_STATE_HOME") ?? join(home, ".local", "state");
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return join(state, "buildx-plan", "releases", `${time}-${id}.json`);
}

/** The record as it is before the first tag moves. */
export function plannedRecord(
  { tool, plan, registries }: RecordHeader,
  candidates: readonly Candidate[],
  decisions: readonly TagDecision[],
  nowMs: number,
): ReleaseRecord {
  const digests = new Map(candidates.map(({ release, index }) => [release.name, index.descriptor.digest]));
  return {
    schemaVersion: RECORD_VERSION,
    kind: "release",
    tool,
    startedAt: new Date(nowMs).toISOString(),
    ok: false,
    plan,
    registries: registries.map(recordedRegistry),
    releases: candidates.map(recordedRelease),
    tags: decisions.flatMap((decision) => {
      const digest = digests.get(decision.release);
      return digest === undefined ? [] : [recordedTag(decision, digest)];
    }),
  };
}

/** The record once this tag has moved. */
export function withMoved(record: ReleaseRecord, tag: string): ReleaseRecord {
  const tags = record.tags.map((each) => (each.tag === tag ? { ...each, state: "moved" as const } : each));
  return { ...record, tags };
}

function recordedRelease({ release, index, manifests }: Candidate): RecordedRelease {
  const { digest, mediaType } = index.descriptor;
  return {
    name: release.name,
    digest,
    mediaType,
    platforms: manifests.map(({ platform, manifest }) => ({
      platform: formatPlatformFull(normalizePlatform(platform)),
      digest: manifest.digest,
    })),
  };
}

function recordedRegistry({ registry, insecure, ca, cert, key }: RegistrySettings): RecordedRegistry {
  return {
    registry,
    insecure,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

const STATES = { move: "planned", keep: "kept", unchanged: "unchanged" } as const;

function recordedTag({ tag, release, before, action }: TagDecision, digest: Digest): RecordedTag {
  const after = action === "keep" && before !== null ? before : digest;
  return {
    tag: formatReference({ registry: tag.registry, path: tag.path, tag: tag.tag }),
    release,
    before,
    after,
    state: STATES[action],
  };
}
