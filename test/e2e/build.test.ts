import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { publicTags } from "../support/public-tags.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, ROOT, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const SIX = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];

/** Runs a program of the target platform, twice: RUN in exec form and through its shell. */
const DOCKERFILE = `FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
COPY --from=busybox \${TARGETARCH}\${TARGETVARIANT}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ARG NOTE=none
RUN --mount=type=secret,id=token,required=false uname -m > /machine; echo "note \${NOTE}"; if [ -e /run/secrets/token ]; then wc -c < /run/secrets/token > /token-size; fi
ARG FAIL=
RUN if [ "\${FAIL}" = "$(uname -m)" ]; then echo "giving up on \${FAIL}"; exit 3; fi
`;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

function plan(tags: readonly string[], more = "", platforms: readonly string[] = SIX): string {
  return `version: 1
images:
  app:
    context: .
    contexts: { busybox: ./busybox }
    platforms: [${platforms.join(", ")}]
    tags: [${tags.map((tag) => JSON.stringify(tag)).join(", ")}]
${more}`;
}

async function project(text: string): Promise<Rig> {
  const rig = await openRig({ Dockerfile: DOCKERFILE, "buildx-plan.yaml": text });
  await addBusybox(rig);
  return rig;
}

async function tagsOf(host: string, path: string): Promise<readonly string[]> {
  const { stdout } = await execa(await testTool("crane"), ["ls", "--insecure", `${host}/${path}`], {
    reject: false,
  });
  return publicTags(stdout);
}

interface IndexDocument {
  readonly mediaType: string;
  readonly annotations?: Record<string, string>;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: { os: string; architecture: string; variant?: string };
    readonly annotations?: Record<string, string>;
  }[];
}

async function craneManifest(
  reference: string,
): Promise<{ readonly text: string; readonly index: IndexDocument }> {
  const { stdout } = await execa(await testTool("crane"), ["manifest", "--insecure", reference], {
    stripFinalNewline: false,
  });
  return { text: stdout, index: JSON.parse(stdout) };
}

function platformsIn(index: IndexDocument): string[] {
  return index.manifests
    .filter(({ platform }) => platform.architecture !== "unknown")
    .map(({ platform: { os, architecture, variant } }) =>
      [os, architecture, variant].filter(Boolean).join("/"),
    );
}

test("the plan of the root builds six platforms, and independent clients read back what it says", async () => {
  const rig = await openRig();
  const ran = await rig.build(
    "-f",
    join(ROOT, "buildx-plan.yaml"),
    "--set",
    `registry=${registry.host}`,
    "--json",
  );
  expect(ran.stderr).not.toContain("internal error");
  expect(ran.exitCode).toBe(0);
  const report = JSON.parse(ran.stdout);
  expect(report.schemaVersion).toBe(1);
  const [release] = report.releases;
  expect(release.tags).toHaveLength(2);
  for (const tag of release.tags) {
    const { text, index } = await craneManifest(tag);
    expect(platformsIn(index)).toEqual(SIX);
    const { stdout: skopeo } = await execa(
      "skopeo",
      ["inspect", "--raw", "--tls-verify=false", `docker://${tag}`],
      { stripFinalNewline: false },
    );
    expect(skopeo).toBe(text);
    const regctl = await testTool("regctl");
    const { stdout: digest } = await execa(regctl, [
      "--host",
      `reg=${registry.host},tls=disabled`,
      "image",
      "digest",
      tag,
    ]);
    expect(digest).toBe(release.digest);
  }
  const executions = Object.fromEntries(
    report.variants.map((variant: { platform: string; execution: string }) => [
      variant.platform,
      variant.execution,
    ]),
  );
  expect(executions["linux/s390x"]).toBe(process.arch === "s390x" ? "native" : "emulated");
  expect(Object.keys(executions)).toEqual(SIX);
});

