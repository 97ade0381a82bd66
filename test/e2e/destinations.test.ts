import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
const HOST = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";

let one: RealRegistry;
let two: RealRegistry;
beforeAll(async () => {
  [one, two] = await Promise.all([startRealRegistry(), startRealRegistry()]);
  return async () => await Promise.all([one.close(), two.close()]);
});

/** The layer is the same for all platforms, the config is not. */
async function project(tags: readonly string[], more = ""): Promise<Rig> {
  return await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: `${Math.random()}`,
    "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [${PLATFORMS.join(", ")}]
    tags: [${tags.map((tag) => JSON.stringify(tag)).join(", ")}]
${more}`,
  });
}

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
  }[];
}

function platformsOf({ manifests }: Index): readonly string[] {
  return manifests.map(({ platform: { os, architecture, variant } }) =>
    [os, architecture, variant].filter(Boolean).join("/"),
  );
}

async function raw(reference: string): Promise<Index> {
  const { stdout } = await execa("skopeo", ["inspect", "--raw", "--tls-verify=false", reference]);
  return JSON.parse(stdout);
}

async function validate(reference: string): Promise<void> {
  await execa(await testTool("crane"), ["validate", "--insecure", "--remote", reference]);
}

const WITH_ATTESTATIONS = [...PLATFORMS, ...PLATFORMS.map(() => "unknown/unknown")];

test("one layout holds all platforms with their attestations, as a tar and as a folder, and nothing is pushed", async () => {
  const rig = await project([`${one.host}/unpushed/app:1`, `${one.host}/unpushed/app:latest`]);
  const tar = await rig.build("--output", "type=oci,dest=out/app.tar");
  expect(tar.exitCode).toBe(0);
  expect(tar.stdout.split("\n")).toEqual([
    expect.stringMatching(new RegExp(`^oci-layout://${rig.directory}/out/app.tar:1@sha256:`)),
    expect.stringMatching(new RegExp(`^oci-layout://${rig.directory}/out/app.tar:latest@sha256:`)),
    "",
  ]);
  const index = await raw(`oci-archive:${rig.directory}/out/app.tar:latest`);
  expect(platformsOf(index)).toEqual(WITH_ATTESTATIONS);
  const folder = await rig.build("--output", "type=oci,dest=out/layout,tar=false", "--json");
  expect(folder.exitCode).toBe(0);
  const { results, releases } = JSON.parse(folder.stdout);
  expect(results).toEqual(
    ["1", "latest"].map((name) => `oci-layout://${rig.directory}/out/layout:${name}@${releases[0].digest}`),
  );
  expect(platformsOf(await raw(`oci:${rig.directory}/out/layout:1`))).toEqual(WITH_ATTESTATIONS);
  await execa("skopeo", [
    "copy",
    "--all",
    "--dest-tls-verify=false",
    `oci-archive:${rig.directory}/out/app.tar:1`,
    `docker://${one.host}/unpacked/app:1`,
  ]);
  await validate(`${one.host}/unpacked/app:1`);
  const catalog = await (await fetch(`http://${one.host}/v2/_catalog`)).text();
  expect(catalog).not.toContain("unpushed");
});

test("a layout with one image in it is taken by other tools without its name", async () => {
  const rig = await project([`${one.host}/unpushed/app:1`]);
  expect((await rig.build("--output", "type=oci,dest=app.tar")).exitCode).toBe(0);
  expect((await rig.build("--output", "type=oci,dest=app,tar=false")).exitCode).toBe(0);
  expect(platformsOf(await raw(`oci-archive:${rig.directory}/app.tar`))).toEqual(WITH_ATTESTATIONS);
  await execa(await testTool("crane"), [
    "push",
    "--insecure",
    `${rig.directory}/app`,
    `${one.host}/nameless/app:1`,
  ]);
  await validate(`${one.host}/nameless/app:1`);
});

test("attestations are found by the index: no list of referrers is written for them", async () => {
  const rig = await project([`${one.host}/listless/app:1`], "    push: client\n");
  expect((await rig.build()).exitCode).toBe(0);
  const { stdout } = await execa(await testTool("crane"), ["ls", "--insecure", `${one.host}/listless/app`]);
  expect(stdout).toBe("1");
});

test("a layout that is added to keeps what it had; one that fails leaves nothing behind", async () => {
  const rig = await project([`${one.host}/unpushed/app:1`]);
  expect((await rig.build("--output", "type=oci,dest=layout,tar=false")).exitCode).toBe(0);
  const first = await raw(`oci:${rig.directory}/layout:1`);
  await rig.write({
    file: "another",
    "buildx-plan.yaml": (await readFile(join(rig.directory, "buildx-plan.yaml"), "utf8")).replace(
      "app:1",
      "app:2",
    ),
  });
  expect((await rig.build("--output", "type=oci,dest=layout,tar=false")).exitCode).toBe(0);
  expect(await raw(`oci:${rig.directory}/layout:1`)).toEqual(first);
  expect(platformsOf(await raw(`oci:${rig.directory}/layout:2`))).toEqual(WITH_ATTESTATIONS);
  await rig.write({ Dockerfile: "FROM scratch\nCOPY nothing /nothing\n" });
  const failed = await rig.build("--output", "type=oci,dest=broken.tar");
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain("Not all was built.");
  expect(await readdir(rig.directory)).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/broken|\.tmp|partial/)]),
  );
});

