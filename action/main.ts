import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import manifest from "../package.json" with { type: "json" };
import { main } from "../cli/main.ts";
import { commandLine, needsBuildKit, type ActionInputs } from "./inputs.ts";

// The one file of the GitHub action. With arguments it is the program itself; without, it makes arguments of the step's inputs.
// The program runs in a process of its own each time, as it does anywhere else.

const argv = process.argv.slice(2);
if (argv.length > 0) void main(argv, manifest.version);
else void runAction();

async function runAction(): Promise<void> {
  const asked = commandLine(readInputs(), process.env["RUNNER_TEMP"] ?? tmpdir());
  if (!isCommand(asked)) {
    process.stderr.write(
      `error: the input \`${asked.input}\` of this step cannot be meant: ${asked.detail}\n`,
    );
    process.exitCode = 2;
    return;
  }
  // Nothing is installed where it is there already.
  const ready = needsBuildKit(asked) ? await runProgram(["setup"]) : 0;
  process.exitCode = ready === 0 ? await runProgram(asked) : ready;
}

function isCommand(asked: ReturnType<typeof commandLine>): asked is readonly string[] {
  return Array.isArray(asked);
}

/** A runner gives `some-input` as `INPUT_SOME-INPUT`. */
function input(name: string): string {
  return process.env[`INPUT_${name.toUpperCase()}`] ?? "";
}

function readInputs(): ActionInputs {
  return {
    command: input("command"),
    file: input("file"),
    set: input("set"),
    only: input("only"),
    image: input("image"),
    builder: input("builder"),
    push: input("push"),
    args: input("args"),
  };
}

function runProgram(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [process.argv[1] ?? "", ...args], { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, forward);
      resolve(code ?? 1);
    });
  });
}
