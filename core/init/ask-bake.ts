import { readTool } from "../buildkit/tool.ts";
import type { Answer } from "../buildkit/tool.ts";
import { shellLine } from "../ci/shell-words.ts";
import { findTool } from "../host/tools.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { MAX_FILE_BYTES } from "./folder.ts";

/** How bake is asked, and who hears of it. */
export interface BakeQuestion {
  readonly directory: string;
  /** Bake files in it. */
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Hears the command line before it is run. */
  readonly onCommand: (line: string) => void;
}

/** Why bake has not answered: it is not there, or it refused the files, and what it said. */
export type BakeRefusal = { readonly kind: "missing" } | { readonly kind: "refused"; readonly said: string };

/** What buildx needs to start, and nothing that a bake file could take for a value of its own. */
const PASSED = [
  "PATH",
  "HOME",
  "USERPROFILE",
  "SYSTEMROOT",
  "TMPDIR",
  "DOCKER_CONFIG",
  "BUILDX_CONFIG",
  "SSH_AUTH_SOCK",
];

const TIMEOUT_MS = 30_000;

/**
 * Asks `docker buildx bake --print`, or buildx by itself, what bake files mean: nothing is built by it. Without a default target it is asked for
 * all. Variables of the environment are kept from it, so that what it answers is the same everywhere and holds no secret of this machine.
 */
export async function askBake(question: BakeQuestion): Promise<Result<string, BakeRefusal>> {
  for (const program of [["docker", "buildx"], ["buildx"]] as const) {
    if (findTool(program[0], question.env) === undefined) continue;
    const answer = await ask(program, [], question);
    if (isNoBuildx(answer)) continue;
    const hasNoDefault = /failed to find target default/.test(answer.stderr);
    return readAnswer(hasNoDefault ? await ask(program, ["*"], question) : answer);
  }
  return fail({ kind: "missing" });
}

async function ask(
  [tool, ...words]: readonly [string, ...string[]],
  targets: readonly string[],
  { directory, files, env, signal, onCommand }: BakeQuestion,
): Promise<Answer> {
  const argv = [...words, "bake", "--print", ...files.flatMap((file) => ["-f", file]), ...targets];
  onCommand(shellLine(tool, argv));
  return await readTool({
    tool: findTool(tool, env) ?? tool,
    argv,
    cwd: directory,
    env: Object.fromEntries(PASSED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    maxBytes: MAX_FILE_BYTES,
  });
}

/** Docker without the plugin takes `buildx` for a command that it does not have. */
function isNoBuildx({ ended, stderr }: Answer): boolean {
  return (
    ended.kind === "not-found" ||
    (ended.exitCode !== 0 &&
      /is not a docker command|unknown command|unknown flag: --print|unknown shorthand flag/.test(stderr))
  );
}

function readAnswer({ ended, stdout, stderr }: Answer): Result<string, BakeRefusal> {
  if (ended.kind === "exited" && ended.exitCode === 0) return ok(stdout);
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !/^#\d+ /.test(line));
  const said = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1) ?? "it gave no answer";
  return fail({ kind: "refused", said: said.replace(/^ERROR: /, "").slice(0, 500) });
}
