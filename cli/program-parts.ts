/** Takes the exit code of a command that has ended. */
export type End = (exitCode: number) => void;

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
