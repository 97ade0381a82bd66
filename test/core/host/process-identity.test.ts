import { spawn } from "node:child_process";
import { pid } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { identifyProcess, isRunning } from "../../../core/host/process-identity.ts";
import { descendants, signalProcess, waitUntilGone } from "../../../core/host/processes.ts";

/** Starts a shell that prints the number of a child, and becomes a sleep. */
async function parent(child: string): Promise<{ readonly pid: number; readonly child: number }> {
  const shell = spawn("/bin/sh", ["-c", `${child} & echo $!; exec sleep 60`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void shell.kill("SIGKILL"));
  const line = await new Promise<string>((resolve) =>
    shell.stdout.once("data", (chunk) => resolve(String(chunk))),
  );
  return { pid: shell.pid ?? 0, child: Number(line) };
}

describe("identifyProcess", () => {
  test("names this process the same way by number and as itself", async () => {
    const self = await identifyProcess("self");
    expect(self?.pid).toBe(pid);
    await expect(identifyProcess(pid)).resolves.toEqual(self);
  });

  test("knows none that has ended, though nobody has asked how", async () => {
    // The sleep that the shell becomes never asks: its child stays behind as a zombie.
    const { child } = await parent("true");
    await expect.poll(() => identifyProcess(child), { timeout: 5_000 }).toBeUndefined();
  });

  test("cannot tell of a process of another PID namespace", async () => {
    const self = await identifyProcess("self");
    expect(self).toBeDefined();
    if (self === undefined) return;
    await expect(isRunning(self)).resolves.toBe(true);
    await expect(isRunning({ ...self, boot: "another boot" })).resolves.toBe(false);
    await expect(isRunning({ ...self, namespace: "pid:[1]" })).resolves.toBeUndefined();
  });
});

describe("processes", () => {
  test("are found with those that they started, and end when they are told", async () => {
    const { pid: shell, child } = await parent("sleep 60");
    const family = await descendants(shell);
    expect(family.map((member) => member.pid)).toEqual([child]);
    const [member] = family;
    expect(member).toBeDefined();
    if (member === undefined) return;
    await signalProcess(member, "SIGTERM");
    await expect(waitUntilGone(member, 5_000)).resolves.toBe(true);
  });

  test("are left alone if they only have the number", async () => {
    const { child } = await parent("sleep 60");
    const identity = await identifyProcess(child);
    expect(identity).toBeDefined();
    if (identity === undefined) return;
    await signalProcess({ ...identity, started: "1" }, "SIGKILL");
    await expect(isRunning(identity)).resolves.toBe(true);
    await signalProcess(identity, "SIGKILL");
  });
});
