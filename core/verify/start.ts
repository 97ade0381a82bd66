import type { Platform } from "../../platforms/platform.ts";
import type { ImageConfig } from "../oci/documents.ts";
import { baseName, commandsOf, continueWith, isShell } from "./launchers.ts";
import { splitWords } from "./shell-words.ts";
import type { Found, ImageView, SeenFile } from "./view.ts";

/**
 * One file that takes part in starting a container. `command`: named by the image, or started by the one before;
 * `interpreter`: runs a script; `loader`: loads a dynamically linked program; `argument`: a program that is handed to another
 * one, which may or may not start it.
 */
export interface StartLink {
  /** As it was named. */
  readonly word: string;
  readonly role: "command" | "interpreter" | "loader" | "argument";
  readonly found: Found;
  /** For a name without a path: the folders that were looked in. */
  readonly searched?: readonly string[];
}

/** So many files a chain has at most. */
const MOST_LINKS = 24;
/** So many words of a command are looked at, and so many paths are looked up: a hostile config has a million of each. */
const MOST_WORDS = 10_000;
const MOST_LOOKUPS = 20_000;
/** Linux follows four scripts that run scripts. */
const MOST_SCRIPTS = 5;

const DEFAULT_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const DEFAULT_WINDOWS_PATH = [
  "C:\\Windows\\System32",
  "C:\\Windows",
  "C:\\Windows\\System32\\WindowsPowerShell\\v1.0",
];
const WINDOWS_ENDINGS = [".exe", ".com", ".bat", ".cmd"];

/** Folders that programs without a path are looked for in, in order: `PATH` of the config, or what engines take without one. */
export function searchPath(config: ImageConfig, platform: Platform): readonly string[] {
  const isWindows = platform.os === "windows";
  const entry = config.env.find((line) => /^path=/i.test(line) && (isWindows || line.startsWith("PATH=")));
  const folders = entry
    ?.slice(5)
    .split(isWindows ? ";" : ":")
    .filter(Boolean)
    .slice(0, 100);
  return folders ?? (isWindows ? DEFAULT_WINDOWS_PATH : DEFAULT_PATH);
}

/** What a container of the image starts, one file after the other: entrypoint and cmd, what runs them, and what they run. */
export function traceStart(config: ImageConfig, platform: Platform, view: ImageView): readonly StartLink[] {
  const trace: Trace = {
    view,
    isWindows: platform.os === "windows",
    workingDir: config.workingDir === "" ? "/" : config.workingDir,
    path: searchPath(config, platform),
    links: [],
    lookups: { left: MOST_LOOKUPS },
  };
  traceCommand(trace, [...config.entrypoint, ...config.cmd].slice(0, MOST_WORDS));
  return trace.links.slice(0, MOST_LINKS);
}

interface Trace {
  readonly view: ImageView;
  readonly isWindows: boolean;
  readonly workingDir: string;
  readonly path: readonly string[];
  readonly links: StartLink[];
  readonly lookups: { left: number };
}

function traceCommand(trace: Trace, argv: readonly string[]): void {
  const [word, ...rest] = argv;
  if (word === undefined || word === "" || trace.links.length >= MOST_LINKS) return;
  const file = traceProgram(trace, word, "command");
  // The applet of a busybox does what the program of that name does.
  const isApplet = baseName(word) === "busybox" && rest[0] !== undefined;
  const [name, words] = isApplet ? [rest[0] ?? "", rest.slice(1)] : [baseName(word), rest];
  // By convention a shell script that an image starts ends with `exec "$@"`.
  if (file !== undefined && isShellScript(file)) traceWhereFound(trace, words);
  else traceRest(trace, name, words);
}

function traceRest(trace: Trace, name: string, rest: readonly string[]): void {
  const next = continueWith(name, rest, (word) => isThere(locate(trace, word).found));
  if (next.kind === "command" && next.sure) traceCommand(trace, next.argv);
  else if (next.kind === "command") traceWhereFound(trace, next.argv);
  else if (next.kind === "line") traceLine(trace, next.line);
  else if (next.kind === "arguments") traceArguments(trace, next.rest);
}

/** Where the first word may be something else than a program: a builtin, an argument, a name made on the way. */
function traceWhereFound(trace: Trace, argv: readonly string[]): void {
  if (locate(trace, argv[0] ?? "").found.kind === "file") traceCommand(trace, argv);
}

/** A line that is one plain command is as sure as an array of words. */
function traceLine(trace: Trace, line: string): void {
  const commands = commandsOf(line);
  let { workingDir } = trace;
  for (const [first = "", ...rest] of commands) {
    const argv =
      first === "exec" ? rest.slice(rest.findIndex((word) => !word.startsWith("-"))) : [first, ...rest];
    const [word = ""] = argv;
    const inside: Trace = { ...trace, workingDir };
    if (word === "cd" && rest[0] !== undefined) workingDir = absolute(inside, rest[0]);
    else if (commands.length === 1 && word.startsWith("/")) traceCommand(inside, argv);
    else traceWhereFound(inside, argv);
  }
}

