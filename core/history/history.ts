import { join } from "node:path";
import { openMemoryFiles, type MemoryLimits } from "../host/memory-files.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import {
  formatRemembered,
  medianOf,
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
  const read = async (project: string): Promise<Remembered | undefined> => {
    const bytes = await files.read(fileName(project));
    return bytes && parseRemembered(bytes.toString(), project);
  };
  return {
    durations: async (projects) => {
      const nameOf = projectNames();
      const names = [...new Set(projects.map(nameOf))];
      const known = new Map(await Promise.all(names.map(async (each) => [each, await read(each)] as const)));
      return (project, route) => medianOf(known.get(nameOf(project)), route);
    },
    add: async (samples) => {
      const nameOf = projectNames();
      const byName = Map.groupBy(samples, ({ project }) => nameOf(project));
      for (const [project, measured] of byName) {
        const before = (await read(project)) ?? { project, durations: new Map() };
        const remembered = withSamples(before, measured, maxRoutes);
        await files.write(fileName(project), Buffer.from(formatRemembered(remembered)));
      }
    },
  };
}

/** Thousands of variants ask for a few projects: each is named once. */
function projectNames(): (project: Project) => string {
  const names = new Map<Project, string>();
  return (project) => {
    const name = names.get(project) ?? projectName(project);
    names.set(project, name);
    return name;
  };
}

function projectName(project: Project): string {
  return [...new Set(project.map(formatRepository))].toSorted().join(" ");
}

/** Names that are too long for a file share one with what begins like them: it is the last one's that wrote it. */
function fileName(project: string): string {
  return `${encodeURIComponent(project).slice(0, 180) || "-"}.json`;
}
