/**
 * How a crash under emulation shows. A program may print such lines and be well: configure scripts crash programs on purpose, and tests print
 * what they expect. So nothing is made of a line while its step goes on or ends well, and of a step that failed these rules decide:
 *
 * 1. Its exit code is that of a process that a CPU's signal ended (128 + 4, 5, 7, 8 or 11): a crash. So is 134 (SIGABRT) where the emulator
 *    itself told of it: programs abort of their own accord, too.
 * 2. Otherwise a crash that it printed counts where it was its last word, or where a later line of its log passes it on by naming the exit code or the
 *    signal (`exit status 139`, `signal: 11, SIGSEGV`). Lines of a shell, make or ninja that only say that something failed are no words of their own.
 * 3. What cannot even be started (`exec format error`, `text file busy`) counts where it is BuildKit's own error, or the step's last word, likewise.
 *
 * Anything else stays a step that failed, for a reason that its log may tell.
 */
import type { EmulatorCrash } from "./buildkit.ts";

/** A crash that a line tells of. */
export interface CrashLine extends Pick<EmulatorCrash, "signature" | "signal"> {
  readonly line: string;
  /** Did the emulator say so, and not the shell that has seen the program end? */
  readonly isEmulators: boolean;
}

/** What a step said last of a crash, and what it has printed since. */
export interface CrashTrail {
  readonly crash: CrashLine;
  readonly since: readonly string[];
}

/** A step that failed, as far as it tells of a crash. */
export interface FailedStep {
  /** BuildKit's error of the step. */
  readonly error: string;
  readonly exitCode: number | undefined;
  readonly trail: CrashTrail | undefined;
  readonly isEmulated: boolean;
}

/** Linux's numbers of the signals that a CPU raises, and of abort(), under the names that QEMU and shells print. */
const SIGNALS: Readonly<Record<string, { readonly number: number; readonly name: string }>> = {
  "Illegal instruction": { number: 4, name: "SIGILL" },
  "Trace/breakpoint trap": { number: 5, name: "SIGTRAP" },
  Aborted: { number: 6, name: "SIGABRT" },
  "Bus error": { number: 7, name: "SIGBUS" },
  "Floating point exception": { number: 8, name: "SIGFPE" },
  "Segmentation fault": { number: 11, name: "SIGSEGV" },
};
const SIGABRT = 6;
const WORDS = Object.keys(SIGNALS).join("|");

/** linux-user/signal.c: `qemu: uncaught target signal 11 (Segmentation fault) - core dumped`; the number is the emulated CPU's. */
const UNCAUGHT = new RegExp(`\\bqemu: uncaught target signal \\d+ \\((${WORDS})\\)`);
/** The same file, of newer QEMUs, where QEMU itself is at fault: `QEMU internal SIGSEGV {code=MAPERR, addr=0x20}`. */
const INTERNAL = /\bQEMU internal (SIG[A-Z]+)\b/;
const ENDED = `(${WORDS})(?: *\\(core dumped\\).*| {2,}.*)?$`;
/** dash and busybox; bash. */
const SHELL = new RegExp(`^(?:\\S+: line \\d+: +\\d+ )?${ENDED}`);
const MAKE = new RegExp(`^make(?:\\[\\d+\\])?: \\*\\*\\* \\[.*\\] ${ENDED}`);
/** runc's init for what BuildKit starts; shells for what they start. */
const EXEC_FORMAT = /^exec \S+: exec format error$|: Exec format error$/i;
/** BuildKit's emulator is copied into the container, and started while another process may still have it open. */
const TEXT_BUSY = /^exec \S+: text file busy$|\.buildkit_qemu_emulator\b.*text file busy/i;
const CANNOT_START = 126;

/** The crash that a line tells of, if it is one. */
export function crashIn(line: string): CrashLine | undefined {
  // Few lines of a chatty build have one of these words.
  if (!/qemu|\(core dumped\)|instruction|fault|error|trap|exception|busy/i.test(line)) return undefined;
  const signal = UNCAUGHT.exec(line)?.[1] ?? wordOf(INTERNAL.exec(line)?.[1]);
  if (signal !== undefined) return { ...signalled(signal), line, isEmulators: true };
  const seen = (SHELL.exec(line) ?? MAKE.exec(line))?.[1];
  // abort() is told by the emulator, too, and without it it is the program's own.
  if (seen !== undefined && seen !== "Aborted") return { ...signalled(seen), line, isEmulators: false };
  if (EXEC_FORMAT.test(line)) return { signature: "exec-format", line, isEmulators: false };
  return TEXT_BUSY.test(line) ? { signature: "text-busy", line, isEmulators: false } : undefined;
}

