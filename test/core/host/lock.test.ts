import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { withLock } from "../../../core/host/lock.ts";
import { identifyProcess } from "../../../core/host/process-identity.ts";

async function lockFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lock-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "sub", "lock");
}

/** A lock that a process took which has been killed since. */
async function abandonedLock(): Promise<string> {
  const file = await lockFile();
  const child = spawn(execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const owner = await identifyProcess(child.pid ?? 0);
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  await withLock(file, {}, () => Promise.resolve());
  await writeFile(file, JSON.stringify({ token: "dead", process: owner }));
  return file;
}

describe("withLock", () => {
  test("runs one task at a time", async () => {
    const file = await lockFile();
    let inside = 0;
    const seen: number[] = [];
    const task = async (): Promise<void> => {
      inside += 1;
      seen.push(inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(file, {}, task)));
    expect(seen).toEqual(Array.from({ length: 8 }, () => 1));
  });

  test("gives back the task's value, and the lock after a failure", async () => {
    const file = await lockFile();
    await expect(withLock(file, {}, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    await expect(withLock(file, {}, () => Promise.resolve(7))).resolves.toBe(7);
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  test("takes over from a process that was killed", async () => {
    const file = await abandonedLock();
    await expect(withLock(file, {}, () => Promise.resolve("mine"))).resolves.toBe("mine");
  });

  test("lets one of many take over", async () => {
    const file = await abandonedLock();
    let inside = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(file, {}, task)));
    expect(most).toBe(1);
  });

  test("does not mistake a new process with the old number for the holder", async () => {
    const file = await lockFile();
    const self = await identifyProcess("self");
    await withLock(file, {}, () => Promise.resolve());
    await writeFile(file, JSON.stringify({ token: "old", process: { ...self, started: "1" } }));
    await expect(withLock(file, {}, () => Promise.resolve("mine"))).resolves.toBe("mine");
  });

  test("takes over an unreadable lock when it has not been touched for long, not before", async () => {
    const file = await lockFile();
    await withLock(file, {}, () => Promise.resolve());
    await writeFile(file, "{");
    const waiting = new AbortController();
    const early = withLock(file, { signal: waiting.signal, onWait: () => waiting.abort() }, () =>
      Promise.resolve(),
    );
    await expect(early).rejects.toThrow("aborted");
    await utimes(file, new Date(0), new Date(0));
    await expect(withLock(file, {}, () => Promise.resolve("mine"))).resolves.toBe("mine");
  });

  test("says once that it waits, and stops waiting when it is cancelled", async () => {
    const file = await lockFile();
    const waiting = new AbortController();
    let waits = 0;
    await withLock(file, {}, async () => {
      const second = withLock(
        file,
        {
          signal: waiting.signal,
          onWait: () => {
            waits += 1;
            setTimeout(() => waiting.abort(), 120);
          },
        },
        () => Promise.resolve(),
      );
      await expect(second).rejects.toThrow("aborted");
    });
    expect(waits).toBe(1);
  });
});
