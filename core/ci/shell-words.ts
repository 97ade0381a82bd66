/** Options that select a plan, as the jobs of a pipeline repeat them. */
export interface Selection {
  readonly file: string;
  readonly set: readonly string[];
  readonly image: readonly string[];
}

const DEFAULT_FILE = "buildx-plan.yaml";

/** The arguments that lead a job to the same plan. */
export function selectionArguments({ file, set, image }: Selection): readonly string[] {
  return [
    ...(file === DEFAULT_FILE ? [] : ["--file", file]),
    ...set.flatMap((each) => ["--set", each]),
    ...image.flatMap((each) => ["--image", each]),
  ];
}

/** A command line of a POSIX shell that has exactly these words. */
export function shellLine(program: string, words: readonly string[]): string {
  return [program, ...words.map(shellWord)].join(" ");
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