/** So many lines after a crash are looked at: what passes it on comes soon, or at the end. */
const SINCE = 20;

/** The trail after one more line; the shell's word for the crash that the emulator has just told is no other crash. */
export function followTrail(trail: CrashTrail | undefined, line: string): CrashTrail | undefined {
  const crash = crashIn(line);
  const isEcho =
    trail?.crash.isEmulators === true && crash?.isEmulators === false && trail.crash.signal === crash.signal;
  if (crash !== undefined && !isEcho) return { crash, since: [] };
  return trail && { crash: trail.crash, since: [...trail.since, line].slice(-SINCE) };
}

/** Is the emulator's crash the last thing that was printed? A shell that has seen its child end is alive, and says so. */
export function isLastWord({ crash, since }: CrashTrail): boolean {
  return crash.isEmulators && since.length === 0;
}

/** The crash that made a step fail, by the rules above; undefined where it failed for a reason of its own. */
export function emulatorCrash(step: FailedStep): EmulatorCrash | undefined {
  const crash = crashOf(step);
  const isStartAlone = crash?.signature === "exec-format";
  return step.isEmulated || isStartAlone ? crash : undefined;
}

function crashOf({ error, exitCode, trail }: FailedStep): EmulatorCrash | undefined {
  const started = startFailure(error);
  if (started !== undefined) return started;
  const told = trail === undefined ? undefined : crashTold(trail.crash);
  const signal = exitCode === undefined ? undefined : exitCode - 128;
  const word = Object.keys(SIGNALS).find((each) => SIGNALS[each]?.number === signal);
  if (word !== undefined && (signal !== SIGABRT || told?.signal === SIGABRT))
    return told?.signal === signal ? told : signalled(word);
  if (trail === undefined || told === undefined) return undefined;
  return isCause(trail, exitCode) ? told : undefined;
}

/** BuildKit's error quotes the command of the step, which may say anything. */
function startFailure(error: string): EmulatorCrash | undefined {
  const line = error.startsWith('process "') ? "" : error;
  if (/exec format error/i.test(line)) return { signature: "exec-format", line };
  return /exec.*text file busy/i.test(line) ? { signature: "text-busy", line } : undefined;
}

function isCause({ crash, since }: CrashTrail, exitCode: number | undefined): boolean {
  if (crash.signature === "exec-format" && exitCode === CANNOT_START) return true;
  return since.every(isEcho) || since.some((line) => passesOn(line, crash));
}

function isEcho(line: string): boolean {
  return (
    SHELL.test(line) ||
    /^(?:make(?:\[\d+\])?: (?:\*\*\* |Leaving directory )|ninja: build stopped: )/.test(line)
  );
}

/** `exit status 139`, `returned non-zero exit status -11`, `signal: 11, SIGSEGV`, `internal compiler error: Segmentation fault`. */
function passesOn(line: string, { signal }: CrashLine): boolean {
  const found = Object.entries(SIGNALS).find(([, { number }]) => number === signal);
  // A shell tells of every child that crashes, of those that nobody minds, too.
  if (found === undefined || SHELL.test(line)) return false;
  const [word, { number, name }] = found;
  const codes = `(?:\\b(?:exit|status|code|error|returned)\\b\\D{0,20}?(?:\\b${128 + number}|-${number})|\\bsignal\\b\\D{0,5}\\b${number})`;
  return new RegExp(`${codes}\\b(?![.:]\\d)|\\b${name}\\b|${word}`, "i").test(line);
}

function wordOf(name: string | undefined): string | undefined {
  return Object.keys(SIGNALS).find((each) => SIGNALS[each]?.name === name);
}

function signalled(word: string): Pick<EmulatorCrash, "signature" | "signal"> {
  const signal = SIGNALS[word]?.number;
  const signature = word === "Illegal instruction" ? "illegal-instruction" : "signal";
  return { signature, ...(signal === undefined ? {} : { signal }) };
}

/** What a line tells, as a failure has it. */
export function crashTold({ signature, signal, line }: CrashLine): EmulatorCrash {
  return { signature, ...(signal === undefined ? {} : { signal }), line };
}
