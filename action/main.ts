import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import manifest from "../package.json" with { type: "json" };
import { main } from "../cli/main.ts";
import { maskCommands } from "../cli/render/ci-commands.ts";
import { readVariables, valuesToMask } from "./environment.ts";
import { commandLine, needsBuildKit, type ActionInputs, type InputInvalid } from "./inputs.ts";

// The one file of the GitHub action. With arguments it is the program itself; without, it makes arguments of the step's inputs.
// The program runs in a process of its own each time, as it does anywhere else.

const argv = process.argv.slice(2);
if (argv.length > 0) void main(argv, manifest.version);
else void runAction();

async function runAction(): Promise<void> {
  const asked = commandLine(readInputs(), process.env["RUNNER_TEMP"] ?? tmpdir());
  if (!isList(asked)) return refuse(asked);
  const given = readVariables(input("env"));
  if (!isList(given))
    return refuse({
      input: "env",
      detail: `line ${given.line} is neither NAME=value nor the begin of NAME<<END`,
    });
  process.stdout.write(maskCommands("github", valuesToMask(given)));
  const { INPUT_ENV: _, ...rest } = process.env;
  const env = { ...rest, ...Object.fromEntries(given) };
  // Nothing is installed where it is there already.
  const ready = needsBuildKit(asked) ? await runProgram(["setup"], rest) : 0;
  process.exitCode = ready === 0 ? await runProgram(asked, env) : ready;
}

function refuse({ input: name, detail }: InputInvalid): void {
  process.stderr.write(`error: the input \`${name}\` of this step cannot be meant: ${detail}\n`);
  process.exitCode = 2;
}

function isList<T>(given: readonly T[] | object): given is readonly T[] {
  return Array.isArray(given);
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

function runProgram(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [process.argv[1] ?? "", ...args], { stdio: "inherit", env });
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
