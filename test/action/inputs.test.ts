import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandLine, needsBuildKit, type ActionInputs } from "../../action/inputs.ts";

const NOTHING: ActionInputs = {
  command: "",
  file: "",
  set: "",
  only: "",
  image: "",
  builder: "",
  push: "true",
  args: "",
};

test.each<readonly [string, Partial<ActionInputs>, readonly string[]]>([
  ["nothing", {}, ["build"]],
  [
    "a part",
    { only: "linux/arm64, linux/arm/v7\nlinux/386" },
    ["build", "--only=linux/arm64", "--only=linux/arm/v7", "--only=linux/386"],
  ],
  [
    "variables",
    { set: "release=v1, really\n\n  note=a b  " },
    ["build", "--set=release=v1, really", "--set=note=a b"],
  ],
  ["nothing pushed", { push: "false" }, ["build", "--output=type=oci,dest=/tmp/job/buildx-plan.tar"]],
  [
    "a check, where nothing is pushed anyway",
    { command: "check", push: "false", file: "ci/plan.yaml" },
    ["check", "--file=ci/plan.yaml"],
  ],
  [
    "a stitch, which selects no platforms",
    { command: "stitch", only: "linux/arm64", image: "app" },
    ["stitch", "--image=app"],
  ],
  [
    "a builder, and what there is no input for",
    { builder: "tcp://arm:1234", args: "--strict\n--fail-fast" },
    ["build", "--builder=tcp://arm:1234", "--strict", "--fail-fast"],
  ],
  [
    "a command that reads no plan",
    { command: "verify", file: "plan.yaml", args: "registry.example/app:1" },
    ["verify", "registry.example/app:1"],
  ],
])("%s", (_, inputs, argv) => {
  expect(commandLine({ ...NOTHING, ...inputs }, "/tmp/job")).toEqual(argv);
});

describe("what cannot be meant", () => {
  test.each<readonly [Partial<ActionInputs>, object]>([
    [{ command: "bulid" }, { input: "command" }],
    [{ command: "stitch", push: "false" }, { input: "push" }],
  ])("%j", (inputs, problem) => {
    expect(commandLine({ ...NOTHING, ...inputs }, "/tmp")).toMatchObject(problem);
  });
});

test("no input but `args` becomes an option of its own", () => {
  const text = fc.string();
  const inputs = fc.record({ file: text, set: text, only: text, image: text, builder: text });
  fc.assert(
    fc.property(inputs, (given) => {
      const argv = commandLine({ ...NOTHING, ...given }, "/tmp");
      const known = /^(?:build$|--(?:file|set|image|only|builder)=)/;
      expect(Array.isArray(argv) && argv.every((each) => known.test(each))).toBe(true);
    }),
  );
});

test("BuildKit's client is installed for what asks a builder", () => {
  expect(
    ["build", "plan", "check", "stitch", "tags", "verify"].map((command) => needsBuildKit([command])),
  ).toEqual([true, true, true, false, false, false]);
});
