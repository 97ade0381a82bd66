/** A variable of the environment. */
export type Variable = readonly [name: string, value: string];

/** A line that is no variable; what stands in it is not told, because it may be a part of a secret. */
export interface LineInvalid {
  /** From 1 on. */
  readonly line: number;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads variables as a file named by GITHUB_ENV has them: `NAME=value`, or several lines between `NAME<<END` and `END`. Values stay as
 * they are, quotes and spaces included.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-environment-variable
 */
export function readVariables(text: string): readonly Variable[] | LineInvalid {
  const lines = text.split(/\r?\n/);
  const variables: Variable[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "") continue;
    const [, name = "", mark = "", rest = ""] = /^\s*([^=<\s]+)(=|<<)(.*)$/.exec(line) ?? [];
    if (!NAME.test(name)) return { line: at + 1 };
    const end = mark === "<<" ? lines.indexOf(rest, at + 1) : at;
    if (end === -1) return { line: at + 1 };
    variables.push([name, mark === "<<" ? lines.slice(at + 1, end).join("\n") : rest]);
    at = end;
  }
  return variables;
}

/** What no log may show of these: each value as a whole and, of several lines, each line. */
export function valuesToMask(variables: readonly Variable[]): readonly string[] {
  const values = variables.flatMap(([, value]) => [value, ...value.split("\n")]).map((value) => value.trim());
  return [...new Set(values)].filter((value) => value !== "");
}