test("each variant ran programs of its own platform", async () => {
  const rig = await project(plan([`${registry.host}/ran:1`]));
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  const machines = await Promise.all(
    SIX.map(async (platform) => {
      const crane = await testTool("crane");
      const { stdout } = await execa(
        crane,
        ["export", "--insecure", "--platform", platform, `${registry.host}/ran:1`, "-"],
        { encoding: "buffer" },
      );
      const { stdout: machine } = await execa("tar", ["-xOf", "-", "machine"], { input: stdout });
      return machine;
    }),
  );
  expect(machines).toEqual([
    "x86_64",
    "aarch64",
    "armv7l",
    expect.stringMatching(/^(i686|x86_64)$/),
    "ppc64le",
    "s390x",
  ]);
});

test("stdout is the answer alone; stderr has prefixed lines and the table", async () => {
  const rig = await project(
    plan([`${registry.host}/lines:1`, `${registry.host}/lines:latest`], "", SIX.slice(0, 2)),
  );
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  const { stdout: digest } = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    `${registry.host}/lines:1`,
  ]);
  expect(ran.stdout).toBe(`${registry.host}/lines:1@${digest}\n${registry.host}/lines:latest@${digest}\n`);
  expect(ran.stderr).toMatch(/^\[app linux\/arm64\] .*note none/m);
  expect(ran.stderr).toMatch(/PLATFORM\s+DIGEST\s+SIZE\s+TIME\s+RUNS\s+CACHE/);
  // eslint-disable-next-line no-control-regex
  expect(ran.stderr).not.toMatch(/\u001b/);
});

test("two repositories get the same index, and a second build of unchanged inputs is cached", async () => {
  const text = plan(
    [`${registry.host}/twice/one:1`, `${registry.host}/twice/two:1`],
    "    attest: { provenance: false }\n",
    SIX.slice(0, 2),
  );
  const rig = await project(text);
  const first = await rig.build("--json");
  const second = await rig.build("--json");
  expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
  const one = await craneManifest(`${registry.host}/twice/one:1`);
  const two = await craneManifest(`${registry.host}/twice/two:1`);
  expect(one.text).toBe(two.text);
  // Without provenance, which carries times, the same inputs are the same index.
  expect(JSON.parse(second.stdout).releases[0].digest).toBe(JSON.parse(first.stdout).releases[0].digest);
  for (const { cache } of JSON.parse(second.stdout).variants) expect(cache.cached).toBe(cache.steps);
});

test("attestations are kept, linked to their platform, and come after the images", async () => {
  const rig = await project(plan([`${registry.host}/attested:1`], "", SIX.slice(0, 2)));
  expect((await rig.build()).exitCode).toBe(0);
  const { index } = await craneManifest(`${registry.host}/attested:1`);
  const images = index.manifests.slice(0, 2);
  expect(index.manifests.slice(2).map(({ annotations }) => annotations)).toEqual(
    images.map(({ digest }) => ({
      "vnd.docker.reference.digest": digest,
      "vnd.docker.reference.type": "attestation-manifest",
    })),
  );
});

test("annotations reach every level that the plan names", async () => {
  const rig = await project(
    plan(
      [`${registry.host}/annotated:1`],
      `    annotations:
      index:org.example.level: index
      manifest:org.example.level: manifest
      manifest-descriptor:org.example.level: descriptor
`,
      SIX.slice(0, 2),
    ),
  );
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  const { index } = await craneManifest(`${registry.host}/annotated:1`);
  expect(index.annotations).toEqual({ "org.example.level": "index" });
  expect(index.manifests[1]?.annotations).toEqual({ "org.example.level": "descriptor" });
  const child = await craneManifest(`${registry.host}/annotated@${index.manifests[1]?.digest}`);
  expect(child.index.annotations).toEqual({ "org.example.level": "manifest" });
});

test("a step that fails is named with platform, Dockerfile line, exit code and its last lines; no tag moves, the others are built", async () => {
  const rig = await project(
    plan([`${registry.host}/broken:1`], "    args: { FAIL: aarch64 }\n", SIX.slice(0, 3)),
  );
  const ran = await rig.build("--json");
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toContain("app linux/arm64");
  expect(ran.stderr).toMatch(/Dockerfile:9\b/);
  expect(ran.stderr).toContain("giving up on aarch64");
  expect(await tagsOf(registry.host, "broken")).toEqual([]);
  const report = JSON.parse(ran.stdout);
  expect(report.variants.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    "built",
    "failed",
    "built",
  ]);
  expect(report.variants[1].failure).toMatchObject({
    kind: "step-failed",
    exitCode: 3,
    dockerfile: { line: 9 },
  });
  expect(report.releases).toEqual([]);
});

