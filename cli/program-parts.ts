/** Takes the exit code of a command that has ended. */
export type End = (exitCode: number) => void;

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Of commands that release something. */
export const REPORT_DOTENV = [
  "--report-dotenv <file>",
  "write digests and tags as NAME=value lines, for later jobs",
] as const;

/** Of commands that find something in files. */
export const REPORT_CODEQUALITY = [
  "--report-codequality <file>",
  "write errors and warnings as a code quality report of GitLab",
] as const;
