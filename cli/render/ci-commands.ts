/**
 * What a CI reads out of a log: groups, annotations, values to be masked. The same is why foreign text must never reach a log as it
 * came: a line that a build prints would be obeyed.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 * @see https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
 * @see https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections
 * @see https://buildkite.com/docs/pipelines/configure/managing-log-output
 */
import type { Ci, CiKind } from "../../core/ci/run.ts";

/** How the log of one CI is folded. */
export interface GroupMarks {
  /** The line before a group, which shows when it is folded. */
  readonly open: (group: LogGroup) => string;
  /** The line after it. */
  readonly close: (group: LogGroup) => string;
}

/** A part of the log that is folded. */
export interface LogGroup {
  /** One line. */
  readonly title: string;
  /** Unique in a run. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly endedMs: number;
}

const WORKFLOW_GROUPS: GroupMarks = {
  open: ({ title }) => `::group::${escapeData(title)}\n`,
  close: () => "::endgroup::\n",
};

const CLEAR_LINE = "\u001b[0K";

const GROUPS: Readonly<Partial<Record<CiKind, GroupMarks>>> = {
  github: WORKFLOW_GROUPS,
  forgejo: WORKFLOW_GROUPS,
  gitlab: {
    open: ({ title, number, startedMs }) =>
      `${CLEAR_LINE}section_start:${seconds(startedMs)}:${sectionName(number)}[collapsed=true]\r${CLEAR_LINE}${title}\n`,
    close: ({ number, endedMs }) =>
      `${CLEAR_LINE}section_end:${seconds(endedMs)}:${sectionName(number)}\r${CLEAR_LINE}\n`,
  },
  // A group ends where the next one begins there, so what follows opens one that is not folded.
  buildkite: { open: ({ title }) => `--- ${title}\n`, close: () => "+++ buildx-plan\n" },
  azure: { open: ({ title }) => `##[group]${title}\n`, close: () => "##[endgroup]\n" },
};

/** How this CI folds its log; undefined where it does not. */
export function groupMarks(kind: CiKind): GroupMarks | undefined {
  return GROUPS[kind];
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function sectionName(number: number): string {
  return `buildx_plan_${number}`;
}

/** What `::command` begins with; the runner of GitHub skips white space before it. */
const COMMAND_AT_START = /^((?:[^\S\n]|\u0085)*):(?=:)/gm;
/** Older form of GitHub's commands, and Azure's: obeyed anywhere in a line. */
const COMMAND_ANYWHERE = /##(?=\[|vso\[)/gi;
const HEADER_AT_START = /^(?=---|\+\+\+|~~~|\^\^\^)/gm;

/**
 * Takes away what makes a command of a text, for all that is written to the log: a space is put where it breaks, and nothing is
 * lost to a reader. To stop all commands by a token would stop our own, and those that others print meanwhile.
 * @see https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
export function harmlessFor(kind: Ci["kind"]): (text: string) => string {
  switch (kind) {
    case "github":
    case "forgejo":
      return (text) => text.replace(COMMAND_AT_START, "$1: ").replace(COMMAND_ANYWHERE, "## ");
    case "azure":
      return (text) => text.replace(COMMAND_ANYWHERE, "## ");
    case "buildkite":
      return (text) => text.replace(HEADER_AT_START, " ");
    default:
      return (text) => text;
  }
}

/** JSON that says the same and holds no command: only strings hold a `#`, and there it may be spelled out. */
export function harmlessJson(json: string): string {
  return json.replace(COMMAND_ANYWHERE, "#\\u0023");
}

/** The lines that make a CI mask these values in all of its log, ours and that of later steps. */
export function maskCommands(kind: CiKind, values: readonly string[]): string {
  const line = MASKS[kind];
  return line === undefined ? "" : values.map((value) => `${line(value)}\n`).join("");
}

const MASKS: Readonly<Partial<Record<CiKind, (value: string) => string>>> = {
  github: (value) => `::add-mask::${escapeData(value)}`,
  forgejo: (value) => `::add-mask::${escapeData(value)}`,
  azure: (value) => `##vso[task.setsecret]${escapeAzure(value)}`,
};

/** Something that a CI shows beside a line of the code, or at the top of a run. */
export interface Annotation {
  readonly severity: "error" | "warning";
  /** Whose finding it is, a few words. */
  readonly title: string;
  /** May have several lines. */
  readonly message: string;
  /** Relative to the root of the repository, with `/`. */
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  readonly column?: number;
}

/** The line that makes an annotation; undefined where a CI has none that a log can make. */
export function annotationCommand(kind: CiKind, annotation: Annotation): string | undefined {
  if (kind === "github") return githubAnnotation(annotation);
  return kind === "azure" ? azureAnnotation(annotation) : undefined;
}

function githubAnnotation({ severity, title, message, file, line, column }: Annotation): string {
  const properties = { file, line, col: column, title };
  const written = listed(properties, (value) => escapeProperty(value)).join(",");
  return `::${severity} ${written}::${escapeData(message)}\n`;
}

function azureAnnotation({ severity, title, message, file, line, column }: Annotation): string {
  const properties = { type: severity, sourcepath: file, linenumber: line, columnnumber: column };
  const written = listed(properties, escapeAzure).join(";");
  return `##vso[task.logissue ${written}]${escapeAzure(`${title}: ${message}`)}\n`;
}

function listed(
  properties: Readonly<Record<string, string | number | undefined>>,
  escape: (value: string) => string,
): readonly string[] {
  return Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escape(String(value))}`],
  );
}

/** The text of a command of GitHub's, on one line. */
export function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** A property of a command of GitHub's: it ends at a comma, the command at a colon. */
export function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/** A property or the text of a command of Azure's. */
export function escapeAzure(text: string): string {
  return text
    .replaceAll("%", "%AZP25")
    .replaceAll("\r", "%0D")
    .replaceAll("\n", "%0A")
    .replaceAll(";", "%3B")
    .replaceAll("]", "%5D");
}
