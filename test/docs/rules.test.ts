import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { isRuleId, ruleOf, RULES } from "../../core/findings/rules.ts";
import { ROOT } from "../support/rig.ts";

const pages = globSync("docs/rules/*.md", { cwd: ROOT }).map((path) => basename(path, ".md"));

test("every rule has a page, and every page a rule", () => {
  expect(pages.toSorted()).toEqual(Object.keys(RULES).toSorted());
});

test.each(pages)("the page of %s: its title first, short, with a way to silence it", (page) => {
  if (!isRuleId(page)) throw new Error(`docs/rules/${page}.md is about no rule`);
  const text = readFileSync(join(ROOT, "docs/rules", `${page}.md`), "utf8");
  expect(text.split("\n")[0]).toBe(`# ${ruleOf(page).title}`);
  expect(text.split("\n").length).toBeLessThanOrEqual(60);
  expect(text).toMatch(/silence|ignore|meant/i);
});
