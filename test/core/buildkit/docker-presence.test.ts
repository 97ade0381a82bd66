import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { mayDockerBuild } from "../../../core/buildkit/docker-presence.ts";
import type { Reach } from "../../../core/buildkit/reach.ts";

/** A home folder with these files, and nothing of Docker besides. */
async function home(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "docker-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** What buildx writes when it has looked for a builder in use and found none. */
const NO_BUILDER = '{"Key":"unix:///var/run/docker.sock","Name":"","Global":false}';
const BUILDER = '{"Key":"unix:///var/run/docker.sock","Name":"arm","Global":false}';

async function isAsked(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const folder = await home({ "bin/docker": "\u007fELF", ...files });
  await chmod(join(folder, "bin/docker"), 0o755);
  return mayDockerBuild(
    reach({ HOME: folder, PATH: join(folder, "bin"), ...env }),
    join(folder, "docker.sock"),
  );
}

function reach(env: Readonly<Record<string, string>>): Reach {
  return { buildctl: "", buildx: ["docker", "buildx"], env, signal: new AbortController().signal };
}

test.each<[string, Readonly<Record<string, string>>]>([
  ["nothing of Docker", {}],
  ["a configuration without a context", { ".docker/config.json": '{"auths":{}}' }],
  ["the default context", { ".docker/config.json": '{"currentContext":"default"}' }],
  ["an empty context", { ".docker/config.json": '{"currentContext":""}' }],
  ["no builder in use", { ".docker/buildx/current": NO_BUILDER, ".docker/buildx/instances/arm": "{}" }],
  ["a file where the folder should be", { ".docker": "" }],
])("docker is not asked where there is no engine and %s", async (_, files) => {
  expect(await isAsked(files)).toBe(false);
});

test.each<[string, Readonly<Record<string, string>>]>([
  ["an engine", { "docker.sock": "" }],
  ["a script that is called docker", { "bin/docker": "#!/bin/sh\nflatpak-spawn --host docker\n" }],
  ["a context", { ".docker/config.json": '{"currentContext":"desktop-linux"}' }],
  ["a configuration that is not JSON", { ".docker/config.json": "{" }],
  ["a configuration of another form", { ".docker/config.json": '{"currentContext":1}' }],
  ["a configuration that cannot be read", { ".docker/config.json/x": "" }],
  ["a builder in use", { ".docker/buildx/current": BUILDER }],
  ["a builder in use of another form", { ".docker/buildx/current": "{}" }],
  ["a builder in use that is not JSON", { ".docker/buildx/current": "arm" }],
  ["a builder of an engine", { ".docker/buildx/defaults/0a1b": "arm" }],
])("docker is asked where there is %s", async (_, files) => {
  expect(await isAsked(files)).toBe(true);
});

test.each(["DOCKER_HOST", "DOCKER_CONTEXT", "BUILDX_BUILDER"])(
  "docker is asked where %s is set",
  async (name) => {
    expect(await isAsked({}, { [name]: "somewhere" })).toBe(true);
    expect(await isAsked({}, { [name]: "" })).toBe(false);
  },
);

test.each([
  ["DOCKER_CONFIG", "config.json", '{"currentContext":"arm"}'],
  ["DOCKER_CONFIG", "buildx/current", BUILDER],
  ["BUILDX_CONFIG", "current", BUILDER],
])("%s leads to another folder: %s", async (variable, file, text) => {
  const elsewhere = await home({ [file]: text });
  expect(await isAsked({}, { [variable]: elsewhere })).toBe(true);
  const empty = await home();
  const usual = variable === "DOCKER_CONFIG" ? `.docker/${file}` : `.docker/buildx/${file}`;
  expect(await isAsked({ [usual]: text }, { [variable]: empty })).toBe(false);
});

test("docker is asked where nobody knows whose configuration counts", async () => {
  expect(await isAsked({}, { HOME: "" })).toBe(true);
});

test("docker is not asked where it is not installed", () => {
  expect(mayDockerBuild(reach({ HOME: "/nonexistent", DOCKER_HOST: "tcp://a" }))).toBe(false);
});