test("an optional platform may fail: the release goes on without it and says so", async () => {
  const platforms =
    "    platforms:\n      - linux/amd64\n      - { platform: linux/arm64, required: false, args: { FAIL: aarch64 } }\n";
  const text = plan([`${registry.host}/optional:1`]).replace(/ {4}platforms: .*\n/, platforms);
  const rig = await project(text);
  const ran = await rig.build();
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).toContain("giving up on aarch64");
  expect(platformsIn((await craneManifest(`${registry.host}/optional:1`)).index)).toEqual(["linux/amd64"]);
});

test("a platform that takes longer than its timeout fails alone", async () => {
  const platforms = "    platforms:\n      - linux/amd64\n      - { platform: linux/arm64, timeout: 2s }\n";
  const text = plan([`${registry.host}/slow:1`]).replace(/ {4}platforms: .*\n/, platforms);
  const rig = await project(text);
  await rig.write({
    Dockerfile: `${DOCKERFILE}RUN if [ "$(uname -m)" = aarch64 ]; then echo waiting; sleep 600; fi\n`,
  });
  const ran = await rig.build("--json");
  expect(ran.exitCode).toBe(1);
  expect(JSON.parse(ran.stdout).variants[1].failure).toMatchObject({
    kind: "solve-timed-out",
    step: expect.stringContaining("sleep 600"),
  });
});

test("a secret reaches the build and is shown nowhere", async () => {
  const text = `vars:\n  token: { env: RIG_TOKEN, secret: true }\n${plan([`${registry.host}/secret:1`], "    secrets: [{ id: token, var: token }]\n", ["linux/amd64"])}`;
  const rig = await project(text);
  await rig.write({
    Dockerfile: `${DOCKERFILE}RUN --mount=type=secret,id=token cat /run/secrets/token; echo\n`,
  });
  const argv = ["build", "--builder", inject("buildkit").address, "--json"];
  const ran = await rig.run(argv, { RIG_TOKEN: "hunter2-hunter2" });
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).toContain("***");
  expect(ran.stdout + ran.stderr).not.toContain("hunter2");
});

test("caches are kept apart by platform, and found again", async () => {
  const more = `    cache-to: ["type=registry,ref=${registry.host}/cache:app,mode=max"]\n    cache-from: ["${registry.host}/cache:app"]\n`;
  const rig = await project(plan([`${registry.host}/cached:1`], more, SIX.slice(0, 2)));
  const ran = await rig.build();
  expect(ran.stderr).not.toContain("error:");
  expect(ran.exitCode).toBe(0);
  expect(await tagsOf(registry.host, "cached")).toEqual(["1"]);
  expect((await tagsOf(registry.host, "cache")).toSorted()).toEqual(["app-linux_amd64", "app-linux_arm64"]);
});

test("files are written per platform, with no registry at all", async () => {
  const rig = await project(
    plan([], "    output: [{ type: local, dest: ./out }]\n", SIX.slice(0, 3)).replace(/ {4}tags: .*\n/, ""),
  );
  const ran = await rig.build();
  expect(ran.stderr).not.toContain("error");
  expect(ran.exitCode).toBe(0);
  expect(ran.stdout).toBe("");
  const machine = (platform: string): string =>
    readFileSync(join(rig.directory, "out", platform, "machine"), "utf8").trim();
  expect(["linux_amd64", "linux_arm64", "linux_arm_v7"].map(machine)).toEqual([
    "x86_64",
    "aarch64",
    "armv7l",
  ]);
});

test("--only and --image build a part of the plan", async () => {
  const rig = await project(plan([`${registry.host}/part:1`], "", SIX.slice(0, 3)));
  const ran = await rig.build("--only", "linux/arm/v7", "--json");
  expect(ran.exitCode).toBe(0);
  expect(JSON.parse(ran.stdout).variants.map(({ id }: { id: string }) => id)).toEqual(["app linux/arm/v7"]);
});

