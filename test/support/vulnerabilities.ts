import type { Vulnerability } from "../../core/scan/source.ts";

/** A vulnerability of a package; a test changes what it is about. */
export function vulnerability(id: string, changes: Partial<Vulnerability> = {}): Vulnerability {
  return {
    id,
    aliases: [],
    package: { name: "a", version: "1.0.0", purl: "pkg:npm/a@1.0.0", type: "npm" },
    severity: "high",
    ...changes,
  };
}
