import { describe, expect, test } from "vitest";
import { loadText, planOf, problemsOf } from "../../support/plan.ts";

function text(secrets: string, variable = "{ env: NPM_TOKEN, secret: true }"): string {
  return `version: 1
vars:
  token: ${variable}
images:
  app:
    secrets: [${secrets}]
    platforms: [linux/amd64, linux/arm64]
    tags: [registry.example/app:1]
`;
}

describe("a secret that has no value here is left out, with a warning", () => {
  test.each([
    [
      "of a variable of the plan",
      text("{ id: npm, var: token }"),
      { kind: "unset", id: "npm", variable: "NPM_TOKEN" },
      "6:31 (warning) The secret variable `token` has no value: the environment variable NPM_TOKEN is not set | A step that requires this secret will fail. Set NPM_TOKEN, or give `token` a default\n",
    ],
    [
      "that only --set gives",
      text("{ id: npm, var: token }", "{ secret: true }"),
      { kind: "unset", id: "npm" },
      "6:31 (warning) The secret variable `token` has no value: it has neither `default` nor `env` | A step that requires this secret will fail. Set it with --set token=...\n",
    ],
    [
      "of the environment itself",
      text('"id=npm,env=PIP_TOKEN", { id: other, var: token }', "{ default: x, secret: true }"),
      { kind: "unset", id: "npm", variable: "PIP_TOKEN" },
      "6:27 (warning) The environment variable PIP_TOKEN is not set | A step that requires this secret will fail\n",
    ],
  ])("%s", async (_, plan, unset, warning) => {
    const loaded = await loadText(plan);
    for (const { build } of planOf(loaded).releases.flatMap(({ variants }) => variants)) {
      expect(build.unsetSecrets).toMatchObject([unset]);
      expect(build.secrets.map(({ id }) => id)).not.toContain("npm");
    }
    expect(problemsOf(loaded)).toBe(warning);
  });

  test("one that is set, though empty, is passed on", async () => {
    const env = { PATH: "", NPM_TOKEN: "" };
    const [release] = planOf(await loadText(text("{ id: npm, var: token }"), { env })).releases;
    expect(release?.variants[0]?.build).toMatchObject({
      secrets: [{ id: "npm", kind: "value", value: "" }],
    });
    expect(release?.variants[0]?.build).not.toHaveProperty("unsetSecrets");
  });

  test("`required: true` of the variable makes it an error all the same", async () => {
    const plan = text("{ id: npm, var: token }", "{ env: NPM_TOKEN, secret: true, required: true }");
    expect(problemsOf(await loadText(plan))).toContain(
      "3:3 `token` must have a value, and the environment variable NPM_TOKEN is not set",
    );
  });
});
