import { expect, inject, test } from "vitest";
import { recordBuildKit } from "../support/recorded-buildkit.ts";
import { openRig, type Ran } from "../support/rig.ts";

const PLAN = `version: 1
images:
  app:
    context: .
    args: { A: "1" }
    platforms: [linux/amd64, linux/arm64]
    tags: ["127.0.0.1:9/app:1"]
`;

/** The plan with one thing changed. */
function changed(from: string, to: string): string {
  if (!PLAN.includes(from)) throw new Error(`the plan has no ${from}`);
  return PLAN.replace(from, to);
}

/** Lists of lists of lists: ten to the power of ten once its aliases are written out. */
function aliasBomb(): string {
  const ten = (item: string): string => `[${Array(10).fill(item).join(", ")}]`;
  const lines = Array.from({ length: 10 }, (_, n) => `  a${n}: &a${n} ${ten(n === 0 ? "x" : `*a${n - 1}`)}`);
  return changed("images:", `vars:\n${lines.join("\n")}\nimages:`);
}

interface Bad {
  readonly what: string;
  readonly text: string;
  /** `line:column` of the problem. */
  readonly at: string;
  readonly message: RegExp;
  /** The characters under the marker. */
  readonly marked: string;
  readonly hint?: string;
}

const BAD: readonly Bad[] = [
  {
    what: "broken YAML",
    text: changed("linux/arm64]", "linux/arm64"),
    at: "7:5",
    message: /must be sufficiently indented and end with a \]/,
    marked: "t",
    hint: "Indent the lines of one map or list alike",
  },
  {
    what: "an unknown key",
    text: changed("context:", "contxt:"),
    at: "4:5",
    message: /^Unknown key `contxt` in image `app`$/,
    marked: "contxt",
    hint: "Did you mean `context`?",
  },
  {
    what: "a wrong type",
    text: changed("[linux/amd64, linux/arm64]", "linux/amd64"),
    at: "6:16",
    message: /^`platforms` must be a list, not text$/,
    marked: "linux/amd64",
    hint: "Write it as a list: [linux/amd64]",
  },
  {
    what: "an unquoted number",
    text: changed('"1"', "1.10"),
    at: "5:16",
    message: /YAML reads 1\.10 as a number$/,
    marked: "1.10",
    hint: 'Quote it: "1.10"',
  },
  {
    what: "one platform in two spellings",
    text: changed("linux/arm64]", "linux/aarch64, linux/arm64/v8]"),
    at: "6:45",
    message: /^linux\/arm64\/v8 and linux\/aarch64 are the same platform$/,
    marked: "linux/arm64/v8",
    hint: "Keep one of the two",
  },
  {
    what: "a tag that is used twice",
    text: changed("app:1", 'app:1", "127.0.0.1:9/app:1'),
    at: "7:33",
    message: /^The tag 127\.0\.0\.1:9\/app:1 is used twice$/,
    marked: '"127.0.0.1:9/app:1"',
    hint: "Keep one of the two",
  },
  {
    what: "an invalid reference",
    text: changed("9/app:1", "9/App:1"),
    at: "7:12",
    message: /has capitals/,
    marked: '"127.0.0.1:9/App:1"',
    hint: "Did you mean 127.0.0.1:9/app:1?",
  },
  {
    what: "an undefined variable",
    text: changed('"1"', '"${nothing}"'),
    at: "5:19",
    message: /^Unknown variable `nothing`$/,
    marked: "nothing",
    hint: "Declare it: `vars: { nothing: ... }`",
  },
  {
    what: "a missing Dockerfile",
    text: changed("context: .", "dockerfile: Dockerfle"),
    at: "4:17",
    message: /^There is no Dockerfile `Dockerfle`$/,
    marked: "Dockerfle",
    hint: "Did you mean `Dockerfile`?",
  },
  {
    what: "a missing context",
    text: changed("context: .", "context: ./srcs"),
    at: "4:14",
    message: /^There is no context `\.\/srcs`$/,
    marked: "./srcs",
    hint: "It was looked for at ",
  },
  {
    what: "an alias bomb",
    text: aliasBomb(),
    at: "8:11",
    message: /^The plan becomes too large once its aliases are written out$/,
    marked: "[",
  },
  {
    what: "a plan that is nested too deeply",
    text: changed('"1"', `${"[".repeat(100)}${"]".repeat(100)}`),
    at: "5:61",
    message: /nested too deeply/,
    marked: "[",
    hint: "A plan needs less than ten levels of lists and maps",
  },
];

