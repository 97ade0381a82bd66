import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { TARGETS } from "../../tools/executable/targets.ts";
import { arm64System, executablesFolder, executablesIn } from "../support/executables.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, ROOT, type Rig } from "../support/rig.ts";

// The executables as users have them: no Node and no package anywhere, in an environment that has next to nothing.

/** Three executables of 100 MB are made where this checkout has not made them yet. */
const MAKING_MS = 400_000;

let registry: RealRegistry;
let executables: string;
let system: string;
beforeAll(async () => {
  registry = await startRealRegistry();
  executables = await executablesFolder();
  system = await arm64System();
  return async () => {
    await registry.close();
    await rm(system, { recursive: true, force: true });
  };
}, MAKING_MS);

const PLATFORMS = ["linux-amd64", "linux-arm64"];

interface Start {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs an executable with `buildctl` alone on the PATH; that of another CPU runs under QEMU. */
async function start(platform: string, argv: readonly string[], { cwd = tmpdir(), env = {} }: Start = {}) {
  return await execa(join(executables, `buildx-plan-${platform}`), argv, {
    cwd,
    reject: false,
    extendEnv: false,
    stripFinalNewline: false,
    env: { ...bare(), ...env },
  });
}

function bare(): Readonly<Record<string, string>> {
  return {
    PATH: dirname(inject("buildkit").buildctl),
    HOME: system,
    NO_COLOR: "1",
    // Where QEMU looks for the loader; to another kernel's own programs it means nothing.
    QEMU_LD_PREFIX: system,
  };
}

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

async function project(name: string): Promise<Rig> {
  const plan = `version: 1
images:
  app:
    contexts: { busybox: ./busybox }
    source-date-epoch: 1700000000
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [linux/amd64, linux/arm64]
    tags: ["${registry.host}/${name}:1"]
    test: [/bin/busybox, "true"]
`;
  const rig = await openRig({ Dockerfile: DOCKERFILE, ".dockerignore": "*", "buildx-plan.yaml": plan });
  await addBusybox(rig);
  return rig;
}

describe.each(PLATFORMS)("the executable for %s", (platform) => {
  test("says its version, its schema and what a rule means as the npm package does", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    const page = await readFile(join(ROOT, "docs", "rules", "literal-architecture.md"), "utf8");
    const schema = await readFile(join(ROOT, "schema.json"), "utf8");
    const asked = [["--version"], ["explain", "literal-architecture"], ["schema"]];
    const answers = await Promise.all(asked.map((argv) => start(platform, argv)));
    expect(answers.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual([
      [0, `${version}\n`],
      [0, page],
      [0, schema],
    ]);
  });

  test("plans, and tells what is wrong, in the same words", async () => {
    const rig = await project("executable/plan");
    const plan = ["plan", "--builder", inject("buildkit").address];
    const [ours, packaged] = await Promise.all([
      start(platform, plan, { cwd: rig.directory }),
      rig.run(plan, bare()),
    ]);
    expect(ours).toMatchObject({ exitCode: 0, stderr: packaged.stderr });
    // What past builds took decides about times, and the two have no history in common.
    expect(ours.stdout).toBe(packaged.stdout);
    const wrong = await start(platform, ["plan", "--file", "none.yaml"], { cwd: rig.directory });
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.stderr).toContain("none.yaml");
  });
});

test("what is set for a user's own programs of Node is not obeyed", async () => {
  const ran = await start("linux-amd64", ["--version"], { env: { NODE_OPTIONS: "--no-such-option" } });
  expect(ran).toMatchObject({ exitCode: 0 });
});

test("`setup` builds from the go.mod that is pinned, which lies inside", async () => {
  const rig = await openRig();
  const go = `#!/bin/sh
if [ "$1" = version ]; then echo "go version go1.26.8 linux/amd64"; exit; fi
/bin/cp "$3/go.mod" "$3/go.sum" "$TAKEN" && echo "this is as far as it goes" && exit 1
`;
  await rig.write({ "bin/go": go });
  await execa("chmod", ["+x", join(rig.directory, "bin", "go")]);
  // No release archive: the one way to it is closed.
  const proxy = { HTTPS_PROXY: "http://127.0.0.1:9", NODE_USE_ENV_PROXY: "1" };
  const env = { ...proxy, PATH: join(rig.directory, "bin"), HOME: rig.directory, TAKEN: rig.directory };
  const ran = await start("linux-amd64", ["setup"], { env });
  expect(ran.exitCode).toBe(5);
  expect(ran.stderr).toContain("this is as far as it goes");
  for (const name of ["go.mod", "go.sum"])
    expect(await readFile(join(rig.directory, name), "utf8")).toBe(
      await readFile(join(ROOT, "tools", name), "utf8"),
    );
});

test("builds, tests and releases two platforms, byte for byte as the npm package does", async () => {
  const [rig, packaged] = [await project("executable/alone"), await project("executable/packaged")];
  const build = ["build", "--json", "--builder", inject("buildkit").address];
  const ran = await start("linux-amd64", build, { cwd: rig.directory });
  expect(ran.exitCode).toBe(0);
  const other = await packaged.build("--json");
  const digests = [ran.stdout, other.stdout].map((text) => JSON.parse(text).releases[0].digest);
  expect(digests[0]).toMatch(/^sha256:/);
  expect(digests[0]).toBe(digests[1]);
  const shown = await start("linux-amd64", ["inspect", "--platforms", `${registry.host}/executable/alone:1`]);
  expect(shown.stdout).toContain("linux/arm64");
});

test("the same checkout makes the same bytes again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "executables-"));
  try {
    const targets = TARGETS.filter(({ name }) => name === "linux-amd64");
    const again = join(await executablesIn(folder, targets), "buildx-plan-linux-amd64");
    const [one, other] = await Promise.all(
      [again, join(executables, "buildx-plan-linux-amd64")].map((path) => readFile(path)),
    );
    expect(other !== undefined && one?.equals(other)).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
