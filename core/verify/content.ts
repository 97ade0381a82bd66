/**
 * The verdict on what an image holds besides what it starts.
 *
 * 1. C library and loader ({@link isSystemLibrary}): where there are some and none is for the platform, all of the system is another
 *    platform's: `libc-architecture`, or `base-architecture` where the base image brought them. One for the platform beside others is
 *    an image for several architectures, which is fine.
 * 2. Without a C library: where all programs are for another CPU, the same is said of them; and so of all programs of the base image,
 *    where one of them stands on PATH.
 * 3. Executables in folders of PATH that are for another CPU or system: `program-architecture`.
 * 4. All others that are for another CPU and not where such belong ({@link isAtHome}): `program-architecture`, where they are three or
 *    more and a tenth of all programs. Fewer are a matter of taste.
 *
 * Programs for another system (pip's Windows launchers, .NET's libraries) count only on PATH.
 */
import type { Finding } from "../findings/finding.ts";
import {
  counted,
  EMULATION_FACT,
  fixFor,
  imageName,
  isForeign,
  listPrograms,
  platformName,
  targetsOf,
  type JudgedImage,
  type JudgedProgram,
} from "./judged.ts";
import { isBaseLayer, placeOf } from "./made-by.ts";
import { isAtHome, isSystemLibrary } from "./places.ts";
import { searchPath } from "./start.ts";

const LEAST_OTHERS = 3;
const LEAST_SHARE = 0.1;

/** Judges the programs of an image but those that it starts, which have their own verdict. */
export function judgeContent(judged: JudgedImage, started: ReadonlySet<string>): readonly Finding[] {
  const system =
    judgeSystem(judged) ??
    (judged.programs.some((each) => started.has(each.seen.path) && isForeign(each))
      ? undefined
      : (judgeWhole(judged) ?? judgeBase(judged)));
  if (system !== undefined) return [system];
  const rest = judged.programs.filter(({ seen }) => !started.has(seen.path));
  const onPath = foldersOnPath(judged);
  const isOnPath = ({ seen }: JudgedProgram): boolean => seen.executable && onPath(seen.path);
  return [
    ...reached(
      rest.filter((each) => isForeign(each) && isOnPath(each)),
      judged,
    ),
    ...strayed(
      rest.filter(
        (each) => each.fit === "foreign-cpu" && !isOnPath(each) && !isAtHome(each.seen.path, each.program),
      ),
      judged,
    ),
  ];
}

/** Is the file in a folder of PATH, links of folders followed? */
export function foldersOnPath({ image, view }: JudgedImage): (path: string) => boolean {
  const { os } = image.platform;
  const isSaid = image.config.env.some((line) => /^path=/i.test(line));
  // The folders that Windows itself fills hold programs of several architectures.
  if (os === "windows" && !isSaid) return () => false;
  const folders = new Set(searchPath(image.config, image.platform).map((folder) => view.folder(folder)));
  return (path) => folders.has(path.slice(0, path.lastIndexOf("/")) || "/");
}

function judgeSystem(judged: JudgedImage): Finding | undefined {
  const { image, programs } = judged;
  const libraries = programs.filter(({ seen }) => isSystemLibrary(seen));
  const [first] = libraries;
  if (first === undefined || libraries.some(({ fit }) => fit === "native")) return undefined;
  const older = libraries.find(({ fit }) => fit === "compatible");
  if (older !== undefined) return olderSystem(older, judged);
  const isBase = isBaseLayer(image, first.seen.layer);
  const name = platformName(image);
  const made = targetsOf(libraries);
  return {
    rule: isBase ? "base-architecture" : "libc-architecture",
    severity: "error",
    message: isBase
      ? `The base image of ${name} is for ${made}: nothing that comes with it can run`
      : `${imageName(image)} has the C library of ${made} and none of its own: no program that needs it can start`,
    ...placeOf(image, first.seen.layer, first.seen.path),
    facts: [...listPrograms(libraries), foreignShare(judged), EMULATION_FACT],
    fix: fixFor(image.platform, isBase),
  };
}