/** A problem as it stands in the output. */
interface Problem {
  readonly place: string;
  readonly message: string;
  readonly source: string;
  readonly marked: string;
  readonly hint?: string;
}

/** Reads problems back from their text, and from each marker the characters above it. */
function problemsIn(text: string): Problem[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    const head = /^(\S+:\d+:\d+): error: (.*)$/.exec(line);
    if (head === null) return [];
    const [, source = ""] = /^ +\d+ \| (.*)$/.exec(lines[at + 1] ?? "") ?? [];
    const [, indent = "", marker = ""] = /^ +\| ( *)(\^+)$/.exec(lines[at + 2] ?? "") ?? [];
    const marked = source.slice(indent.length, indent.length + marker.length);
    const [, hint] = /^ {2}hint: (.*)$/.exec(lines[at + 3] ?? "") ?? [];
    return [
      {
        place: head[1] ?? "",
        message: head[2] ?? "",
        source,
        marked,
        ...(hint === undefined ? {} : { hint }),
      },
    ];
  });
}

/** Nothing of a program that broke down: what every answer to bad input is held to. */
function expectOrderlyRefusal(ran: Ran): void {
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).not.toMatch(/internal error/i);
  expect(ran.stderr).not.toMatch(/^\s+at .*[:(]/m);
}

