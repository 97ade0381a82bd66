import { formatPlatform, formatPlatformFull } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { GIT_NAMES } from "./git-facts.ts";
import type { GitFacts } from "./git-facts.ts";
import type { Meaning, Scope } from "./interpolate.ts";
import type { Cell } from "./matrix.ts";

const UNKNOWN: Meaning = { kind: "unknown" };

/** The facts of the run: `${git.*}` and `${run.*}`. Variables may use them, so they come before those. */
export function runScope(git: GitFacts, run: Readonly<Record<string, string>>): Scope {
  const values = new Map([
    ...git.values,
    ...Object.entries(run).map(([key, value]) => [`run.${key}`, value] as const),
  ]);
  const names = [...GIT_NAMES, ...Object.keys(run).map((key) => `run.${key}`)];
  const known = new Set<string>(names);
  return {
    meaning: (name) => {
      if (!known.has(name)) return UNKNOWN;
      const value = values.get(name);
      return value === undefined ? noGitValue(name, git) : { kind: "value", value };
    },
    names: () => names,
  };
}

function noGitValue(name: string, git: GitFacts): Meaning {
  const why = git.why ?? GIT_WHY.get(name) ?? "git does not say";
  return { kind: "none", why, hint: `Give it a default: \${${name}:-...}` };
}

const GIT_WHY: ReadonlyMap<string, string> = new Map([
  ["git.tag", "no tag is on the checked-out commit"],
  ["git.branch", "no branch is checked out"],
]);

/** The first scope that knows a name answers. */
export function within(inner: Scope, outer: Scope): Scope {
  return {
    meaning: (name) => {
      const meaning = inner.meaning(name);
      return meaning.kind === "unknown" ? outer.meaning(name) : meaning;
    },
    names: () => [...inner.names(), ...outer.names()],
  };
}

/** The names of one matrix cell. `keys` are those of all cells: one that only this cell lacks is no unknown name. */
export function matrixScope(cell: Cell, keys: ReadonlySet<string>): Scope {
  return {
    meaning: (name) => {
      if (!name.startsWith("matrix.")) return UNKNOWN;
      const key = name.slice("matrix.".length);
      const value = cell.get(key);
      if (value !== undefined) return { kind: "value", value };
      return keys.has(key) ? MISSING_IN_CELL : UNKNOWN;
    },
    names: () => [...keys].map((key) => `matrix.${key}`),
  };
}

const MISSING_IN_CELL: Meaning = {
  kind: "none",
  why: "a cell of the matrix does not have it",
  hint: "Give it a default, or add it to every cell",
};

const PLATFORM_NAMES = [
  "platform",
  "platform.os",
  "platform.architecture",
  "platform.variant",
  "platform.slug",
  "platform.pair",
] as const;

/** The names of one platform. */
export function platformScope(platform: Platform): Scope {
  const values = new Map<string, string>([
    ["platform", formatPlatform(platform)],
    ["platform.os", platform.os],
    ["platform.architecture", platform.architecture],
    ["platform.variant", platform.variant ?? ""],
    ["platform.slug", platformSlug(platform)],
    ["platform.pair", formatPlatform(platform).replaceAll("/", "-")],
  ]);
  return {
    meaning: (name) => {
      const value = values.get(name);
      return value === undefined ? UNKNOWN : { kind: "value", value };
    },
    names: () => PLATFORM_NAMES,
  };
}

/** A platform as part of a file name or tag: `linux_arm_v7`. Different for different platforms. */
export function platformSlug(platform: Platform): string {
  return slug(formatPlatformFull(platform));
}

/** Text as part of a file name or tag: all but letters, digits, `.` and `-` becomes `_`. */
export function slug(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]+/g, "_").replaceAll(/^[._-]+|[._-]+$/g, "");
}

/** Says of a namespace that exists elsewhere why it cannot be used here. */
export function refusing(namespace: "matrix" | "platform", reason: string, hint: string): Scope {
  return {
    meaning: (name) =>
      name === namespace || name.startsWith(`${namespace}.`)
        ? { kind: "refused", message: `\`${name.slice(0, 60)}\` cannot be used here: ${reason}`, hint }
        : UNKNOWN,
    names: () => [],
  };
}
