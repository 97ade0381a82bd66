import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { BUILDKIT_VERSION } from "../../core/buildkit/pins.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";

const NATIVE = process.arch === "arm64" ? "arm64" : "amd64";

const PLAN = `version: 1
images:
  app:
    contexts: { busybox: ./busybox }
    platforms: [linux/${NATIVE}]
    attest: { provenance: false }
    output: [{ type: local, dest: ./out }]
`;

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "touch", "/ran"]
`;

/** A user's cache folder that has BuildKit's programs and nothing else, and a project to build. */
interface Fresh {
  readonly rig: Rig;
  readonly cache: string;
  readonly env: Environment;
  readonly build: () => Promise<Ran>;
}

async function freshCache(): Promise<Fresh> {
  const folder = await mkdtemp(join(tmpdir(), "managed-"));
  const cache = join(folder, "buildx-plan");
  const programs = dirname(inject("buildkit").buildkitd);
  const installed = `buildkit-v${BUILDKIT_VERSION.join(".")}-linux-${NATIVE}`;
  await mkdir(join(cache, "bin"), { recursive: true });
  await symlink(programs, join(cache, "bin", installed));
  const rig = await openRig({ Dockerfile: DOCKERFILE, "buildx-plan.yaml": PLAN });
  await addBusybox(rig);
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((each) => each !== programs);
  const env = { XDG_CACHE_HOME: folder, PATH: path.join(delimiter) };
  onTestFinished(async () => {
    await rig.run(["setup", "--stop"], env);
    await rm(folder, { recursive: true, force: true });
  });
  return { rig, cache, env, build: () => rig.run(["build", "--builder", "managed", "--json"], env) };
}

/** Process ids of the daemons that were started for this cache folder: by their command line, not by our own record. */
async function daemonsOf(cache: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return { pid, isOurs: line.includes("buildkitd\0") && line.includes(cache) };
    }),
  );
  return lines.flatMap(({ pid, isOurs }) => (isOurs ? [pid] : []));
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

test("the daemon is started on demand, reused, ended with all that it runs, and its cache stays", async () => {
  const { rig, cache, env, build } = await freshCache();
  const first = await build();
  expect(first.exitCode).toBe(0);
  expect(await isThere(join(rig.directory, "out", `linux_${NATIVE}`, "ran"))).toBe(true);
  const daemons = await daemonsOf(cache);
  expect(daemons).toHaveLength(1);

  expect((await build()).exitCode).toBe(0);
  expect(await daemonsOf(cache)).toEqual(daemons);

  const stopped = await rig.run(["setup", "--stop", "--json"], env);
  expect(JSON.parse(stopped.stdout)).toEqual({ schemaVersion: 1, ok: true, wasRunning: true });
  expect(await daemonsOf(cache)).toEqual([]);
  expect(await isThere(join(cache, "buildkit", "buildkitd.sock"))).toBe(false);
  expect((await rig.run(["setup", "--stop"], env)).stdout).toBe("It was not running.\n");

  const again = await build();
  const [{ cache: used }] = JSON.parse(again.stdout).variants;
  expect(used.cached).toBe(used.steps);
});

test("two builds that start at once, cold, end with one daemon", async () => {
  const { cache, build } = await freshCache();
  const ran = await Promise.all([build(), build()]);
  expect(ran.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect(await daemonsOf(cache)).toHaveLength(1);
});

test("a daemon that was killed is replaced by the next build", async () => {
  const { cache, build } = await freshCache();
  expect((await build()).exitCode).toBe(0);
  const [killed = -1] = await daemonsOf(cache);
  process.kill(killed, "SIGKILL");
  expect((await build()).exitCode).toBe(0);
  const daemons = await daemonsOf(cache);
  expect(daemons).toHaveLength(1);
  expect(daemons).not.toContain(killed);
});
