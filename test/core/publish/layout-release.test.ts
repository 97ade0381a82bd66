import { expect, test } from "vitest";
import { layoutNames } from "../../../core/publish/layout-release.ts";
import { plannedRelease } from "../../support/release.ts";

function release(name: string, ...tags: readonly string[]) {
  return plannedRelease({
    name,
    tags: tags.map((text) => {
      const [registry = "", path = "", tag = ""] = text.split(/[/:]/);
      return { registry, path, tag };
    }),
  });
}

const app = release("app[node=22]", "one.example/app:1", "two.example/app:1", "one.example/app:latest");
const base = release("base", "one.example/base:1");

test("a release is called by its tags, each with the first reference that has it", () => {
  expect(layoutNames(app, [app])).toEqual([
    { name: "1", reference: "one.example/app:1" },
    { name: "latest", reference: "one.example/app:latest" },
  ]);
});

test("a tag that two releases have comes after the name of each", () => {
  expect(layoutNames(app, [app, base]).map(({ name }) => name)).toEqual(["app_node_22-1", "latest"]);
  expect(layoutNames(base, [app, base])).toEqual([{ name: "base-1", reference: "one.example/base:1" }]);
});

test("one without tags is the latest, or goes by its own name among others", () => {
  const bare = release("bare");
  expect(layoutNames(bare, [bare])).toEqual([{ name: "latest" }]);
  expect(layoutNames(bare, [bare, base])).toEqual([{ name: "bare" }]);
});
