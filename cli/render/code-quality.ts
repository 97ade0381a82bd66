import { createHash } from "node:crypto";
import type { Problem } from "./problems.ts";

/**
 * An issue of GitLab's report on code quality, which merge requests show.
 * @see https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
 */
export interface CodeQualityIssue {
  readonly description: string;
  readonly check_name: string;
  /** The same for the same problem in another run. */
  readonly fingerprint: string;
  readonly severity: "major" | "minor";
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

/** Problems as GitLab shows them; those without a place in a file have none there. */
export function codeQuality(problems: readonly Problem[]): readonly CodeQualityIssue[] {
  const seen = new Map<string, number>();
  return problems.flatMap(({ severity, rule, message, file, line = 1 }) => {
    if (file === undefined) return [];
    // Without the line: it moves with every change above it.
    const same = JSON.stringify([rule, file, message]);
    const number = (seen.get(same) ?? 0) + 1;
    seen.set(same, number);
    return [
      {
        description: message,
        check_name: rule,
        fingerprint: createHash("sha256").update(`${same}${number}`).digest("hex"),
        severity: severity === "error" ? "major" : "minor",
        location: { path: file, lines: { begin: line } },
      } as const,
    ];
  });
}
