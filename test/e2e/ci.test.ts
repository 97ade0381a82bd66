import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const SECRET = "correct-horse-battery";

/** Prints what runners would obey, and fails on arm64 where it is told to. */
const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ARG RUN_ID
ARG FAIL=none
RUN --mount=type=secret,id=token echo "\${RUN_ID}"; echo "::set-output name=digest::evil"; echo "  ::stop-commands::evil"; echo "##[add-path]/evil"; echo "##vso[task.setvariable variable=PATH]/evil"; cat /run/secrets/token
RUN if [ "\${FAIL}" = "$(uname -m)" ]; then echo "no luck, a:b, 100%"; exit 3; fi
`;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

function plan(path: string, fail = "none"): string {
  return `version: 1
vars:
  token: { env: NPM_TOKEN, secret: true }
images:
  app:
    context: .
    contexts: { busybox: ./busybox }
    args: { RUN_ID: ${randomUUID()}, FAIL: ${fail} }
    secrets: [{ id: token, var: token }]
    platforms: [linux/amd64, linux/arm64]
    tags: ["${registry.host}/${path}:1.0", "${registry.host}/${path}:latest"]
`;
}

/** A job of GitHub: a checkout in a workspace, and the variables and files that its runner documents. */
interface Job {
  readonly rig: Rig;
  readonly run: (argv: readonly string[], env?: Environment) => Promise<Ran>;
  readonly read: (name: "summary" | "output") => Promise<string>;
}

async function openJob(files: Readonly<Record<string, string>>): Promise<Job> {
  const rig = await openRig({ ".git/HEAD": "ref: refs/heads/main\n", ...files });
  await addBusybox(rig);
  const commands = join(rig.state, "_runner_file_commands");
  await mkdir(commands, { recursive: true });
  const path = (name: string): string => join(commands, name);
  for (const name of ["summary", "output"]) await writeFile(path(name), "");
  const github = {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_WORKSPACE: rig.directory,
    GITHUB_EVENT_NAME: "push",
    GITHUB_REF: "refs/tags/v1.0",
    GITHUB_SHA: "ffac537e6cbbf934b08745a378932722df287a53",
    GITHUB_RUN_ATTEMPT: "2",
    GITHUB_STEP_SUMMARY: path("summary"),
    GITHUB_OUTPUT: path("output"),
    NPM_TOKEN: SECRET,
  };
  return {
    rig,
    run: (argv, env = {}) => rig.run(argv, { ...github, ...env }),
    read: (name) => readFile(path(name), "utf8"),
  };
}

function onBuilder(...argv: string[]): readonly string[] {
  return [...argv, "--builder", inject("buildkit").address];
}

/** Commands that GitHub's runner would find in this log, by its own rules. */
function githubCommands(log: string): readonly string[] {
  return log.split("\n").filter((line) => /^\s*::[a-z]/.test(line) || line.includes("##["));
}

/** Outputs as the runner reads them. */
function outputsIn(text: string): Readonly<Record<string, string>> {
  const read = [...text.matchAll(/^(\S+?)<<(\S+)\n([\s\S]*?)\n\2$/gm)];
  return Object.fromEntries(read.map(([, name = "", , value = ""]) => [name, value]));
}

async function digestOf(tag: string): Promise<string> {
  const { stdout } = await execa(await testTool("crane"), ["digest", "--insecure", tag]);
  return stdout;
}

test("GitHub: groups, masks, a summary and outputs of a release", async () => {
  const job = await openJob({ Dockerfile: DOCKERFILE, "buildx-plan.yaml": plan("ci/released") });
  const ran = await job.run(onBuilder("build"));
  expect(ran).toMatchObject({ exitCode: 0 });
  const commands = githubCommands(ran.stderr + ran.stdout);
  expect(commands[0]).toBe(`::add-mask::${SECRET}`);
  expect(commands.slice(1).filter((line) => !/^::(?:group::app linux|endgroup::$)/.test(line))).toEqual([]);
  expect(commands.filter((line) => line.startsWith("::group::"))).toHaveLength(2);
  expect(ran.stderr).toContain("\n| ::set-output name=digest::evil\n");
  const text = [ran.stderr.replace(`::add-mask::${SECRET}\n`, ""), ran.stdout];
  const told = [await job.read("summary"), await job.read("output")];
  expect([...text, ...told].join("\n")).not.toContain(SECRET);

  const tags = [`${registry.host}/ci/released:1.0`, `${registry.host}/ci/released:latest`];
  const digest = await digestOf(tags[0] ?? "");
  const { json = "", ...outputs } = outputsIn(told[1] ?? "");
  expect(outputs).toEqual({ digest, tags: tags.join("\n"), digest_app: digest });
  expect(JSON.parse(json)).toMatchObject({ ok: true, releases: [{ name: "app", digest, tags }] });
  expect(told[0]).toContain("## ✅ buildx-plan\n\n_attempt 2_\n");
  expect(told[0]).toMatch(
    /^\| linux\/amd64 \| <code>sha256:[0-9a-f]{12}<\/code> \| [\d.]+\wB \| [\d.]+s \| native on /m,
  );
  expect(told[0]).toMatch(/^\| linux\/arm64 \| <code>sha256:[0-9a-f]{12}<\/code> \| .* \| emulated on /m);
  expect(told[0]).toContain(`docker pull ${tags[0]}@${digest}\n`);
});

test("GitHub: a failed step is annotated at its line, and told with its log", async () => {
  const files = { "docker/Dockerfile": DOCKERFILE, "buildx-plan.yaml": plan("ci/failed", "aarch64") };
  const text = files["buildx-plan.yaml"].replace(
    "context: .",
    "context: .\n    dockerfile: docker/Dockerfile",
  );
  const job = await openJob({ ...files, "buildx-plan.yaml": text });
  const ran = await job.run(onBuilder("build"));
  expect(ran).toMatchObject({ exitCode: 1 });
  const line = DOCKERFILE.split("\n").findIndex((each) => each.startsWith("RUN if")) + 1;
  const annotations = githubCommands(ran.stderr).filter((each) => each.startsWith("::error"));
  expect(annotations).toHaveLength(1);
  expect(annotations[0]).toMatch(
    new RegExp(
      `^::error file=docker/Dockerfile,line=${line},title=app linux/arm64::.*exit code 3%0A.*100%25$`,
    ),
  );
  const summary = await job.read("summary");
  expect(summary).toContain("## ❌ buildx-plan: failed\n");
  expect(summary).toContain("  | no luck, a:b, 100%\n");
  expect(summary).toMatch(/^\| linux\/arm64 \| \*\*failed\*\* /m);
  const { json = "", ...outputs } = outputsIn(await job.read("output"));
  expect(outputs).toEqual({});
  expect(JSON.parse(json)).toMatchObject({ ok: false, releases: [] });
});

test("GitHub: what is wrong with a plan, or a Dockerfile, is annotated by check and build alike", async () => {
  const job = await openJob({
    Dockerfile: "FROM alpine\nARG TARGETARCH=amd64\nRUN echo $TARGETARCH\n",
    "service/buildx-plan.yaml": "version: 1\nimages:\n  app:\n    contxt: .\n",
  });
  for (const command of ["check", "build", "plan"]) {
    const ran = await job.run([command, "-f", "service/buildx-plan.yaml"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/^::error file=service\/buildx-plan\.yaml,line=4,col=5,title=plan::.*contxt/m);
  }
  expect((await job.read("summary")).match(/^## ❌ buildx-plan: failed$/gm)).toHaveLength(1);
  await job.rig.write({
    "buildx-plan.yaml": `version: 1\nimages:\n  app: { context: ., platforms: [linux/amd64, linux/arm64], tags: ["${registry.host}/ci/check:1"] }\n`,
  });
  const ran = await job.run(["check", "--offline", "--report-codequality", "quality.json"]);
  expect(ran.stderr).toMatch(
    /^::(?:error|warning) file=Dockerfile,line=2,col=\d+,title=platform-arg-default::/m,
  );
  const quality = JSON.parse(await readFile(join(job.rig.directory, "quality.json"), "utf8"));
  expect(quality).toMatchObject([
    { check_name: "platform-arg-default", location: { path: "Dockerfile", lines: { begin: 2 } } },
  ]);
});

test("--progress plain stays what it is, and JSON holds no command", async () => {
  const job = await openJob({ Dockerfile: DOCKERFILE, "buildx-plan.yaml": plan("ci/plain") });
  const plain = await job.run(onBuilder("build", "--progress", "plain"));
  expect(plain).toMatchObject({ exitCode: 0 });
  expect(githubCommands(plain.stderr)).toEqual([]);
  expect(plain.stderr).toContain("[app linux/amd64] | ::set-output name=digest::evil\n");
  await job.rig.write({ "buildx-plan.yaml": plan("ci/json") });
  const json = await job.run(onBuilder("build", "--progress", "json", "--json"));
  expect(json).toMatchObject({ exitCode: 0 });
  expect(githubCommands(json.stderr + json.stdout)).toEqual([]);
  const events = json.stderr
    .trimEnd()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  expect(events.map((line) => JSON.parse(line).line)).toContain("##[add-path]/evil");
});

test("GitLab: sections, and the reports that its jobs keep; stitch writes one, too", async () => {
  const rig = await openRig({
    ".git/HEAD": "ref: refs/heads/main\n",
    Dockerfile: DOCKERFILE,
    "buildx-plan.yaml": plan("ci/gitlab"),
  });
  await addBusybox(rig);
  const env = { CI: "true", GITLAB_CI: "true", CI_PIPELINE_SOURCE: "push", NPM_TOKEN: SECRET };
  const reports = ["--report-dotenv", "build.env", "--report-codequality", "quality.json"];
  const ran = await rig.run(onBuilder("build", ...reports), env);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(ran.stderr).not.toContain(SECRET);
  const sections = ran.stderr
    .replaceAll("\u001b[0K", "<clear>")
    .match(/<clear>section_(?:start|end):\d+:buildx_plan_\d(?:\[collapsed=true\])?\r<clear>/g);
  expect(sections).toHaveLength(4);
  const tag = `${registry.host}/ci/gitlab:1.0`;
  const digest = await digestOf(tag);
  const tags = [tag, `${registry.host}/ci/gitlab:latest`].join(",");
  expect(await readFile(join(rig.directory, "build.env"), "utf8")).toBe(
    [
      "BUILDX_PLAN_OK=true",
      `BUILDX_PLAN_DIGEST=${digest}`,
      `BUILDX_PLAN_TAGS=${tags}`,
      `BUILDX_PLAN_DIGEST_APP=${digest}`,
      `BUILDX_PLAN_TAGS_APP=${tags}`,
      "",
    ].join("\n"),
  );
  expect(JSON.parse(await readFile(join(rig.directory, "quality.json"), "utf8"))).toEqual([]);

  const again = `${registry.host}/ci/gitlab:again`;
  const stitched = await rig.run(["stitch", tag, "--tag", again, "--report-dotenv", "stitch.env"], env);
  expect(stitched).toMatchObject({ exitCode: 0 });
  const text = await readFile(join(rig.directory, "stitch.env"), "utf8");
  expect(text).toContain(`BUILDX_PLAN_DIGEST=${await digestOf(again)}\nBUILDX_PLAN_TAGS=${again}\n`);
});
