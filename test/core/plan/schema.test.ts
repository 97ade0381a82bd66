import { join } from "node:path";
import { expect, test } from "vitest";
import { planJsonSchema } from "../../../core/plan/schema.ts";

const root = join(import.meta.dirname, "../../..");

// `schema.json` is what editors read; run vitest with -u to write it anew after a change of the schema.
test("schema.json is made from the validation's own source", async () => {
  await expect(`${JSON.stringify(planJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot(
    join(root, "schema.json"),
  );
});

test("every key tells editors what it is for", () => {
  const undescribed: string[] = [];
  const visit = (schema: unknown, path: string) => {
    if (typeof schema !== "object" || schema === null) return;
    for (const [key, inner] of Object.entries(schema)) {
      if (key === "properties") {
        for (const [name, property] of Object.entries<unknown>({ ...inner })) {
          const isDescribed = typeof property === "object" && property !== null && "description" in property;
          if (!isDescribed) undescribed.push(`${path}.${name}`);
          visit(property, `${path}.${name}`);
        }
      } else visit(inner, path);
    }
  };
  visit(planJsonSchema(), "plan");
  expect(undescribed).toEqual([]);
});
