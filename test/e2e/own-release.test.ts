import { cp, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { TARGETS } from "../../tools/executable/targets.ts";
import { executablesFolder } from "../support/executables.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Rig } from "../support/rig.ts";
import { testFiles, testTool } from "../support/tools.ts";

// The release of this project itself: tools/release.ts and release.yaml, in a checkout of a version, with bases that stand for the public ones.

/** Three executables of 100 MB are made where this checkout has not made them yet. */
const MAKING_MS = 400_000;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  await executablesFolder();
  return () => registry.close();
}, MAKING_MS);

/** As much of a checkout as a release needs, at a tag. */
async function checkout(): Promise<Rig> {
  const rig = await openRig();
  for (const path of ["release.yaml", "package.json", "tools/release/Dockerfile"])
    await cp(join(ROOT, path), join(rig.directory, path));
  await commit(rig, "v9.8.7");
  return rig;
}

async function commit({ directory }: Rig, tag: string): Promise<void> {
  const author = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  for (const argv of [
    ["init", "-q"],
    ["add", "."],
    [...author, "commit", "-qm", "a version"],
    ["tag", tag],
  ])
    await execa("git", argv, { cwd: directory });
}

/** Pushes an image of two platforms that is made of a folder, and answers it as a context of a plan. */
async function pushed(name: string, context: string, dockerfile: string): Promise<string> {
  const rig = await openRig({ Dockerfile: dockerfile });
  const { buildctl, address } = inject("buildkit");
  const image = `${registry.host}/${name}:1`;
  await execa(buildctl, [
    `--addr=${address}`,
    "build",
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${rig.directory}`,
    "--opt=platform=linux/amd64,linux/arm64",
    `--output=type=image,name=${image},push=true`,
  ]);
  return `docker-image://${image}`;
}

/** A set of packages that nobody has installed: what Debian's scripts would make of the certificates is made here. */
async function pushedBase(): Promise<string> {
  const [crane, layers, rig] = await Promise.all([
    testTool("crane"),
    testFiles("BUILDX_PLAN_RELEASE_BASES"),
    openRig(),
  ]);
  // Layers go as they are: BuildKit would pack them again.
  const packages = `${registry.host}/packages`;
  const parts = ["amd64", "arm64"].map(async (cpu) => {
    const image = ["-t", `${packages}:${cpu}`];
    await execa(crane, [
      "append",
      "--insecure",
      "--oci-empty-base",
      "-f",
      join(layers, `${cpu}.tar.gz`),
      ...image,
    ]);
    await execa(crane, [
      "mutate",
      "--insecure",
      `${packages}:${cpu}`,
      "--set-platform",
      `linux/${cpu}`,
      ...image,
    ]);
    return `${packages}:${cpu}`;
  });
  const stitched = await rig.run(["stitch", `--tag=${packages}:1`, ...(await Promise.all(parts))]);
  expect(stitched).toMatchObject({ exitCode: 0 });
  const certificates = "cat /usr/share/ca-certificates/mozilla/*.crt > /etc/ssl/certs/ca-certificates.crt";
  return await pushed("base", rig.directory, `FROM ${packages}:1\nRUN ${certificates}\n`);
}

const CLIENT = "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\n";

// Half a gigabyte is packed, pushed and read again.
const TIMEOUT = { timeout: 400_000 };

test(
  "executables with their sums, and the image for two platforms under the tags of the version",
  TIMEOUT,
  async () => {
    const rig = await checkout();
    const [base, buildkit] = await Promise.all([
      pushedBase(),
      pushed("buildkit", await testFiles("BUILDX_PLAN_BUILDCTLS"), CLIENT),
    ]);
    const set = { registry: registry.host, base, buildkit };
    const ran = await execa(
      process.execPath,
      [
        join(ROOT, "tools", "release.ts"),
        `--in=${rig.directory}`,
        "--push",
        ...Object.entries(set).map(([name, value]) => `--set=${name}=${value}`),
      ],
      {
        env: { BUILDKIT_HOST: inject("buildkit").address, XDG_STATE_HOME: rig.state, NO_COLOR: "1" },
        reject: false,
      },
    );
    expect(ran.stderr).not.toContain("error");
    expect(ran).toMatchObject({ exitCode: 0, stdout: join(rig.directory, "release") });

    const check = async () =>
      await execa("sha256sum", ["-c", "--strict", "SHA256SUMS"], { cwd: ran.stdout, reject: false });
    const names = ["LICENSE-node", ...TARGETS.map(({ file }) => file)];
    expect(await check()).toMatchObject({
      exitCode: 0,
      stdout: names.map((name) => `${name}: OK`).join("\n"),
    });
    const made = await executablesFolder();
    for (const { file } of TARGETS) await execa("cmp", [join(made, file), join(ran.stdout, file)]);
    await flip(join(ran.stdout, "buildx-plan-linux-arm64"));
    expect((await check()).stdout).toContain("buildx-plan-linux-arm64: FAILED");

    const image = `${registry.host}/buildx-plan`;
    const crane = await testTool("crane");
    const { stdout: tags } = await execa(crane, ["ls", "--insecure", image]);
    expect(tags.split("\n").toSorted()).toEqual(["9", "9.8", "9.8.7", "latest"]);
    const verified = await rig.run(["verify", `${image}:9.8.7`, "--platforms", "linux/amd64,linux/arm64"]);
    expect(verified).toMatchObject({ exitCode: 0 });
    expect(await tagsInside(`${image}:9.8.7`)).toContain("1.2.3");
    for (const platform of ["linux/amd64", "linux/arm64"]) {
      const { stdout } = await execa(crane, [
        "config",
        "--insecure",
        "--platform",
        platform,
        `${image}:latest`,
      ]);
      const { config } = JSON.parse(stdout);
      expect(config.Entrypoint).toEqual(["buildx-plan"]);
      expect(config.Labels).toMatchObject({
        "org.opencontainers.image.title": "buildx-plan",
        "org.opencontainers.image.version": "9.8.7",
        "org.opencontainers.image.licenses": "Apache-2.0",
      });
    }
  },
);

/** What the program in the image says of a folder that somebody else owns, as one that is mounted does. */
async function tagsInside(image: string): Promise<string> {
  const rig = await openRig({
    Dockerfile: `FROM ${image}\nCOPY --chown=1000:1000 . /src\nRUN buildx-plan tags > /tags\nFROM scratch\nCOPY --from=0 /tags /\n`,
    "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [linux/amd64]
    tags: [{ image: registry.example/app, from: ["semver:{{version}}"] }]
`,
  });
  await commit(rig, "v1.2.3");
  const { buildctl, address } = inject("buildkit");
  const local = [`--local=context=${rig.directory}`, `--local=dockerfile=${rig.directory}`];
  const output = join(rig.state, "inside");
  const build = ["build", "--frontend=dockerfile.v0", ...local, `--output=type=local,dest=${output}`];
  await execa(buildctl, [`--addr=${address}`, ...build]);
  return await readFile(join(output, "tags"), "utf8");
}

async function flip(path: string): Promise<void> {
  const file = await open(path, "r+");
  const at = 1_000_000;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(Buffer.from([buffer.readUInt8() ^ 1]), 0, 1, at);
  await file.close();
}

test("an executable of another machine is found before anything is written", async () => {
  const rig = await checkout();
  const client = async (cpu: string) =>
    join(await testFiles("BUILDX_PLAN_BUILDCTLS"), cpu, "usr", "bin", "buildctl");
  for (const { file } of TARGETS.filter(({ name }) => name.startsWith("linux-")))
    await cp(await client("amd64"), join(rig.directory, ".release", file));
  const windows = join(await testFiles("BUILDX_PLAN_GO_PROGRAMS"), "windows-amd64");
  await cp(windows, join(rig.directory, ".release", "buildx-plan-windows-amd64.exe"));
  const output = `type=oci,dest=${join(rig.state, "executables.tar")}`;
  const ran = await rig.run(["build", "--file=release.yaml", "--image=executable", "--output", output], {
    BUILDKIT_HOST: inject("buildkit").address,
  });
  expect(ran.exitCode).toBe(4);
  expect(ran.stderr).toContain("/buildx-plan-linux-arm64");
});

test("the workflow that does it for a version is valid", async () => {
  const rig = await openRig();
  await execa("git", ["init", "-q"], { cwd: rig.directory });
  const files = ["action.yml", ".github/workflows/publish.yml"];
  await rig.write({
    "action/index.cjs": "",
    ...Object.fromEntries(
      await Promise.all(files.map(async (path) => [path, await readFile(join(ROOT, path), "utf8")] as const)),
    ),
  });
  const lint = await execa(await testTool("actionlint"), ["-no-color"], {
    cwd: rig.directory,
    reject: false,
  });
  expect(lint).toMatchObject({ exitCode: 0, stdout: "" });
});
