/** The system's name for what went wrong (`ENOENT`); undefined for an error that is none of the system's. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Why something could not be read, as half a sentence; what is not the system's error is a bug, and goes on. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) throw error;
  if (code === "ENOENT") return "it is not there";
  if (code === "EACCES" || code === "EPERM") return "this user may not read it";
  if (code === "ENAMETOOLONG") return "its path is too long";
  if (code === "ENOTDIR") return "it is no folder";
  if (code === "ELOOP") return "its symbolic links go in a circle";
  return error instanceof Error ? error.message : code;
}
