import { expect, onTestFinished, test } from "vitest";
import { readTool } from "../../../core/buildkit/tool.ts";
import { isAlive, standIn } from "../../support/stand-in.ts";

const quiet = { argv: [], env: {}, signal: new AbortController().signal };

test("answers what a tool says and how it ends", async () => {
  const tool = standIn({ stdout: "out\n", stderr: "err\n", exitCode: 3 });
  await expect(readTool({ ...quiet, tool: tool.path })).resolves.toEqual({
    ended: { kind: "exited", exitCode: 3 },
    stdout: "out\n",
    stderr: "err\n",
  });
});

test("says that a tool is not there", async () => {
  const answer = await readTool({ ...quiet, tool: "/nowhere/buildctl" });
  expect(answer.ended.kind).toBe("not-found");
});

test("leaves no tool behind that puts its end off, so that nothing waits for it", async () => {
  const tool = standIn({ hang: "stubborn" });
  onTestFinished(() => tool.pids().forEach((pid) => isAlive(pid) && process.kill(pid, "SIGKILL")));
  const cancel = new AbortController();
  const asked = readTool({ ...quiet, tool: tool.path, signal: cancel.signal });
  await expect.poll(() => tool.pids().length, { timeout: 5_000 }).toBe(2);
  cancel.abort();
  await expect(asked).resolves.toMatchObject({ ended: { kind: "cancelled" } });
  await expect.poll(() => isAlive(tool.pids()[1] ?? 0), { timeout: 5_000 }).toBe(false);
});
