import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./rig.ts";

/** A block of code in a page. */
export interface CodeBlock {
  /** Of the section that it stands in; empty above the first. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
}

/** All blocks of code of a page, in its order. */
export function codeBlocks(page: string): readonly CodeBlock[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return text.split(/^(?=#+ )/m).flatMap((section) => {
    const heading = /^#+ (.+)\n/.exec(section)?.[1] ?? "";
    return [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = "", code = ""]) => ({
      heading,
      language,
      text: code,
    }));
  });
}