test.each(BAD)(
  "$what: the place, its line, a marker and what to do; nothing is built",
  async ({ text, at, message, marked, hint }) => {
    const buildkit = await recordBuildKit();
    const rig = await openRig({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": text });
    const argv = ["build", "--builder", inject("buildkit").address];
    const ran = await rig.run(argv, { PATH: buildkit.folder });
    expectOrderlyRefusal(ran);
    expect(ran.stdout).toBe("");
    const [problem, ...more] = problemsIn(ran.stderr);
    expect(more).toEqual([]);
    expect(problem).toMatchObject({
      place: `buildx-plan.yaml:${at}`,
      message: expect.stringMatching(message),
      source: text.split("\n")[Number(at.split(":")[0]) - 1],
      marked,
    });
    expect(problem?.hint ?? "").toContain(hint ?? "");
    expect(ran.stderr).toMatch(/^1 error in buildx-plan\.yaml$/m);
    // While the plan is read BuildKit is looked for, but not spoken to.
    const calls = await buildkit.calls();
    expect(calls.filter((call) => !call.endsWith(" --version"))).toEqual([]);

    const forMachines = await rig.run([...argv, "--json"], { PATH: buildkit.folder });
    expectOrderlyRefusal(forMachines);
    const [line, column] = at.split(":").map(Number);
    expect(JSON.parse(forMachines.stdout)).toMatchObject({
      schemaVersion: 1,
      ok: false,
      failures: [
        {
          kind: "plan-invalid",
          diagnostics: [
            {
              severity: "error",
              message: expect.stringMatching(message),
              location: { file: "buildx-plan.yaml", line, column },
            },
          ],
        },
      ],
    });
  },
);

test("the same plan without the mistake reaches BuildKit, and what does is written down", async () => {
  const buildkit = await recordBuildKit();
  const rig = await openRig({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": PLAN });
  const ran = await rig.run(["plan", "--builder", inject("buildkit").address], { PATH: buildkit.folder });
  expect(ran.exitCode).toBe(0);
  expect((await buildkit.calls()).join("\n")).toContain("debug workers");
});

test("several problems are told at once, in the order of the file", async () => {
  const text = changed("context: .", "contxt: .")
    .replace('"1"', "1.10")
    .replace("linux/arm64]", "linux/x86_64]")
    .replace("9/app:1", "9/App:1");
  const rig = await openRig({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": text });
  const ran = await rig.build();
  expectOrderlyRefusal(ran);
  expect(problemsIn(ran.stderr).map(({ place }) => place)).toEqual(
    ["4:5", "5:16", "6:30", "7:12"].map((at) => `buildx-plan.yaml:${at}`),
  );
  expect(ran.stderr).toMatch(/^4 errors in buildx-plan\.yaml$/m);
});

test("a plan on standard input is called <stdin>, and its problems are located too", async () => {
  const rig = await openRig({ Dockerfile: "FROM scratch\n" });
  const ran = await rig.run(["build", "-f", "-"], {}, changed("context:", "contxt:"));
  expectOrderlyRefusal(ran);
  expect(ran.stdout).toBe("");
  expect(problemsIn(ran.stderr)).toMatchObject([{ place: "<stdin>:4:5", marked: "contxt" }]);
});

test.each(["file", "stdin"])("a plan of 10 MB (%s) is refused by its size", async (from) => {
  const rig = await openRig({ Dockerfile: "FROM scratch\n" });
  const text = `${PLAN}# ${"x".repeat(10_000_000)}\n`;
  if (from === "file") await rig.write({ "huge.yaml": text });
  const ran = await rig.run(["build", "-f", from === "file" ? "huge.yaml" : "-"], {}, text);
  expectOrderlyRefusal(ran);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).toMatch(/the plan (huge\.yaml|<stdin>) is too large\n {2}it has 10MB, at most/);
  expect(ran.stderr).toContain("hint: ");
});

test("a plan that is not there: the name that was meant", async () => {
  const rig = await openRig({ "buildx-plan.yml": PLAN });
  const ran = await rig.run(["build", "--json"]);
  expectOrderlyRefusal(ran);
  expect(ran.stderr).toContain("cannot read the plan buildx-plan.yaml\n  there is no such file\n");
  expect(ran.stderr).toContain("hint: Did you mean buildx-plan.yml?");
  expect(JSON.parse(ran.stdout).failures).toMatchObject([{ kind: "plan-not-found" }]);
});

test.each([
  [["--set", "colour=red"], /--set colour: the plan has no such variable/],
  [["--set", "colour"], /hint: Write --set name=value/],
  [["--image", "ap"], /hint: Did you mean `app`\?/],
  [["--only", "linux/s390x"], /hint: There is linux\/amd64, linux\/arm64/],
  [["--only", "linux/x/y/z"], /--only linux\/x\/y\/z: this is no platform/],
])("%j does not fit the plan", async (options, message) => {
  const rig = await openRig({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": PLAN });
  const ran = await rig.run(["build", ...options]);
  expectOrderlyRefusal(ran);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).toMatch(message);
});

test.each([
  [["bild"], "unknown command 'bild'\n(Did you mean build?)"],
  [["build", "--ony", "linux/amd64"], "unknown option '--ony'\n(Did you mean --only?)"],
  [["build", "--progress", "fancy"], "Allowed choices are auto, tty, plain, json, quiet."],
  [["build", "now"], "too many arguments for 'build'"],
  [["inspect"], "missing required argument 'reference'"],
])("%j is no command line of ours", async (argv, message) => {
  const rig = await openRig();
  const ran = await rig.run(argv);
  expectOrderlyRefusal(ran);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).toContain(message);
  expect(ran.stderr).toContain("--help");
});

test("an invalid reference on the command line, with what is wrong with it", async () => {
  const rig = await openRig();
  const ran = await rig.run(["inspect", "registry.example/App:1", "--json"]);
  expectOrderlyRefusal(ran);
  expect(ran.stderr).toContain("registry.example/App:1");
  expect(JSON.parse(ran.stdout).failures).toMatchObject([{ kind: "reference-invalid" }]);
});