function olderSystem(library: JudgedProgram, { image }: JudgedImage): Finding {
  const { seen } = library;
  const name = platformName(image);
  const made = targetsOf([library]);
  return {
    rule: "libc-architecture",
    severity: "warning",
    message: `${imageName(image)} has the C library of ${made} and none of its own: it runs only on machines that run such programs, too`,
    ...placeOf(image, seen.layer, seen.path),
    fix: `Build it upon an image for ${name}, or publish it as ${made}.`,
  };
}

/** Nothing in the image can run on its platform. */
function judgeWhole({ image, programs }: JudgedImage): Finding | undefined {
  const foreign = allForeign(programs);
  const [first] = foreign;
  if (first === undefined) return undefined;
  const isBase = isBaseLayer(image, first.seen.layer);
  const name = platformName(image);
  return {
    rule: isBase ? "base-architecture" : "program-architecture",
    severity: "error",
    message: isBase
      ? `The base image of ${name} is for ${targetsOf(foreign)}: nothing that comes with it can run`
      : `${imageName(image)} has no program of its own: ${foreign.length === 1 ? "the only one is" : `all ${foreign.length} are`} for ${targetsOf(foreign)}`,
    ...placeOf(image, first.seen.layer, first.seen.path),
    facts: [...listPrograms(foreign), EMULATION_FACT],
    fix: fixFor(image.platform, isBase),
  };
}

/** What the image is built upon is for another CPU, whatever was put on top of it. A base that nobody calls by name may be data. */
function judgeBase(judged: JudgedImage): Finding | undefined {
  const { image, programs } = judged;
  const foreign = allForeign(programs.filter(({ seen }) => isBaseLayer(image, seen.layer)));
  const onPath = foldersOnPath(judged);
  const first = foreign.find(({ seen }) => seen.executable && onPath(seen.path));
  if (first === undefined) return undefined;
  return {
    rule: "base-architecture",
    severity: "error",
    message: `The base image of ${platformName(image)} is for ${targetsOf(foreign)}: nothing that comes with it can run`,
    ...placeOf(image, first.seen.layer, first.seen.path),
    facts: [...listPrograms(foreign), EMULATION_FACT],
    fix: fixFor(image.platform, true),
  };
}

/** Those for another CPU, where all are that are for one CPU of this system. */
function allForeign(programs: readonly JudgedProgram[]): readonly JudgedProgram[] {
  const here = programs.filter(({ fit }) => fit !== "portable" && fit !== "foreign-system");
  if (here.some(({ fit }) => fit !== "foreign-cpu")) return [];
  return here.filter(({ seen, program }) => !isAtHome(seen.path, program));
}

function foreignShare({ programs }: JudgedImage): string {
  const foreign = programs.filter(isForeign).length;
  return `${foreign} of ${counted(programs.length, "program")} in the image are for another platform`;
}

function reached(foreign: readonly JudgedProgram[], judged: JudgedImage): readonly Finding[] {
  return byLayer(foreign).map((group) => programFinding(group, judged, "on the PATH of the image"));
}

function strayed(foreign: readonly JudgedProgram[], judged: JudgedImage): readonly Finding[] {
  if (foreign.length < LEAST_OTHERS || foreign.length < judged.programs.length * LEAST_SHARE) return [];
  return byLayer(foreign).map((group) => programFinding(group, judged, "in the image"));
}

function programFinding(group: readonly JudgedProgram[], { image }: JudgedImage, where: string): Finding {
  const [first] = group;
  if (first === undefined) throw new Error("Internal error: a group of programs without any");
  const made = targetsOf(group);
  return {
    rule: "program-architecture",
    severity: "warning",
    message: `${counted(group.length, "program")} ${where} for ${platformName(image)} ${group.length === 1 ? "is" : "are"} for ${made}: started, ${group.length === 1 ? "it fails" : "they fail"}`,
    ...placeOf(image, first.seen.layer, first.seen.path),
    facts: listPrograms(group),
    fix: `${fixFor(image.platform, isBaseLayer(image, first.seen.layer))} Where they are meant to be there, name their folder in \`verify: { ignore: [...] }\`.`,
  };
}

function byLayer(programs: readonly JudgedProgram[]): readonly (readonly JudgedProgram[])[] {
  const layers = new Map<number, JudgedProgram[]>();
  for (const each of programs) {
    const known = layers.get(each.seen.layer);
    if (known === undefined) layers.set(each.seen.layer, [each]);
    else known.push(each);
  }
  return [...layers.values()];
}