test("JSON events tell the whole run, one a line", async () => {
  const rig = await project(plan([`${registry.host}/events:1`], "", SIX.slice(0, 2)));
  const ran = await rig.build("--progress", "json");
  const events = ran.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const kinds = events.map(({ kind }) => kind);
  expect(kinds[0]).toBe("run-started");
  expect(kinds.at(-1)).toBe("run-ended");
  expect(kinds.indexOf("release-stitched")).toBeLessThan(kinds.indexOf("tag-moved"));
  expect(kinds.lastIndexOf("variant-done")).toBeLessThan(kinds.indexOf("release-stitched"));
  expect(new Set(events.map(({ schemaVersion }) => schemaVersion))).toEqual(new Set([1]));
});

test("real buildx carries the same build through dial-stdio, and leaves nothing behind", async () => {
  const rig = await project(plan([`${registry.host}/buildx:1`], "", SIX.slice(0, 2)));
  const docker = join(rig.directory, "docker");
  const buildx = await testTool("buildx");
  // The plugin as it stands, called as `docker buildx` calls it; no engine is asked for by a remote builder.
  await rig.write({ "bin/docker": `#!/bin/sh\nshift\nexec ${buildx} "$@"\n` });
  await execa("chmod", ["+x", join(rig.directory, "bin/docker")]);
  const env = {
    BUILDX_CONFIG: docker,
    PATH: `${join(rig.directory, "bin")}:${process.env["PATH"]}`,
    TMPDIR: join(rig.directory, "tmp"),
  };
  await execa("mkdir", ["-p", env.TMPDIR]);
  await execa(buildx, ["create", "--name", "rig", "--driver", "remote", inject("buildkit").address], { env });
  const ran = await rig.run(["build", "--builder", "rig", "--json"], env);
  expect(ran.exitCode).toBe(0);
  expect(platformsIn((await craneManifest(`${registry.host}/buildx:1`)).index)).toEqual(SIX.slice(0, 2));
  const { stdout: left } = await execa("find", [env.TMPDIR, "-mindepth", "1"]);
  expect(left).toBe("");
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends the solves, leaves no child and no folder, and moves no tag",
  async (signal) => {
    const rig = await project(plan([`${registry.host}/${signal.toLowerCase()}:1`], "", SIX.slice(0, 2)));
    await rig.write({ Dockerfile: `${DOCKERFILE}RUN echo now waiting; sleep 600\n` });
    const tmp = join(rig.directory, "tmp");
    await execa("mkdir", ["-p", tmp]);
    const running = rig.start(["build", "--builder", inject("buildkit").address], { TMPDIR: tmp });
    await expect.poll(running.stderr, { timeout: 30_000 }).toContain("now waiting");
    const children = await childrenOf(running.pid);
    expect(children.length).toBeGreaterThan(0);
    running.kill(signal);
    const ran = await running.ended;
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toContain("interrupted");
    expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    const { stdout: left } = await execa("find", [tmp, "-mindepth", "1"]);
    expect(left).toBe("");
    expect(await tagsOf(registry.host, signal.toLowerCase())).toEqual([]);
  },
);

async function childrenOf(pid: number): Promise<string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter((each) => each !== "");
}

test("a registry that is down: which, which request, what it said, exit 3", async () => {
  const rig = await project(plan(["127.0.0.1:9/app:1"], "", ["linux/amd64"]));
  const ran = await rig.build("--no-check");
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain("127.0.0.1:9");
  expect(ran.stderr).toContain("connection refused");
});

async function behindProxy(): Promise<FaultProxy> {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  return proxy;
}

test("a tag that cannot be put: which tags have moved and which have not, exit 3", async () => {
  const proxy = await behindProxy();
  const rig = await project(
    plan([`${proxy.host}/half:1`, `${proxy.host}/half:2`, `${proxy.host}/half:3`], "", ["linux/amd64"]),
  );
  proxy.failNext({ method: "PUT", path: /\/manifests\/2$/ }, { kind: "status", status: 403 }, 99);
  const ran = await rig.build("--json");
  expect(ran.exitCode).toBe(3);
  expect(await tagsOf(registry.host, "half")).toEqual(["1"]);
  expect(ran.stderr).toContain("403");
  expect(ran.stderr).toMatch(/moved.*half:1/s);
  expect(JSON.parse(ran.stdout).ok).toBe(false);
});
