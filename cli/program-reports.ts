/* Options of reports that CI systems read. */

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
