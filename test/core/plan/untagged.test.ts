import { expect, test } from "vitest";
import { refuseUntagged } from "../../../core/plan/untagged.ts";
import { assembleIn, onGithub, planWith } from "../../support/checkout.ts";
import { planOf } from "../../support/plan.ts";

const RULES = "    tags: [{ image: user/app, from: ['semver:{{version}}'] }]";

async function refusedOn(ref: string, lines: string): Promise<boolean> {
  return !refuseUntagged(planOf(await assembleIn(planWith(lines), onGithub(ref)))).ok;
}

test.each([
  ["a tag", "refs/tags/v1.0.0", RULES, false],
  ["a branch, for which there is no rule", "refs/heads/main", RULES, true],
  [
    "the same, with results on disk",
    "refs/heads/main",
    `${RULES}\n    output: ["type=local,dest=out"]`,
    false,
  ],
  ["tags that are written", "refs/heads/main", "    tags: [user/app:1]", false],
])("%s", async (_, ref, lines, refused) => {
  expect(await refusedOn(ref, lines)).toBe(refused);
});

test("says which image, where it stands, and what to do", async () => {
  const refused = refuseUntagged(planOf(await assembleIn(planWith(RULES), onGithub("refs/heads/main"))));
  expect(refused).toMatchObject({
    error: {
      kind: "plan-invalid",
      diagnostics: [
        {
          message: "No rule gives app a tag here, so there is nothing to publish",
          location: { range: { start: 21, end: 24 } },
        },
      ],
    },
  });
});
