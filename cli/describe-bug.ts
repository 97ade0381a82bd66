/** An exception is a bug of ours, never the user's: say so, with what a report needs. */
export function describeBug(error: unknown, version: string): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    "buildx-plan: an internal error. This is a bug in buildx-plan, not in your plan.",
    `Please report it with these lines (buildx-plan ${version}, Node ${process.version}, ${process.platform}/${process.arch}):`,
    stack,
    "",
  ].join("\n");
}
