// How the set-up talks and runs things: short lines on stderr, the output of a tool only where it fails.
import { spawn } from "node:child_process";

const REMIND_MS = 15_000;
const KEPT_OUTPUT = 8_000;

/** A set-up that cannot go on; its message says what the person has to do. */
export class SetupError extends Error {}

/** One line for the person who waits. */
export function say(line) {
  process.stderr.write(`[setup] ${line}\n`);
}

/** Does a task with a line before it, its duration after it, and signs of life meanwhile if it gives none itself. */
export async function timed({ title, speaks = false }, task) {
  say(`${title} ...`);
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const remind = () => say(`  still ${title}, ${seconds()}`);
  const reminder = speaks ? undefined : setInterval(remind, REMIND_MS);
  try {
    return await task();
  } finally {
    clearInterval(reminder);
    say(`  ${seconds()}`);
  }
}

/** Runs a program to its end without a shell. Answers its stdout; its output becomes the error's where it fails. */
export async function run(program, argv, { env = process.env, cwd } = {}) {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, argv, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, output] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      output = (output + chunk).slice(-KEPT_OUTPUT);
    });
    child.stderr.on("data", (chunk) => (output = (output + chunk).slice(-KEPT_OUTPUT)));
    child.once("error", (error) => reject(new SetupError(`${program}: ${error.message}`)));
    child.once("close", (status, signal) =>
      status === 0
        ? resolve(stdout)
        : reject(
            new SetupError(
              `${output.trimEnd()}\n${program} ${argv.join(" ")}\nended with ${signal ?? status}`,
            ),
          ),
    );
  });
}

/** Runs a program that talks to the person itself. Answers its exit status; signals are its own to handle. */
export async function runVisibly(program, argv, { env = process.env, cwd } = {}) {
  const child = spawn(program, argv, { env, cwd, stdio: "inherit" });
  const forward = (signal) => {
    // A terminal's Ctrl-C reaches the child by itself.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
  return await new Promise((resolve) => {
    child.once("error", (error) => {
      say(`${program}: ${error.message}`);
      resolve(127);
    });
    child.once("close", (status, signal) => resolve(status ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
