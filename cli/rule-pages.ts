import { isRuleId } from "../core/findings/rules.ts";
import type { PackageFile } from "./shell.ts";

/** Reads a rule's page, `docs/rules/<rule>.md` of the package; undefined where the rule has none: BuildKit's own. */
export async function readRulePage(rule: string, packageFile: PackageFile): Promise<string | undefined> {
  if (!isRuleId(rule) || rule.includes("/")) return undefined;
  try {
    return await packageFile(`docs/rules/${rule}.md`);
  } catch {
    return undefined;
  }
}
