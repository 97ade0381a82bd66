import { createHash } from "node:crypto";
import { join } from "node:path";
import { openMemoryFiles, type MemoryLimits } from "../host/memory-files.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import {
  formatRemembered,
  medianOf,
  NOTHING,
  parseRemembered,
  withSamples,
  type DurationSample,
  type Remembered,
  type RouteTaken,
} from "./samples.ts";

/** How long past builds took, on this machine. It may be lost at any time: nothing that it does fails. */
export interface History {
  /** Reads what is known of these projects; then every question is answered at once. */
  durations(
    projects: readonly Project[],
  ): Promise<(project: Project, route: RouteTaken) => number | undefined>;
  /** Keeps what was measured. Where two runs end at the same moment, the samples of one of them are lost. */
  add(samples: readonly Measured[]): Promise<void>;
}

/** The repositories of its tags tell one project from another, wherever its plan lies: they may both have a release named `app`. */
export type Project = readonly Repository[];

export interface Measured extends DurationSample {
  readonly project: Project;
}

export interface HistoryLimits extends MemoryLimits {
  /** Routes of one project. */
  readonly maxRoutes: number;
}

const MIB = 1024 * 1024;
/** 10,000 variants on two nodes each take some 2 MiB. */
const LIMITS: HistoryLimits = {
  maxBytes: 32 * MIB,
  maxFiles: 1000,
  maxFileBytes: 4 * MIB,
  maxRoutes: 20_000,
};

/** Opens the history in this folder, which need not exist: a file for each project. */
export function openHistory(folder: string, limits: Partial<HistoryLimits> = {}): History {
  const { maxRoutes, ...ofFiles } = { ...LIMITS, ...limits };
  const files = openMemoryFiles(join(folder, "v1"), ofFiles);
  const read = async (name: string): Promise<Remembered> => {
    const bytes = await files.read(name);
    return (bytes && parseRemembered(bytes.toString())) ?? NOTHING;
  };
  return {
    durations: async (projects) => {
      const name = namer();
      const names = [...new Set(projects.map(name))];
      const known = new Map(await Promise.all(names.map(async (each) => [each, await read(each)] as const)));
      return (project, route) => medianOf(known.get(name(project)) ?? NOTHING, route);
    },
    add: async (samples) => {
      const name = namer();
      const byName = Map.groupBy(samples, ({ project }) => name(project));
      for (const [file, measured] of byName) {
        const remembered = withSamples(await read(file), measured, maxRoutes);
        await files.write(file, Buffer.from(formatRemembered(remembered)));
      }
    },
  };
}

/** Names of files. Thousands of variants ask for a few projects: each is hashed once. */
function namer(): (project: Project) => string {
  const names = new Map<Project, string>();
  return (project) => {
    const name = names.get(project) ?? fileName(project);
    names.set(project, name);
    return name;
  };
}

function fileName(project: Project): string {
  const repositories = new Set(project.map(formatRepository));
  const text = JSON.stringify([...repositories].toSorted());
  return `${createHash("sha256").update(text).digest("hex").slice(0, 32)}.json`;
}
