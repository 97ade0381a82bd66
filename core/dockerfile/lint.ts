import type { Finding } from "../findings/finding.ts";
import { nearest } from "../plan/nearest.ts";
import type { Location, SourceFile } from "../plan/source.ts";
import type { Dockerfile } from "./dockerfile.ts";
import { lintIgnores, withoutIgnored } from "./ignore.ts";
import type { DockerfileProblem } from "./lines.ts";
import { lintArguments } from "./lint-arguments.ts";
import { lintCompilers } from "./lint-compile.ts";
import { lintLiterals } from "./lint-literals.ts";
import { lintStages } from "./lint-stages.ts";
import { findingAt, findingIn, quoted, viewsOf, type LintContext } from "./lint-view.ts";
import { isForeignFrontend, parseDockerfile } from "./parse.ts";
import type { DockerfileUnreadable } from "./source.ts";

export type { LintContext, LintVariant } from "./lint-view.ts";

/** More are of no use to anybody; BuildKit's own checks come on top. */
const MAX_FINDINGS = 500;

/** Frontends of other languages are named in the language's own way: `// syntax=...`, `{ "syntax": "..." }`. */
const OTHER_COMMENTS = /^\uFEFF?(?:\/\/|\s*\{)/;

/**
 * Looks for what makes an image wrong, or its build slow, on some of the platforms that the plan builds a Dockerfile for: pure, without a
 * builder or a registry. In the order of the file; without what its comments ignore. A Dockerfile for a frontend of somebody else
 * (`# syntax=`) may mean anything, and has none.
 */
export function lintDockerfile(source: SourceFile, context: LintContext): readonly Finding[] {
  if (OTHER_COMMENTS.test(source.text)) return [];
  const parsed = parseDockerfile(source);
  if (!parsed.ok) return [problemFinding(source, parsed.error)];
  const dockerfile = parsed.value;
  const syntax = dockerfile.directives.find(({ name }) => name === "syntax")?.value;
  if (isForeignFrontend(syntax)) return [];
  const views = viewsOf(dockerfile, context);
  const found = [
    ...missingTarget(dockerfile, context),
    ...lintArguments(views),
    ...lintLiterals(views),
    ...lintStages(views),
    ...lintCompilers(views),
    ...lintIgnores(dockerfile),
  ];
  return withoutIgnored(found, source)
    .toSorted((one, other) => placeIn(source, one) - placeIn(source, other))
    .slice(0, MAX_FINDINGS);
}

/** A Dockerfile that could not be opened. `location`: its place in the plan. */
export function unreadableFinding(
  { path, reason }: DockerfileUnreadable,
  location: Location | undefined,
): Finding {
  return findingAt(location, "dockerfile-unreadable", {
    message: `The Dockerfile ${path} cannot be read: ${reason}`,
    fix: "Correct `dockerfile` in the plan, or the file.",
  });
}

function problemFinding(source: SourceFile, { message, range, fix }: DockerfileProblem): Finding {
  return findingIn(source, "dockerfile-unreadable", range, {
    message,
    ...(fix === undefined ? {} : { fix }),
  });
}

function missingTarget({ stages, source }: Dockerfile, { target }: LintContext): readonly Finding[] {
  const names = stages.flatMap(({ name }) => name ?? []);
  if (target === undefined || names.includes(target.toLowerCase())) return [];
  const meant = nearest(target, names);
  const known = names.slice(0, 10).map((name) => `\`${name}\``);
  const last = stages.at(-1)?.from.instruction.range ?? { start: 0, end: 0 };
  return [
    findingIn(source, "dockerfile-unreadable", last, {
      message: `There is no stage ${quoted(target)}, which the plan's \`target\` names`,
      fix:
        meant !== undefined
          ? `Did you mean \`${meant}\`?`
          : names.length === 0
            ? "Name a stage with `FROM image AS name`, or remove `target`."
            : `The stages are ${known.join(", ")}.`,
    }),
  ];
}

/** What stands in the plan comes first. */
function placeIn(source: SourceFile, { location }: Finding): number {
  return location?.file.path === source.path ? location.range.start : -1;
}
