import { elfRule } from "../../platforms/elf.ts";
import type { Platform } from "../../platforms/platform.ts";
import { madeFor, x86LevelTooHigh } from "../../platforms/program.ts";
import type { Finding } from "../findings/finding.ts";
import {
  counted,
  EMULATION_FACT,
  fixFor,
  imageName,
  isForeign,
  judge,
  platformName,
  targetsOf,
  type JudgedImage,
  type JudgedProgram,
} from "./judged.ts";
import { imagePlace, isBaseLayer, placeOf } from "./made-by.ts";
import { traceStart, type StartLink } from "./start.ts";
import type { SeenFile } from "./view.ts";

/** What an image starts, and what is wrong with it. */
export interface StartVerdict {
  readonly links: readonly StartLink[];
  /** Absolute paths of the files that take part. */
  readonly paths: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/** Judges the files that take part in starting a container: nothing works where one of them is for another platform. */
export function judgeStart(judged: JudgedImage): StartVerdict {
  const { image, view } = judged;
  const links = traceStart(image.config, image.platform, view);
  const steps = links.flatMap((link, at) => stepOf(link, links, at, judged));
  const paths = new Set(steps.flatMap(({ seen }) => seen?.path ?? []));
  return {
    links,
    paths,
    findings: [
      ...foreignFindings(steps, judged),
      ...steps.flatMap((step) => loaderFinding(step, judged) ?? []),
      ...steps.flatMap((step) => missingFinding(step, judged) ?? []),
      ...oncePerPath(steps).flatMap((step) => compatibleFinding(step, judged) ?? []),
    ],
  };
}

/** A link of the chain with what is known of its file, and the link that asked for it. */
interface Step {
  readonly link: StartLink;
  readonly by: StartLink | undefined;
  readonly seen?: SeenFile;
  readonly program?: JudgedProgram;
}

function stepOf(
  link: StartLink,
  links: readonly StartLink[],
  at: number,
  { image, isIgnored }: JudgedImage,
): readonly Step[] {
  const by = link.role === "command" ? undefined : askedBy(links, at);
  if (link.found.kind !== "file") return [{ link, by }];
  const { seen } = link.found;
  if (isIgnored(seen.path)) return [];
  const program = judge(seen, image.platform);
  return [{ link, by, seen, ...(program === undefined ? {} : { program }) }];
}

/** A loader loads the link before it; interpreters stand behind their script, perhaps with `env` and a loader between. */
function askedBy(links: readonly StartLink[], at: number): StartLink | undefined {
  const before = links.slice(0, at).toReversed();
  if (links[at]?.role === "loader") return before[0];
  return before.find(({ found }) => found.kind === "file" && found.seen.content.kind === "script");
}

/** One finding for each layer that brought foreign programs: that is one cause. */
function foreignFindings(steps: readonly Step[], judged: JudgedImage): readonly Finding[] {
  const foreign = oncePerPath(steps).filter(
    ({ link, program }) => link.role !== "loader" && program && isForeign(program),
  );
  const layers = new Map<number, Step[]>();
  for (const step of foreign) {
    const layer = step.seen?.layer ?? 0;
    layers.set(layer, [...(layers.get(layer) ?? []), step]);
  }
  return [...layers.values()].map((group) => foreignFinding(group, judged));
}

function foreignFinding(group: readonly Step[], judged: JudgedImage): Finding {
  const { image, programs } = judged;
  // What is surely started comes before what is only handed over.
  const first = group.find(({ link }) => link.role !== "argument") ?? group[0];
  if (first?.seen === undefined || first.program === undefined)
    throw new Error("Internal error: a group of foreign programs without any");
  const { seen, link, program } = first;
  const isBase = isBaseLayer(image, seen.layer);
  const others = group.filter((step) => step !== first);
  const foreign = programs.filter(isForeign);
  const all = foreign.length === programs.length && programs.length > 1;
  return {
    rule: "entrypoint-architecture",
    severity: link.role === "argument" ? "warning" : "error",
    message: `${imageName(image)} ${sentence(first)}, ${aProgramFor(program)}: it will fail ${howItFails(program, image.platform)}`,
    ...placeOf(image, seen.layer, seen.path),
    facts: [
      ...startFacts(first, judged),
      ...others.flatMap(({ seen, program }) =>
        seen === undefined || program === undefined
          ? []
          : [`${seen.path} is for ${madeFor(program.program)}, too`],
      ),
      ...(all
        ? [`all ${counted(programs.length, "program")} of the image are for ${targetsOf(programs)}`]
        : []),
      ...(program.fit === "foreign-cpu" ? [EMULATION_FACT] : []),
    ],
    fix: fixFor(image.platform, isBase),
  };
}

function aProgramFor({ program }: JudgedProgram): string {
  return `which is a program for ${madeFor(program)}`;
}

function howItFails({ program }: JudgedProgram, platform: Platform): string {
  if (platform.os === "windows") return "because Windows cannot run it";
  const rule = elfRule(platform);
  const isSameCpu =
    program.format === "elf" &&
    rule?.machine === program.header.machine &&
    rule.class === program.header.class &&
    rule.data === program.header.data;
  return isSameCpu ? "on such a CPU, with `Illegal instruction` for instance" : "with `exec format error`";
}

/** `starts /server`; `starts /entrypoint.sh, which is run by /bin/bash`; `hands /app/server to /wrapper` */
function sentence({ link, by, seen }: Step): string {
  const path = seen?.path ?? link.word;
  if (link.role === "interpreter" && by !== undefined) return `starts ${pathOf(by)} with ${path}`;
  if (link.role === "argument") return `hands ${path} to the program that it starts`;
  return `starts ${path}`;
}

function pathOf({ word, found }: StartLink): string {
  return found.kind === "file" ? found.seen.path : word;
}

function startFacts({ link, seen }: Step, { image }: JudgedImage): readonly string[] {
  const { entrypoint, cmd } = image.config;
  const said = [
    ...(entrypoint.length === 0 ? [] : [`ENTRYPOINT ${asJson(entrypoint)}`]),
    ...(cmd.length === 0 ? [] : [`CMD ${asJson(cmd)}`]),
  ];
  const other =
    seen !== undefined && seen.path !== link.word ? `; \`${link.word.slice(0, 200)}\` is ${seen.path}` : "";
  return said.length === 0 ? [] : [`the image says ${said.join(" ")}${other}`];
}

function asJson(words: readonly string[]): string {
  const text = JSON.stringify(words);
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

function loaderFinding({ link, by, seen, program }: Step, judged: JudgedImage): Finding | undefined {
  const { image } = judged;
  if (link.role !== "loader" || by?.found.kind !== "file") return undefined;
  const needing = judge(by.found.seen, image.platform);
  // The loader of a foreign program is no second mistake.
  if (needing === undefined || isForeign(needing)) return undefined;
  const needs = `${imageName(image)} starts ${by.found.seen.path}, which is linked dynamically and needs ${link.word}`;
  if (link.found.kind === "missing")
    return {
      rule: "entrypoint-missing",
      severity: "error",
      message: `${needs}, and that is not in the image: it will fail with \`no such file or directory\``,
      ...placeOf(image, by.found.seen.layer, by.found.seen.path),
      facts: ["that file is the loader of the C library that the program was built with"],
      fix: "Use a base image with that C library (glibc and musl have different ones), or link the program statically.",
    };
  if (seen === undefined || program === undefined || !isForeign(program)) return undefined;
  return {
    rule: "libc-architecture",
    severity: "error",
    message: `${needs}, but that is for ${madeFor(program.program)}: it will not start`,
    ...placeOf(image, seen.layer, seen.path),
    facts: [EMULATION_FACT],
    fix: fixFor(image.platform, isBaseLayer(image, seen.layer)),
  };
}

function missingFinding({ link, by }: Step, { image }: JudgedImage): Finding | undefined {
  if (link.found.kind !== "missing" || link.role === "loader" || link.role === "argument") return undefined;
  const place =
    by?.found.kind === "file"
      ? placeOf(image, by.found.seen.layer, by.found.seen.path)
      : { image: imagePlace(image) };
  const word = link.word.slice(0, 300);
  const start =
    link.role === "interpreter" && by !== undefined
      ? `starts ${pathOf(by)}, which is run by ${word}, and that`
      : `starts ${word}, and that`;
  const where = link.searched === undefined ? "is not in the image" : "is in no folder of PATH";
  return {
    rule: "entrypoint-missing",
    severity: "warning",
    message: `${imageName(image)} ${start} ${where}`,
    ...place,
    ...(link.searched === undefined ? {} : { facts: [`PATH is ${link.searched.join(":").slice(0, 500)}`] }),
    fix: "Check the COPY that should put it there, and the path; where a volume brings it, ignore this.",
  };
}

function compatibleFinding({ link, seen, program }: Step, { image }: JudgedImage): Finding | undefined {
  if (seen === undefined || program === undefined || link.role === "loader") return undefined;
  const name = platformName(image);
  const tooNew = x86LevelTooHigh(program.program, image.platform);
  if (program.fit !== "compatible" && !tooNew) return undefined;
  const made = madeFor(program.program);
  const message = tooNew
    ? `${imageName(image)} starts ${seen.path}, which needs a newer CPU (${made}) than every ${name} machine has`
    : `${imageName(image)} starts ${seen.path}, which is a program for ${made}: ${whoRunsIt(image.platform.architecture)}`;
  return {
    rule: "entrypoint-architecture",
    severity: "warning",
    message,
    ...placeOf(image, seen.layer, seen.path),
    fix: tooNew
      ? `Build it for the CPUs that the label promises, or call the platform ${made}.`
      : fixFor(image.platform, isBaseLayer(image, seen.layer)),
  };
}

function whoRunsIt(architecture: string): string {
  return architecture === "arm64"
    ? "many 64-bit ARM machines have no 32-bit mode and cannot run it"
    : "machines run it in a mode for older programs, where they have one";
}

function oncePerPath(steps: readonly Step[]): readonly Step[] {
  const known = new Set<string>();
  return steps.filter(({ seen }) => {
    if (seen === undefined || known.has(seen.path)) return false;
    known.add(seen.path);
    return true;
  });
}