test("files come in a folder for each platform", async () => {
  const rig = await project([`${one.host}/unpushed/app:1`]);
  const ran = await rig.build("--output", "type=local,dest=out");
  expect(ran.exitCode).toBe(0);
  const folders = ["linux_amd64", "linux_arm64", "linux_arm_v7"];
  expect((await readdir(join(rig.directory, "out"))).toSorted()).toEqual(folders);
  for (const folder of folders) expect(await readdir(join(rig.directory, "out", folder))).toEqual(["file"]);
  expect(ran.stdout).toBe(folders.map((folder) => `${join(rig.directory, "out", folder)}\n`).join(""));
});

/** A `docker` that keeps what it is given: the engine itself cannot be brought along. */
async function dockerStandIn(exitCode = 0): Promise<{ readonly path: string; readonly archive: string }> {
  const rig = await openRig();
  const archive = join(rig.directory, "loaded.tar");
  const path = join(rig.directory, "bin");
  await mkdir(path);
  const script = `#!/bin/sh\n[ "$1 $2 $3" = "load --quiet --input" ] || exit 64\n[ ${exitCode} = 0 ] || { echo no space left >&2; exit ${exitCode}; }\ncp "$4" ${archive}\n`;
  await writeFile(join(path, "docker"), script);
  await chmod(join(path, "docker"), 0o755);
  return { path, archive };
}

test("--load gives Docker this machine's variant under all tags", async () => {
  const docker = await dockerStandIn();
  const rig = await project(["registry.example/team/app:1", "other.example/app:latest"]);
  const env = { PATH: `${docker.path}:${process.env["PATH"]}` };
  const argv = ["build", "--builder", inject("buildkit").address, "--load"];
  const ran = await rig.run(argv, env);
  expect(ran.exitCode).toBe(0);
  expect(ran.stdout).toBe("registry.example/team/app:1\nother.example/app:latest\n");
  const { stdout } = await execa("tar", ["-xOf", docker.archive, "manifest.json"]);
  expect(JSON.parse(stdout)).toMatchObject([
    { RepoTags: ["registry.example/team/app:1", "other.example/app:latest"] },
  ]);
  const inspected = await execa("skopeo", ["inspect", "--config", `docker-archive:${docker.archive}`]);
  const { os, architecture } = JSON.parse(inspected.stdout);
  expect(`${os}/${architecture}`).toBe(HOST);
});

test("--load: Docker's own words where it takes nothing, and what to install where it is not there", async () => {
  const docker = await dockerStandIn(3);
  const rig = await project(["registry.example/team/app:1"]);
  const argv = ["build", "--builder", inject("buildkit").address, "--load"];
  const full = await rig.run(argv, { PATH: `${docker.path}:${process.env["PATH"]}` });
  expect(full.exitCode).toBe(3);
  expect(full.stderr).toContain("Docker did not take the image");
  expect(full.stderr).toContain("no space left");
  expect(full.stdout).toBe("");
});

test.each([
  [["--load", "--output", "out"], "there can be one destination only"],
  [["--output", "type=zip,dest=x"], "`zip` is no type of output"],
])("build %j is refused before anything is built", async (argv, words) => {
  const rig = await project(["registry.example/team/app:1"]);
  const ran = await rig.build(...argv);
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).toContain(words);
});

/** Counts what passes to a registry, and who asks. */
async function counted(registry: RealRegistry): Promise<FaultProxy> {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  return proxy;
}

test("push: client: we push what BuildKit hands over, each blob once, and BuildKit pushes nothing", async () => {
  const proxy = await counted(one);
  const tags = [`${proxy.host}/client/app:1`, `${proxy.host}/client/copy:1`];
  const rig = await project(tags, "    push: client\n");
  // BuildKit could not push: it gets no answer from this registry.
  proxy.failNext({ userAgent: /buildkit|containerd/i }, { kind: "status", status: 403 }, 999);
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  for (const tag of tags) {
    expect(platformsOf(await raw(`docker://${tag}`))).toEqual(WITH_ATTESTATIONS);
    await validate(tag);
  }
  const uploaded = proxy.log().filter((line) => /^PUT .*\/blobs\/uploads\//.test(line));
  // Three configs, one layer, three provenances, and the empty config of attestations or three of them.
  const blobs = new Set(proxy.log().filter((line) => /^HEAD .*\/blobs\/sha256:/.test(line)));
  expect(uploaded.length).toBeGreaterThan(0);
  expect(uploaded.length).toBeLessThanOrEqual(blobs.size);
});

test("two registries hold the same index, from BuildKit's own push and from ours", async () => {
  for (const push of ["builder", "client"]) {
    const tags = [`${one.host}/both/${push}:1`, `${two.host}/both/${push}:1`];
    const rig = await project(tags, `    push: ${push}\n`);
    const ran = await rig.build();
    expect(ran.exitCode).toBe(0);
    const digests = ran.stdout
      .trim()
      .split("\n")
      .map((line) => line.split("@")[1]);
    expect(new Set(digests).size).toBe(1);
    for (const tag of tags) await validate(tag);
  }
});

test("push: client leaves no layout behind", async () => {
  const rig = await project([`${one.host}/tidy/app:1`], "    push: client\n");
  const temporary = join(rig.directory, "tmp");
  await mkdir(temporary);
  const argv = ["build", "--builder", inject("buildkit").address];
  const ran = await rig.run(argv, { TMPDIR: temporary });
  expect(ran.exitCode).toBe(0);
  expect(await readdir(temporary)).toEqual([]);
  expect((await stat(temporary)).isDirectory()).toBe(true);
});
