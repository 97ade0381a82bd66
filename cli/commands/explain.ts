import { isRuleId, ruleOf, RULES, type RuleId } from "../../core/findings/rules.ts";
import { hintFor } from "../../core/plan/nearest.ts";
import { hintLine } from "../describe/explanation.ts";
import { printJson, widthOf } from "../report.ts";
import { readRulePage } from "../rule-pages.ts";
import type { Shell } from "../shell.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable } from "../text/table.ts";

export interface ExplainOptions {
  readonly json?: boolean;
}

/** `explain`: the page of one rule, or the list of all. */
export async function runExplain(
  rule: string | undefined,
  options: ExplainOptions,
  shell: Shell,
): Promise<number> {
  if (rule === undefined) return listRules(options, shell);
  const page = await readRulePage(rule, shell.packageFile);
  if (page === undefined || !isRuleId(rule)) return unknownRule(rule, shell);
  if (options.json === true) printJson(shell, { ok: true, rule, ...ruleOf(rule), page });
  else shell.stdout.write(page.endsWith("\n") ? page : `${page}\n`);
  return 0;
}

function listRules({ json }: ExplainOptions, shell: Shell): number {
  const rules = Object.keys(RULES)
    .filter(isRuleId)
    .map((rule) => ({ rule, ...ruleOf(rule) }));
  const { stdout } = shell;
  if (json === true) printJson(shell, { ok: true, rules });
  else stdout.write(`${ruleTable(rules, stdout).join("\n")}\n`);
  return 0;
}

function ruleTable(
  rules: readonly { readonly rule: RuleId; readonly severity: string; readonly title: string }[],
  stdout: Shell["stdout"],
): readonly string[] {
  return renderTable(
    rules,
    [
      { heading: "RULE", cell: ({ rule }) => rule },
      { heading: "SEVERITY", cell: ({ severity }) => severity, drop: 1 },
      { heading: "WHAT", cell: ({ title }) => title, clip: true },
    ],
    { width: widthOf(stdout), colour: stdout.colour },
  );
}

function unknownRule(rule: string, { stderr }: Shell): number {
  const { error, strong } = palette(stderr.colour);
  const isBuildKits = rule.startsWith("buildkit/") && isRuleId(rule);
  const headline = isBuildKits
    ? `${rule} is one of BuildKit's own checks`
    : `there is no rule \`${rule.slice(0, 80)}\``;
  const hint = isBuildKits
    ? "https://docs.docker.com/reference/build-checks/ has a page for each"
    : hintFor(rule, Object.keys(RULES), "`buildx-plan explain` lists all rules");
  stderr.write(`${error("error:")} ${strong(visible(headline))}\n${hintLine(hint, stderr.colour)}\n`);
  return 2;
}
