import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAX_PLAN_BYTES } from "../../../core/plan/load.ts";
import { folderWith, load, loadText, planOf, problemsOf } from "../../support/plan.ts";

const MINIMAL = `version: 1
images:
  app:
    platforms: [linux/amd64, linux/arm64]
    tags: [registry.example/app:1]
`;

describe("where a plan comes from", () => {
  test("a path is relative to the working folder, and shown as it was named", async () => {
    const folder = await folderWith({ "sub/plan.yaml": MINIMAL, "sub/Dockerfile": "FROM scratch\n" });
    const plan = planOf(await load("sub/plan.yaml", folder));
    expect(plan.file.path).toBe("sub/plan.yaml");
    expect(plan.directory).toBe(join(folder, "sub"));
    expect(plan.releases[0]?.variants[0]?.build.dockerfile).toBe(join(folder, "sub/Dockerfile"));
  });

  test("- is standard input, in the working folder", async () => {
    const folder = await folderWith({ Dockerfile: "FROM scratch\n" });
    const plan = planOf(await load("-", folder, { stdin: () => Promise.resolve(MINIMAL) }));
    expect(plan.file).toEqual({ path: "<stdin>", text: MINIMAL });
    expect(plan.directory).toBe(folder);
  });

  test("a missing plan is told with those that are there", async () => {
    const folder = await folderWith({ "buildx-plan.yml": MINIMAL, "other.yaml": "", "notes.txt": "" });
    expect(await load("buildx-plan.yaml", folder)).toEqual({
      ok: false,
      error: {
        kind: "plan-not-found",
        path: "buildx-plan.yaml",
        detail: "there is no such file",
        nearby: ["buildx-plan.yml"],
      },
    });
  });

  test("a folder is no plan, but may have one", async () => {
    const folder = await folderWith({ "sub/buildx-plan.yaml": MINIMAL });
    expect(await load("sub", folder)).toMatchObject({
      error: { kind: "plan-not-found", detail: "it is a folder", nearby: [join("sub", "buildx-plan.yaml")] },
    });
  });

  test.each([
    ["a file", async (text: string) => loadText(text)],
    ["standard input", async (text: string) => load("-", "/", { stdin: () => Promise.resolve(text) })],
  ])("a plan beyond the limit is refused unread: %s", async (_, read) => {
    const text = `${MINIMAL}#${"x".repeat(MAX_PLAN_BYTES)}`;
    expect(await read(text)).toMatchObject({
      error: { kind: "plan-too-large", bytes: text.length, maxBytes: MAX_PLAN_BYTES },
    });
  });

  test("text that is not UTF-8 is refused where it stops to be", async () => {
    const folder = await folderWith({ Dockerfile: "" });
    await writeFile(join(folder, "plan.yaml"), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
    expect(problemsOf(await load("plan.yaml", folder))).toBe(
      "1:4 The plan is not text in UTF-8 | Save it as UTF-8\n",
    );
  });

  test("a byte order mark and CRLF shift no position", async () => {
    const text = `\uFEFF${MINIMAL}  other: { colour: red, platforms: [linux/amd64], tags: [a:b] }\n`;
    const expected = "6:12 Unknown key `colour`";
    expect(problemsOf(await loadText(text))).toContain(expected);
    expect(problemsOf(await loadText(text.replaceAll("\n", "\r\n")))).toContain(expected);
  });
});

describe("the files that a plan names", () => {
  test("a symbolic link must not lead out of the plan's folder", async () => {
    const outside = await folderWith({ Dockerfile: "FROM scratch\n", secret: "s" });
    const folder = await folderWith({
      "plan.yaml": `version: 1
images:
  app:
    context: ./link
    secrets: ["id=s,src=secret"]
    output: ["type=local,dest=away/out/deeper"]
    platforms: [linux/amd64]
`,
    });
    await symlink(outside, join(folder, "link"));
    await symlink(outside, join(folder, "away"));
    await symlink(join(outside, "secret"), join(folder, "secret"));
    const hint = "A symbolic link leads out of it";
    expect(problemsOf(await load("plan.yaml", folder))).toBe(
      `4:14 The context \`./link\` is outside of the plan's folder | ${hint}\n` +
        `5:25 The secret \`secret\` is outside of the plan's folder | ${hint}\n` +
        `6:31 The output \`away/out/deeper\` is outside of the plan's folder | ${hint}\n`,
    );
  });

  test("a link within the folder, and a folder that is itself reached by one, are fine", async () => {
    const folder = await folderWith({ "real/Dockerfile": "FROM scratch\n" });
    const plan = MINIMAL.replace("  app:", "  app:\n    context: ./link");
    await writeFile(join(folder, "plan.yaml"), plan);
    await symlink("real", join(folder, "link"));
    const elsewhere = await folderWith({});
    await symlink(folder, join(elsewhere, "way"));
    expect(planOf(await load("way/plan.yaml", elsewhere)).releases).toHaveLength(1);
  });
});

describe("what the command line changes", () => {
  const text = `version: 1
vars: { release: "1", other: "\${release}" }
images:
  app:
    matrix: { node: ["22", "24"] }
    platforms: [linux/amd64, linux/arm64]
    tags: ["registry.example/app:\${other}-\${matrix.node}"]
  tool:
    platforms: [linux/amd64]
    tags: [registry.example/tool:1]
`;
  const idsOf = async (changes: Parameters<typeof loadText>[1]) =>
    planOf(await loadText(text, changes)).releases.flatMap(({ variants }) => variants.map(({ id }) => id));

  test("--set replaces a variable, for others too; the last of a name counts, and may hold =", async () => {
    const plan = planOf(await loadText(text, { set: ["release=2", "release=a_b"] }));
    expect(plan.releases.map(({ tags }) => tags[0]?.tag)).toEqual(["a_b-22", "a_b-24", "1"]);
    const invalid = await loadText(text, { set: ["release=a=b"] });
    expect(problemsOf(invalid)).toContain("`registry.example/app:a=b-22` is no image reference");
  });

  test("--image takes an image with all its cells, or one cell", async () => {
    expect(await idsOf({ images: ["tool"] })).toEqual(["tool linux/amd64"]);
    expect(await idsOf({ images: ["app[node=24]"] })).toEqual([
      "app[node=24] linux/amd64",
      "app[node=24] linux/arm64",
    ]);
    expect(await idsOf({ images: ["tool", "app"] })).toHaveLength(5);
  });

  describe("images that need each other", () => {
    const linked = `version: 1
images:
  app:
    needs: [tool]
    contexts: { base: "image:base" }
    matrix: { node: ["22", "24"] }
    platforms: [linux/amd64]
    tags: ["registry.example/app:\${matrix.node}"]
  base:
    contexts: { root: image:root }
    matrix: { node: ["22", "24"] }
    platforms: [linux/amd64, linux/arm64]
    tags: ["registry.example/base:\${matrix.node}"]
  other: { platforms: [linux/arm64], tags: [registry.example/other:1] }
  root: { platforms: [linux/amd64, linux/arm64], tags: [registry.example/root:1] }
  tool: { platforms: [linux/amd64], tags: [registry.example/tool:1] }
`;
    const idsOfLinked = async (changes: Parameters<typeof loadText>[1]) =>
      planOf(await loadText(linked, changes)).releases.flatMap(({ variants }) =>
        variants.map(({ id }) => id),
      );

    test("--image takes what an image needs with it, and what that needs, in the plan's order", async () => {
      expect(await idsOfLinked({ images: ["app[node=24]"] })).toEqual([
        "app[node=24] linux/amd64",
        "base[node=24] linux/amd64",
        "base[node=24] linux/arm64",
        "root linux/amd64",
        "root linux/arm64",
        "tool linux/amd64",
      ]);
      expect(await idsOfLinked({ images: ["root", "other"] })).toEqual([
        "other linux/arm64",
        "root linux/amd64",
        "root linux/arm64",
      ]);
    });

    test("--only keeps this platform of all of them", async () => {
      expect(await idsOfLinked({ images: ["base[node=22]"], only: ["linux/arm64"] })).toEqual([
        "base[node=22] linux/arm64",
        "root linux/arm64",
      ]);
    });
  });

  test("--only keeps a platform, however it is written, and drops images that have it not", async () => {
    expect(await idsOf({ only: ["linux/aarch64"] })).toEqual([
      "app[node=22] linux/arm64",
      "app[node=24] linux/arm64",
    ]);
  });

  test.each([
    [{ set: ["relase=2"] }, "--set", "relase", "Did you mean `release`?"],
    [{ set: ["release"] }, "--set", "release", "Write --set name=value"],
    [{ images: ["tol"] }, "--image", "tol", "Did you mean `tool`?"],
    [{ only: ["linux/s390x"] }, "--only", "linux/s390x", "There is linux/amd64, linux/arm64"],
    [{ images: ["tool"], only: ["linux/arm64"] }, "--only", "linux/arm64", "There is linux/amd64"],
    [{ only: ["arm65"] }, "--only", "arm65", "Did you mean linux/arm64?"],
  ])("%j is refused with what was meant", async (changes, option, value, hint) => {
    expect(await loadText(text, changes)).toMatchObject({
      ok: false,
      error: { kind: "override-invalid", option, value, hint },
    });
  });

  test("what stands behind the = of --set is not repeated", async () => {
    expect(JSON.stringify(await loadText(text, { set: ["tokn=hunter2"] }))).not.toContain("hunter2");
  });
});

describe("what deserves a look, or not", () => {
  const withImage = (image: string, before = "") =>
    `version: 1\n${before}images:\n  app:\n    platforms: [linux/amd64]\n    tags: ["registry.example/app:\${matrix.node}"]\n${image}`;

  test("an exclude that meets nothing is a warning, one that does is none", async () => {
    const matrix = '    matrix: { node: ["22", "24"], exclude: [{ node: "22" }, { node: "20" }] }\n';
    expect(problemsOf(await loadText(withImage(matrix)))).toBe(
      "6:61 (warning) This excludes nothing: no combination has these values | Check the values against those of the matrix\n",
    );
  });

  test("a required variable must have a value, and not an empty one", async () => {
    const vars = "vars: { must: { env: MUST, required: true } }\n";
    const text = withImage('    matrix: { node: ["22"] }\n    args: { A: "${must}" }\n', vars);
    const loaded = async (value: string) =>
      problemsOf(await loadText(text, { env: { PATH: "", MUST: value } }));
    expect(await loaded("x")).toBe("");
    expect(await loaded("")).toBe("2:9 `must` must have a value, and it is empty\n");
  });

  test("caches of the same name in two images are a warning", async () => {
    const image = (name: string) =>
      `  ${name}: { platforms: [linux/amd64], tags: ["registry.example/${name}:1"], cache-to: [registry.example/cache] }\n`;
    expect(problemsOf(await loadText(`version: 1\nimages:\n${image("a")}${image("b")}`))).toContain(
      "(warning) a linux/amd64 and b linux/amd64 write the same cache: one overwrites the other",
    );
  });
});
