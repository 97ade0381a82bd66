import { formatPlatform, type Platform } from "../../platforms/platform.ts";
import { fitOf, madeFor, type Fit, type Program } from "../../platforms/program.ts";
import type { Finding } from "../findings/finding.ts";
import type { VerifySettings } from "../plan/plan.ts";
import { matchGlobs } from "./glob.ts";
import type { ImageToVerify, ToldProgram } from "./verified.ts";
import { isOwnEmulator } from "./places.ts";
import type { ImageView, SeenFile } from "./view.ts";

/** A program that a container sees, held against the platform of the image. */
export interface JudgedProgram {
  readonly seen: SeenFile;
  readonly program: Program;
  readonly fit: Fit;
}

/** An image whose programs were judged: what the rules of content look at. */
export interface JudgedImage {
  readonly image: ImageToVerify;
  readonly view: ImageView;
  /** Those that `ignore` names left out, and emulators of the image's own CPU. */
  readonly programs: readonly JudgedProgram[];
  readonly isIgnored: (path: string) => boolean;
}

/** Files that a finding lists one by one. */
const MOST_LISTED = 5;

/** Judges each program of an image. */
export function judgeImage(
  image: ImageToVerify,
  view: ImageView,
  { ignore }: Pick<VerifySettings, "ignore">,
): JudgedImage {
  const isIgnored = matchGlobs(ignore);
  const programs = view.files.flatMap((seen): readonly JudgedProgram[] => {
    const judged = judge(seen, image.platform);
    if (judged === undefined || isIgnored(seen.path)) return [];
    return isForeign(judged) && isOwnEmulator(seen.path, image.platform) ? [] : [judged];
  });
  return { image, view, programs, isIgnored };
}

/** Judges one file; undefined for a script. */
export function judge(seen: SeenFile, platform: Platform): JudgedProgram | undefined {
  const { content } = seen;
  if (content.kind === "script") return undefined;
  return { seen, program: content.program, fit: fitOf(content.program, platform) };
}

/** Is it for another CPU or system? */
export function isForeign({ fit }: Pick<JudgedProgram, "fit">): boolean {
  return fit === "foreign-cpu" || fit === "foreign-system";
}

/** `linux/arm64`, as findings name the image's platform. */
export function platformName({ platform }: Pick<ImageToVerify, "platform">): string {
  return formatPlatform(platform);
}

/** `The image for linux/arm64`, to begin a sentence with. */
export function imageName(image: Pick<ImageToVerify, "platform">): string {
  return `The image for ${platformName(image)}`;
}

/** What these programs are for: `linux/amd64`, or several of them. */
export function targetsOf(programs: readonly Pick<JudgedProgram, "program">[]): string {
  return targetsIn(programs.map(({ program }) => ({ madeFor: madeFor(program) })));
}

/** The same of programs of which no more is known than what sentences say. */
export function targetsIn(programs: readonly Pick<ToldProgram, "madeFor">[]): string {
  const names = [...new Set(programs.map((program) => program.madeFor))];
  const shown = names.slice(0, 3);
  return names.length > shown.length ? `${shown.join(", ")} and others` : shown.join(" and ");
}

/** What sentences say of a program. */
export function toldOf({ seen, program }: Pick<JudgedProgram, "seen" | "program">): ToldProgram {
  return { path: seen.path, madeFor: madeFor(program) };
}

/** A line for each of the first programs, and how many more there are. */
export function listPrograms(programs: readonly JudgedProgram[]): readonly string[] {
  return listTold(programs.map(toldOf));
}

/** The same of programs of which no more is known than what sentences say. */
export function listTold(programs: readonly ToldProgram[]): readonly string[] {
  const listed = programs.slice(0, MOST_LISTED).map((program) => `${program.path} is for ${program.madeFor}`);
  const hidden = programs.length - listed.length;
  return hidden > 0 ? [...listed, `and ${hidden} more`] : listed;
}

/** `1 program`, `3 programs` */
export function counted(many: number, one: string, several = `${one}s`): string {
  return `${many} ${many === 1 ? one : several}`;
}

/** What to do where a program comes from a line of the Dockerfile, or from the base image. */
export function fixFor(platform: Platform, isBase: boolean): string {
  const name = formatPlatform(platform);
  return isBase
    ? "Let FROM name the image for all platforms (a tag, or the digest of its index) instead of one platform's manifest, and give the final stage no --platform."
    : `Make it for ${name}. Usual causes: a default on \`ARG TARGETARCH\`; an architecture that is written out (\`GOARCH=amd64\`, \`x86_64\` in an address); a COPY of one file for all platforms, or from a \`--platform=$BUILDPLATFORM\` stage that does not cross-compile. \`buildx-plan check\` finds most of them.`;
}

/** Why a successful `docker run` does not speak against a finding. */
export const EMULATION_FACT =
  "that it starts where emulators are registered (QEMU, binfmt) proves nothing: there, programs for any CPU start";

/** Errors about content as the plan wants them. */
export function withSeverity(
  findings: readonly Finding[],
  content: VerifySettings["content"],
): readonly Finding[] {
  if (content !== "warn") return findings;
  return findings.map((finding) =>
    finding.severity === "error" && CONTENT_RULES.has(finding.rule)
      ? { ...finding, severity: "warning" }
      : finding,
  );
}

const CONTENT_RULES: ReadonlySet<string> = new Set<Finding["rule"]>([
  "entrypoint-architecture",
  "entrypoint-missing",
  "libc-architecture",
  "base-architecture",
  "program-architecture",
  "layer-unreadable",
  "layer-suspicious",
  "shared-programs",
  "identical-rootfs",
]);