function traceArguments(trace: Trace, rest: readonly string[]): void {
  for (const word of rest.slice(0, MOST_LINKS)) {
    if (!isPath(trace, word)) continue;
    const { found } = locate(trace, word);
    if (found.kind !== "file" || !found.seen.executable) continue;
    const { content } = found.seen;
    if (content.kind !== "program" || content.program.format === "wasm") continue;
    if (content.program.type === "executable") trace.links.push({ word, role: "argument", found });
  }
}

function traceProgram(
  trace: Trace,
  word: string,
  role: "command" | "interpreter",
  scripts = 0,
): SeenFile | undefined {
  const located = locate(trace, word);
  const { found } = located;
  trace.links.push({ word, role, ...located });
  if (found.kind !== "file") return undefined;
  const { content } = found.seen;
  if (content.kind === "script") {
    if (scripts < MOST_SCRIPTS && !trace.isWindows) traceInterpreter(trace, content.line, scripts + 1);
  } else if (content.program.format === "elf" && content.program.interpreter !== undefined) {
    const loader = content.program.interpreter;
    trace.links.push({ word: loader, role: "loader", found: find(trace, absolute(trace, loader)) });
  }
  return found.seen;
}

function traceInterpreter(trace: Trace, line: string, scripts: number): void {
  const { interpreter, argument } = shebang(line);
  if (interpreter === "") return;
  traceProgram(trace, interpreter, "interpreter", scripts);
  if (baseName(interpreter) !== "env") return;
  const next = continueWith("env", splitWords(argument), () => true);
  const name = next.kind === "command" ? next.argv[0] : undefined;
  if (name !== undefined) traceProgram(trace, name, "interpreter", scripts);
}

function shebang(line: string): { readonly interpreter: string; readonly argument: string } {
  const text = line.trim();
  const blank = text.search(/[ \t]/);
  if (blank === -1) return { interpreter: text, argument: "" };
  return { interpreter: text.slice(0, blank), argument: text.slice(blank + 1).trim() };
}

function isShellScript({ content }: SeenFile): boolean {
  if (content.kind !== "script") return false;
  const { interpreter, argument } = shebang(content.line);
  if (baseName(interpreter) !== "env") return isShell(baseName(interpreter));
  return splitWords(argument).some((word) => isShell(baseName(word)));
}

type Located = Pick<StartLink, "found" | "searched">;

function locate(trace: Trace, word: string): Located {
  if (word === "") return { found: { kind: "missing" } };
  if (isPath(trace, word)) return { found: firstOf(trace, [absolute(trace, word)]) };
  const folders = trace.isWindows ? [trace.workingDir, ...trace.path] : trace.path;
  const found = firstOf(
    trace,
    folders.map((folder) => `${absolute(trace, folder)}${trace.isWindows ? "\\" : "/"}${word}`),
  );
  return { found, searched: folders };
}

/** The first that is a program or script that may be executed, else the first that is anything. */
function firstOf(trace: Trace, paths: readonly string[]): Found {
  const { isWindows } = trace;
  const spelled = paths.flatMap((path) =>
    isWindows && !hasWindowsEnding(path) ? WINDOWS_ENDINGS.map((ending) => path + ending) : [path],
  );
  const all = spelled.map((path) => find(trace, path));
  const startable = all.find((found) => found.kind === "file" && (isWindows || found.seen.executable));
  return startable ?? all.find(isThere) ?? all.find(({ kind }) => kind === "unknown") ?? { kind: "missing" };
}

/** After too many look-ups nothing is known any more. */
function find({ view, lookups }: Trace, path: string): Found {
  lookups.left -= 1;
  return lookups.left < 0 ? { kind: "unknown" } : view.find(path);
}

function hasWindowsEnding(path: string): boolean {
  return WINDOWS_ENDINGS.some((ending) => path.toLowerCase().endsWith(ending));
}

function isThere({ kind }: Found): boolean {
  return kind === "file" || kind === "other";
}

function isPath({ isWindows }: Trace, word: string): boolean {
  return word.includes("/") || (isWindows && word.includes("\\"));
}

function absolute({ isWindows, workingDir }: Trace, path: string): string {
  const isAbsolute = isWindows ? /^(?:[A-Za-z]:)?[\\/]/.test(path) : path.startsWith("/");
  return isAbsolute ? path : `${workingDir}${isWindows ? "\\" : "/"}${path}`;
}
