import { expect, test } from "vitest";
import { defaultBranchOf } from "../../../core/ci/default-branch.ts";

const on = (branch: string) => ({ values: new Map([["git.branch", branch]]) });

test.each([
  ["what origin says", { ...on("topic"), defaultBranch: "devel" }, { name: "devel", from: "origin" }],
  ["the branch that is checked out", on("trunk"), { name: "trunk", from: "checkout" }],
  ["main, where another kind of branch is checked out", on("fix-it"), { name: "main", from: "nothing" }],
  ["main, where there is no git", { values: new Map() }, { name: "main", from: "nothing" }],
])("the default branch is %s", (_, git, found) => {
  expect(defaultBranchOf(git)).toEqual(found);
});
