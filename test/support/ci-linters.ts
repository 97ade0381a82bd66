import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { ROOT } from "./rig.ts";
import { testFiles, testTool } from "./tools.ts";

/*
 * What CIs, or those who publish something for them, say of a pipeline. Each answers with what is wrong, and with nothing where a pipeline is right.
 */

export type Linter = (text: string) => Promise<readonly string[]>;

/** Schemas by the name that SchemaStore and check-jsonschema have for them; Microsoft publishes Azure's, Buildkite its own, GitLab its own. */
type SchemaName = "azure-pipelines" | "buildkite" | "circle-ci" | "github-workflows" | "gitlab-ci";

async function publishedProblems(name: SchemaName, document: unknown): Promise<readonly string[]> {
  const folder = await testFiles("BUILDX_PLAN_CI_LINTERS");
  return await schemaProblems({ path: join(folder, "schemas", `${name}.json`) }, document);
}

async function schemaProblems(
  { path, pointer = "" }: { readonly path: string; readonly pointer?: string },
  document: unknown,
): Promise<readonly string[]> {
  const folder = await testFiles("BUILDX_PLAN_CI_LINTERS");
  const argv = [join(ROOT, "tools/ci-linters/check-schema.mjs"), folder, path, pointer];
  const ran = await execa(process.execPath, argv, { input: JSON.stringify(document), reject: false });
  // 1 is what it says of a document, anything else says that it could not look.
  if (ran.exitCode !== 0 && (ran.exitCode !== 1 || ran.stdout === "")) throw new Error(ran.stderr);
  return lines(ran.stdout);
}

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

/** By Microsoft's schema. The service takes all values for texts. */
export const azure: Linter = async (text) =>
  await publishedProblems("azure-pipelines", parse(text, { schema: "failsafe" }));

/** By CircleCI's schema. */
export const circle: Linter = async (text) => await publishedProblems("circle-ci", parse(text));

/** By GitLab's schema. What pipelines do when they run is in test/e2e/gitlab.test.ts. */
export const gitlab: Linter = async (text) => await publishedProblems("gitlab-ci", parse(text));

/** By the parser of Buildkite's agent, and by Buildkite's schema. */
export const buildkite: Linter = async (text) => {
  const ran = await execa(await testTool("buildkite-pipeline"), [], { input: text, reject: false });
  return [...lines(ran.stderr), ...(await publishedProblems("buildkite", parse(text)))];
};

/** The steps as the agent hands them to Buildkite, once it has filled in variables, of which it has none. */
export async function buildkiteSteps(text: string): Promise<readonly { readonly command?: string }[]> {
  const ran = await execa(await testTool("buildkite-pipeline"), [], { input: text });
  const { steps }: { steps: readonly { readonly command?: string }[] } = JSON.parse(ran.stdout);
  return steps;
}

/** By actionlint, and by the schema that SchemaStore has for it. Forgejo and Gitea take the syntax of GitHub. */
export const workflow: Linter = async (text) => {
  const lint = await inFolder(async (folder) => {
    await writeFile(join(folder, "labels.yaml"), "self-hosted-runner: { labels: [docker, docker-arm] }\n");
    const options = ["-config-file", join(folder, "labels.yaml"), "-shellcheck=", "-pyflakes=", "-oneline"];
    return await execa(await testTool("actionlint"), [...options, "-"], { input: text, reject: false });
  });
  return [...lines(lint.stdout + lint.stderr), ...(await publishedProblems("github-workflows", parse(text)))];
};

const PIPELINE = "/definitions/github_com_tektoncd_pipeline_pkg_apis_pipeline_v1_Pipeline";

/** tekton-lint 1.1 does not know what a matrix gives to a task, and takes it for missing. */
const KNOWN =
  /^no-missing-param: Pipeline '[^']+' references task '[^']+', but parameter 'platform' is not supplied/;

/** By a schema made from Tekton's types, where no key is allowed besides, as Tekton's own webhook has it; and by tekton-lint. */
export const tekton: Linter = async (text) =>
  await inFolder(async (folder) => {
    const published = await readFile(join(ROOT, "fixtures/ci-schemas/tekton-v1.json"), "utf8");
    await writeFile(join(folder, "schema.json"), JSON.stringify(JSON.parse(published, strict)));
    const schema = { path: join(folder, "schema.json"), pointer: PIPELINE };
    const own = await schemaProblems(schema, parse(text));
    // It takes for granted that a file is right by the schema.
    return own.length > 0 ? own : (await tektonLint(folder, text)).filter((line) => !KNOWN.test(line));
  });

/** Its `required: true` is of an older draft than its other keys. */
function strict(key: string, value: unknown): unknown {
  if (key === "required" && typeof value === "boolean") return undefined;
  const hasKeys = typeof value === "object" && value !== null && "properties" in value && "type" in value;
  return hasKeys ? { additionalProperties: false, ...value } : value;
}

interface TektonFinding {
  readonly rule: string;
  readonly message: string;
}

async function tektonLint(folder: string, text: string): Promise<readonly string[]> {
  await writeFile(join(folder, "pipeline.yaml"), text);
  const { stdout } = await runLinter("tekton-lint", ["--format", "json", "pipeline.yaml"], folder);
  const found: readonly TektonFinding[] = JSON.parse(stdout);
  return found.map(({ rule, message }) => `${rule}: ${message}`);
}

interface GroovyFindings {
  readonly files: Readonly<
    Record<string, { readonly errors: readonly { readonly rule: string; readonly msg: string }[] }>
  >;
}

/**
 * By Groovy's own compiler and the rules of npm-groovy-lint for errors. Whether Jenkins knows a directive, its declarative linter alone can say, which is a part of Jenkins
 * and in no package registry that tests may use: this finds what is no Groovy, and not a directive that is misspelt.
 */
export const jenkins: Linter = async (text) =>
  await inFolder(async (folder) => {
    await writeFile(join(folder, "Jenkinsfile"), text);
    const options = ["--noserver", "--loglevel", "error", "--failon", "error", "-o", "json"];
    const { stdout } = await runLinter("npm-groovy-lint", [...options, "Jenkinsfile"], folder);
    const { files }: GroovyFindings = JSON.parse(stdout);
    const [file, ...more] = Object.values(files);
    if (file === undefined || more.length > 0) throw new Error(`it looked at other files: ${stdout}`);
    return file.errors.map(({ rule, msg }) => `${rule}: ${msg}`);
  });

async function runLinter(
  name: "tekton-lint" | "npm-groovy-lint",
  argv: readonly string[],
  folder: string,
): Promise<{ readonly stdout: string }> {
  const program = join(await testFiles("BUILDX_PLAN_CI_LINTERS"), "node_modules/.bin", name);
  const env = { HOME: folder, NO_COLOR: "1" };
  return await execa(process.execPath, [program, ...argv], { cwd: folder, env, reject: false });
}

async function inFolder<T>(task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "ci-linter-"));
  try {
    return await task(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
