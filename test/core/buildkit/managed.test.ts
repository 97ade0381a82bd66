import { spawn } from "node:child_process";
import { readFile, stat, unlink, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { execPath, kill } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { isServing } from "../../../core/buildkit/daemon-socket.ts";
import { managedState, startManaged, stopManaged } from "../../../core/buildkit/managed.ts";
import { identifyProcess, isRunning } from "../../../core/host/process-identity.ts";
import { waitUntilGone } from "../../../core/host/processes.ts";
import { addProgram, daemonRig, type DaemonRig } from "../../support/stand-in-daemon.ts";

async function pidOf(rig: DaemonRig): Promise<number> {
  const { pid } = await managedState(rig.options.paths);
  return pid ?? -1;
}

/** A client that is connected and served, as a build is. */
async function client(rig: DaemonRig): Promise<Socket> {
  const socket = connect(rig.options.paths.socket ?? "");
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}

describe("startManaged", () => {
  test("starts a daemon that only this user reaches", async () => {
    const rig = await daemonRig();
    const { paths } = rig.options;
    const started = await startManaged(rig.options);
    expect(started).toEqual({
      ok: true,
      value: { address: `unix://${paths.socket}`, version: "0.33.1", isNew: true },
    });
    expect((await stat(paths.socket ?? "")).mode & 0o777).toBe(0o600);
    expect((await stat(paths.buildkit)).mode & 0o777).toBe(0o700);
  });

  test("gives the daemon no secrets of the build, and its own programs first", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const { env, argv, cwd } = await rig.seen();
    expect(env).not.toHaveProperty("NPM_TOKEN");
    expect(env["PATH"]?.split(":")[0]).toBe(rig.programs);
    expect(argv).toEqual(["--config", join(rig.options.paths.buildkit, "buildkitd.toml")]);
    expect(cwd).toBe(rig.options.paths.buildkit);
  });

  test("starts it in a session of its own", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const pid = await pidOf(rig);
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    expect(fields[3]).toBe(String(pid));
  });

  test("leaves it running when this process ends", async () => {
    const rig = await daemonRig();
    const { signal: _, ...options } = rig.options;
    const script = `
      const { startManaged } = await import(${JSON.stringify(new URL("../../../core/buildkit/managed.ts", import.meta.url).href)});
      const started = await startManaged({ ...${JSON.stringify(options)}, signal: new AbortController().signal });
      if (!started.ok) process.exit(1);`;
    const child = spawn(execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    const status = await new Promise((resolve) => child.once("exit", resolve));
    expect(status).toBe(0);
    expect(await isServing(rig.options.paths.socket ?? "", 1_000)).toBe(true);
  });

  test("uses the one that runs", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const pid = await pidOf(rig);
    await expect(startManaged(rig.options)).resolves.toMatchObject({ ok: true, value: { isNew: false } });
    expect(await pidOf(rig)).toBe(pid);
  });

  test("ends with one daemon when many start at once", async () => {
    const rig = await daemonRig();
    const started = await Promise.all(Array.from({ length: 6 }, () => startManaged(rig.options)));
    const isNew = started.map((result) => result.ok && result.value.isNew);
    expect(isNew.filter(Boolean)).toHaveLength(1);
    expect(started.every(({ ok }) => ok)).toBe(true);
  });

  test("starts anew after the daemon was killed, whatever it left behind", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const first = await identifyProcess(await pidOf(rig));
    kill(first?.pid ?? 0, "SIGKILL");
    expect(first === undefined || (await waitUntilGone(first, 5_000))).toBe(true);
    await expect(startManaged(rig.options)).resolves.toMatchObject({ ok: true, value: { isNew: true } });
  });

  test("does not take a foreign process for the daemon because it has its number", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    await stopManaged(rig.options.paths);
    const self = await identifyProcess("self");
    const record = { process: { ...self, started: "1" }, version: "0.33.1", settings: "" };
    await writeFile(join(rig.options.paths.buildkit, "daemon.json"), JSON.stringify(record));
    await expect(managedState(rig.options.paths)).resolves.toEqual({ state: "stopped" });
    await expect(startManaged(rig.options)).resolves.toMatchObject({ ok: true, value: { isNew: true } });
  });

  test("replaces an idle daemon of another version", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const pid = await pidOf(rig);
    const next = await startManaged({ ...rig.options, version: "0.34.0" });
    expect(next).toMatchObject({ ok: true, value: { isNew: true, version: "0.34.0" } });
    expect(await pidOf(rig)).not.toBe(pid);
  });

  test("replaces an idle daemon where the plan says something else of registries", async () => {
    const rig = await daemonRig();
    const location = { file: { path: "plan.yaml", text: "" }, range: { start: 0, end: 0 } };
    const registries = [{ registry: "registry.example", insecure: true, location }];
    await startManaged(rig.options);
    const next = await startManaged({ ...rig.options, registries });
    expect(next).toMatchObject({ ok: true, value: { isNew: true } });
    const again = await startManaged({ ...rig.options, registries });
    expect(again).toMatchObject({ ok: true, value: { isNew: false } });
  });

  test("leaves a daemon of another version alone while it builds", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    await client(rig);
    const next = await startManaged({ ...rig.options, version: "0.34.0" });
    expect(next).toMatchObject({ ok: true, value: { isNew: false, version: "0.33.1" } });
  });

  test("replaces a daemon that does not answer", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    const record = await rig.read("cache/buildx-plan/buildkit/daemon.json");
    const deaf = spawn(execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    onTestFinished(() => void deaf.kill("SIGKILL"));
    const process = await identifyProcess(deaf.pid ?? 0);
    await stopManaged(rig.options.paths);
    await writeFile(
      join(rig.options.paths.buildkit, "daemon.json"),
      JSON.stringify({ ...JSON.parse(record), process }),
    );
    await expect(startManaged(rig.options)).resolves.toMatchObject({ ok: true, value: { isNew: true } });
    expect(process === undefined || (await isRunning(process))).toBe(false);
  });

  test("shows the daemon's last words and what mends it", async () => {
    const rig = await daemonRig();
    await rig.behave("fail buildkitd: failed to find runc binary");
    await expect(startManaged(rig.options)).resolves.toEqual({
      ok: false,
      error: {
        kind: "managed-not-started",
        detail: "BuildKit's daemon ended with status 1",
        log: ["buildkitd: failed to find runc binary"],
        mend: "apt-get install -y runc",
      },
    });
    await expect(managedState(rig.options.paths)).resolves.toEqual({ state: "stopped" });
  });

  test("ends what it started when it is cancelled", async () => {
    const rig = await daemonRig();
    await rig.behave("deaf");
    const cancel = new AbortController();
    const starting = startManaged({ ...rig.options, signal: cancel.signal });
    await expect.poll(() => rig.read("programs/seen.json").catch(() => ""), { timeout: 5_000 }).not.toBe("");
    cancel.abort();
    await expect(starting).resolves.toMatchObject({ ok: false, error: { detail: "it was cancelled" } });
    await expect(managedState(rig.options.paths)).resolves.toEqual({ state: "stopped" });
  });
});

