import { plain, redact } from "./failures.ts";
import type { RegistryWarning } from "./registry.ts";

/** What registries said to their users during a run, each text once. */
export interface Warnings {
  /** Takes in the `Warning` headers of an answer; secrets in them are not kept. */
  add(registry: string, headers: readonly string[], secrets: readonly string[]): void;
  all(): readonly RegistryWarning[];
}

const MAX_WARNINGS = 20;
const MAX_TEXT = 500;
const MAX_HEADER = 8 * 1024;
// Code 299 and a quoted text; others are caches speaking of themselves. Proxies join several with commas.
const WARNING = /(?:^|,)\s*299\s+[^\s",]+\s+"((?:[^"\\]|\\.)*)"/g;

/** Begins with none. A registry that says too much is heard up to a cap. */
export function createWarnings(): Warnings {
  const heard = new Map<string, Set<string>>();
  return {
    add: (registry, headers, secrets) => {
      const texts = headers.flatMap((header) => textsOf(header)).map((text) => redact(text, secrets));
      if (texts.length === 0) return;
      const known = heard.get(registry) ?? new Set();
      for (const text of texts) if (known.size < MAX_WARNINGS) known.add(text);
      heard.set(registry, known);
    },
    all: () => [...heard].flatMap(([registry, texts]) => [...texts].map((text) => ({ registry, text }))),
  };
}

/**
 * The texts of one `Warning` header.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings
 */
export function textsOf(header: string): readonly string[] {
  return [...header.slice(0, MAX_HEADER).matchAll(WARNING)]
    .map(([, quoted = ""]) => plain(quoted.replace(/\\(.)/g, "$1")).slice(0, MAX_TEXT))
    .filter((text) => text !== "");
}
