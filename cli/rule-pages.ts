import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isRuleId } from "../core/findings/rules.ts";
import type { Shell } from "./shell.ts";

/** Reads a rule's page, `docs/rules/<rule>.md` of the installed package; undefined where the rule has none: BuildKit's own. */
export async function readRulePage(
  rule: string,
  { packageDirectory }: Pick<Shell, "packageDirectory">,
): Promise<string | undefined> {
  if (!isRuleId(rule) || rule.includes("/")) return undefined;
  try {
    return await readFile(join(packageDirectory, "docs", "rules", `${rule}.md`), "utf8");
  } catch {
    return undefined;
  }
}