/** Why nothing is started on a host that was changed. */
const refusal = async (
  change: (rig: DaemonRig) => Promise<Partial<DaemonRig["options"]>>,
): Promise<unknown> => {
  const rig = await daemonRig();
  const started = await startManaged({ ...rig.options, ...(await change(rig)) });
  return started.ok ? started : started.error;
};

describe("what the host lacks", () => {
  test("runc", async () => {
    const error = await refusal(async (rig) => {
      await unlink(join(rig.programs, "runc"));
      return { osRelease: "ID=alpine\n" };
    });
    expect(error).toMatchObject({ kind: "managed-not-started", mend: "apk add runc" });
  });

  test("privileges of a container's root", async () => {
    const error = await refusal(async (rig) => {
      await writeFile(join(rig.options.filesFrom ?? "", "proc/self/status"), "CapEff:\t00000000a80425fb\n");
      return {};
    });
    expect(error).toMatchObject({
      detail: expect.stringContaining("CAP_SYS_ADMIN"),
      mend: expect.stringContaining("--privileged"),
    });
  });

  test("rootlesskit and its helpers, without root", async () => {
    const error = await refusal((rig) =>
      Promise.resolve({ user: { uid: 1000, name: "ann" }, env: { PATH: rig.programs } }),
    );
    expect(error).toMatchObject({
      detail: "without root, BuildKit's daemon needs rootlesskit, newuidmap, newgidmap",
      mend: "as root: apt-get install -y rootlesskit uidmap",
    });
  });

  test("subordinate ids, without root", async () => {
    const error = await refusal(async (rig) => {
      for (const name of ["rootlesskit", "newuidmap", "newgidmap"]) await addProgram(rig, name, 'exec "$@"');
      return { user: { uid: 1001, name: "ben" } };
    });
    expect(error).toMatchObject({
      detail: "/etc/subuid gives ben no subordinate ids",
      mend: "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ben",
    });
  });

  test("nothing, where rootlesskit is there: it starts the daemon", async () => {
    const rig = await daemonRig();
    for (const name of ["rootlesskit", "newuidmap", "newgidmap"]) await addProgram(rig, name, 'exec "$@"');
    const started = await startManaged({ ...rig.options, user: { uid: 1000, name: "ann" } });
    expect(started).toMatchObject({ ok: true, value: { isNew: true } });
    const { argv, env } = await rig.seen();
    expect(argv).toContain("--rootless");
    // runc would otherwise look for its state in a folder of root's.
    expect(env).toMatchObject({ USER: "ann", XDG_RUNTIME_DIR: join(rig.options.paths.buildkit, "run") });
  });

  test("Linux", async () => {
    const error = await refusal(() => Promise.resolve({ os: "darwin" }));
    expect(error).toMatchObject({ detail: "BuildKit's daemon runs on Linux only" });
  });

  test("a short enough name for the socket", async () => {
    const error = await refusal((rig) =>
      Promise.resolve({ paths: { ...rig.options.paths, socket: undefined } }),
    );
    expect(error).toMatchObject({ detail: expect.stringContaining("107 bytes") });
  });
});

describe("stopManaged", () => {
  test("ends the daemon with all that it runs, and removes its socket", async () => {
    const rig = await daemonRig();
    await rig.behave("child");
    await startManaged(rig.options);
    const child = await identifyProcess(Number(await rig.read("programs/child.pid")));
    expect(child).toBeDefined();
    await expect(stopManaged(rig.options.paths)).resolves.toEqual({ ok: true, value: { wasRunning: true } });
    expect(child !== undefined && (await isRunning(child))).toBe(false);
    await expect(stat(rig.options.paths.socket ?? "")).rejects.toThrow("ENOENT");
  });

  test("finds a daemon whose record is lost", async () => {
    const rig = await daemonRig();
    await startManaged(rig.options);
    await unlink(join(rig.options.paths.buildkit, "daemon.json"));
    await expect(stopManaged(rig.options.paths)).resolves.toEqual({ ok: true, value: { wasRunning: true } });
    expect(await isServing(rig.options.paths.socket ?? "", 200)).toBe(false);
  });

  test("says that there was none", async () => {
    const rig = await daemonRig();
    await expect(stopManaged(rig.options.paths)).resolves.toEqual({ ok: true, value: { wasRunning: false } });
  });
});
