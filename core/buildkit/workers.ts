import * as z from "zod/mini";
import { normalizePlatform, type Platform } from "../../platforms/platform.ts";

/** What a node's worker says of itself. */
export interface Worker {
  /** The CPU's own platforms: the first that it lists, with the variants of the same CPU that follow. */
  readonly native: readonly Platform[];
  readonly platforms: readonly Platform[];
  readonly hostname?: string;
  readonly buildkitVersion?: string;
  /** Can it export images and push them? Not so a Docker Engine without the containerd image store. */
  readonly exportsImages: boolean;
  /** Does it look for base images in a store of its own, too? */
  readonly keepsImages: boolean;
}

const LABEL = "org.mobyproject.buildkit.worker.";

/** A platform as OCI's JSON has it. */
export const platformSchema = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: z.optional(z.string()),
  "os.version": z.optional(z.string()),
  "os.features": z.optional(z.array(z.string())),
});

const workerSchema = z.looseObject({
  labels: z.nullish(z.record(z.string(), z.string())),
  platforms: z.array(platformSchema).check(z.minLength(1)),
  buildkitVersion: z.nullish(z.looseObject({ version: z.string() })),
});

/**
 * Reads `buildctl debug workers --format '{{json .}}'`, or answers undefined where it is something else.
 * BuildKit lists the platform of its own CPU first, then what the kernel's emulators add
 * (https://github.com/moby/buildkit/blob/master/util/archutil/detect.go).
 */
export function parseWorkers(json: string): Worker | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return undefined;
  }
  const workers = z.array(workerSchema).check(z.minLength(1)).safeParse(parsed);
  const worker = workers.data?.[0];
  if (worker === undefined) return undefined;
  const platforms = worker.platforms.map(platformOf);
  const labels = worker.labels ?? {};
  const hostname = labels[`${LABEL}hostname`];
  const version = worker.buildkitVersion?.version;
  const isEngine = labels[`${LABEL}moby.host-gateway-ip`] !== undefined;
  const isContainerd = labels[`${LABEL}containerd.namespace`] !== undefined;
  return {
    native: leading(platforms),
    platforms,
    // A Docker Engine names its host gateway; only with the containerd image store does it have a containerd namespace.
    exportsImages: !isEngine || isContainerd,
    keepsImages: isEngine || isContainerd,
    ...(hostname === undefined ? {} : { hostname }),
    ...(version === undefined ? {} : { buildkitVersion: version }),
  };
}

/** The platform that this JSON means. */
export function platformOf(wire: z.infer<typeof platformSchema>): Platform {
  return normalizePlatform({
    os: wire.os,
    architecture: wire.architecture,
    ...(wire.variant === undefined ? {} : { variant: wire.variant }),
    ...(wire["os.version"] === undefined ? {} : { osVersion: wire["os.version"] }),
    ...(wire["os.features"] === undefined ? {} : { osFeatures: wire["os.features"] }),
  });
}

function leading(platforms: readonly Platform[]): Platform[] {
  const first = platforms[0];
  const end = platforms.findIndex(
    ({ os, architecture }) => os !== first?.os || architecture !== first.architecture,
  );
  return platforms.slice(0, end === -1 ? undefined : end);
}
