import type { SmokeTest } from "../plan/plan.ts";

/** What the image that is tested is called in the Dockerfile: a named context, so that no foreign text stands in a `FROM`. */
export const TESTED = "tested";

/**
 * The Dockerfile that runs a test. A program with arguments is written in exec form, with nothing of it left that the parser
 * could take for an option, a variable, a here-document, a comment or a continued line. A line for the shell is a here-document,
 * the only form that BuildKit hands to the image's `SHELL` as it is.
 * @see https://docs.docker.com/reference/dockerfile/#run
 */
export function smokeDockerfile(command: SmokeTest["command"]): string {
  return `FROM ${TESTED}\n${command.kind === "exec" ? execForm(command.argv) : shellForm(command.line)}`;
}

function execForm(argv: readonly string[]): string {
  return `RUN [${argv.map((argument) => `"${escaped(argument)}"`).join(",")}]\n`;
}

/** All but the most harmless characters as JSON's `\uXXXX`, which Go decodes when the Dockerfile's own syntax is done with. */
function escaped(text: string): string {
  // Without the `u` flag, so that a character outside of the basic plane becomes the two escapes that JSON has for it.
  return text.replaceAll(
    /[^A-Za-z0-9._/-]/g,
    (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

function shellForm(line: string): string {
  const end = line === "END" ? "ENDE" : "END";
  // Quoted: the parser expands nothing in it.
  return `RUN <<'${end}'\n${line}\n${end}\n`;
}

/** The command as people would type it. */
export function formatCommand(command: SmokeTest["command"]): string {
  return command.kind === "shell" ? command.line : command.argv.map(quoted).join(" ");
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}
