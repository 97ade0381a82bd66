import { splitShellLine, splitWords } from "./shell-words.ts";

/** What a program does with the words after its own name, as far as that says what else is started. */
export type Continuation =
  /** They are a command with its own words; `sure` where the first can be nothing else. */
  | { readonly kind: "command"; readonly argv: readonly string[]; readonly sure: boolean }
  /** A line of a POSIX shell. */
  | { readonly kind: "line"; readonly line: string }
  /** Programs for other CPUs are what it is for. */
  | { readonly kind: "emulator" }
  | { readonly kind: "arguments"; readonly rest: readonly string[] };

/** Programs that start another one, and how many words (a user, a duration) come before it. */
const LAUNCHERS: ReadonlyMap<string, number> = new Map([
  ["catatonit", 0],
  ["chpst", 0],
  ["docker-init", 0],
  ["dumb-init", 0],
  ["env", 0],
  ["exec", 0],
  ["gosu", 1],
  ["ionice", 0],
  ["nice", 0],
  ["nohup", 0],
  ["numactl", 0],
  ["s6-setuidgid", 1],
  ["setpriv", 0],
  ["stdbuf", 0],
  ["su-exec", 1],
  ["sudo", 0],
  ["time", 0],
  ["timeout", 1],
  ["tini", 0],
  ["tini-static", 0],
  ["xvfb-run", 0],
]);

const SHELLS: ReadonlySet<string> = new Set(["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"]);
const WINDOWS_SHELLS: ReadonlySet<string> = new Set(["cmd", "powershell", "pwsh"]);
const EMULATOR = /^(?:qemu-|box64$|box86$|FEX|wine|rosetta)/;
const LOADER = /^ld(?:-|64|\.so)/;
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** What the words after a program mean. `resolves`: is this word the name of a file? */
export function continueWith(
  name: string,
  rest: readonly string[],
  resolves: (word: string) => boolean,
): Continuation {
  if (EMULATOR.test(name)) return { kind: "emulator" };
  if (SHELLS.has(name)) return shellOf(rest);
  if (WINDOWS_SHELLS.has(name.toLowerCase())) return windowsShellOf(rest);
  const positional = LAUNCHERS.get(name) ?? (LOADER.test(name) ? 0 : undefined);
  if (positional === undefined) return { kind: "arguments", rest };
  return commandIn(unsplit(name, rest), positional, resolves);
}

/** The name that a program goes by: the last part of its path, `.exe` taken away. */
export function baseName(word: string): string {
  const name = word.slice(Math.max(word.lastIndexOf("/"), word.lastIndexOf("\\")) + 1);
  return name.replace(/\.exe$/i, "");
}

/** Is it the interpreter of shell scripts? */
export function isShell(name: string): boolean {
  return SHELLS.has(name);
}

/** What the commands of a shell line start: builtins that only prepare something are left out. */
export function commandsOf(line: string): readonly (readonly string[])[] {
  return splitShellLine(line).flatMap(({ words }) => {
    const at = words.findIndex((word) => !ASSIGNMENT.test(word));
    return at === -1 ? [] : [words.slice(at)];
  });
}

// `env -S "node --x"` has all in one word.
function unsplit(name: string, rest: readonly string[]): readonly string[] {
  if (name !== "env") return rest;
  return rest.flatMap((word, at) => {
    if (word === "-S" || word === "--split-string") return [];
    const joined = /^(?:-S|--split-string=)(.+)$/s.exec(word)?.[1];
    if (joined !== undefined) return splitWords(joined);
    return /^(?:-S|--split-string)$/.test(rest[at - 1] ?? "") ? splitWords(word) : [word];
  });
}

function shellOf(rest: readonly string[]): Continuation {
  const option = rest.findIndex((word) => !/^[-+]/.test(word) || /^-[A-Za-z]*c$/.test(word));
  const isLine = option !== -1 && /^-[A-Za-z]*c$/.test(rest[option] ?? "");
  if (!isLine) return { kind: "arguments", rest: [] };
  return { kind: "line", line: rest[option + 1] ?? "" };
}

function windowsShellOf(rest: readonly string[]): Continuation {
  const at = rest.findIndex((word) => /^(?:\/c|\/k|-c|-command)$/i.test(word));
  if (at === -1) return { kind: "arguments", rest: [] };
  const words = [
    ...rest
      .slice(at + 1)
      .join(" ")
      .matchAll(/"([^"]*)"|(\S+)/g),
  ];
  // Builtins and cmdlets have no file.
  return { kind: "command", argv: words.map(([, quoted, plain]) => quoted ?? plain ?? ""), sure: false };
}

function commandIn(
  rest: readonly string[],
  positional: number,
  resolves: (word: string) => boolean,
): Continuation {
  const dashes = rest.indexOf("--");
  if (dashes !== -1) {
    const after = rest.slice(dashes + 1 + (positional > 0 && dashes === 0 ? positional : 0));
    return { kind: "command", argv: after, sure: true };
  }
  const words = rest.map((word, at) => ({ word, at }));
  const candidates = words
    .filter(({ word }) => !word.startsWith("-") && !ASSIGNMENT.test(word))
    .slice(positional);
  // Values of options stand between: the first word that is a path, or that is found, is the program.
  const found = candidates.find(({ word }) => /[/\\]/.test(word) || resolves(word));
  return { kind: "command", argv: found === undefined ? [] : rest.slice(found.at), sure: true };
}
