import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { annotationCommand, type Annotation } from "./render/ci-commands.ts";
import { problemsOf, type Problem, type Trouble } from "./render/problems.ts";
import type { CiPort, Shell } from "./shell.ts";
import { count } from "./text/units.ts";

/** GitHub shows so many of each severity, and says nothing of the others. */
const MOST_ON_GITHUB = 10;

/** Shows trouble beside the lines that it is about, where a CI can do that; each piece of it once. */
export function annotate(trouble: Trouble, shell: Shell, redact: (text: string) => string): void {
  const { ci } = shell;
  if (ci === undefined || annotationCommand(ci.run.kind, SAMPLE) === undefined) return;
  let left = 0;
  for (const problem of problemsIn(trouble, shell, redact)) left += makeAnnotation(problem, ci) ? 0 : 1;
  if (left > 0)
    shell.stderr.write(
      `${count(left, "annotation")} left out: only ${MOST_ON_GITHUB} of each severity are shown\n`,
    );
}

const SAMPLE: Annotation = { severity: "error", title: "", message: "" };

/** False where there is no room for it. */
function makeAnnotation(annotation: Annotation, { run, command, annotated }: CiPort): boolean {
  const { severity } = annotation;
  const line = annotationCommand(run.kind, annotation) ?? "";
  if (annotated.has(line)) return true;
  const isFull = (): boolean =>
    [...annotated.values()].filter((each) => each === severity).length >= MOST_ON_GITHUB;
  const fits = run.kind !== "github" || !isFull();
  // What has no room is kept in mind as well: it is not told twice that it is left out.
  annotated.set(line, severity);
  if (fits) command(line);
  return fits;
}

/** Trouble with paths from the root of the repository. */
export function problemsIn(
  trouble: Trouble,
  shell: Shell,
  redact: (text: string) => string,
): readonly Problem[] {
  return problemsOf(trouble, { cwd: shell.cwd, root: repositoryRoot(shell), redact });
}

/** The checkout round the working directory; else what CI checks out to; else the working directory. */
function repositoryRoot({ cwd, ci }: Shell): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return ci?.run.workspace ?? cwd;
  }
}
