import { symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { SignSettings } from "../../../core/plan/plan.ts";
import { checkSigning, signRelease, type Signing } from "../../../core/sign/sign.ts";
import { digest } from "../../support/run-events.ts";
import { isAlive, standIn, type Script, type StandIn } from "../../support/stand-in.ts";

const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };
const KEYLESS: SignSettings = { key: { kind: "keyless" }, transparencyLog: true, location };
const KEYED: SignSettings = {
  ...KEYLESS,
  key: { kind: "env", variable: "KEY" },
  passwordEnv: "PASS",
};
const never = new AbortController().signal;

/** A folder for the PATH with a cosign that says this of itself. */
async function cosign(gitVersion: string): Promise<string> {
  const { path } = standIn({ stdout: JSON.stringify({ gitVersion }) });
  await symlink(path, join(dirname(path), "cosign"));
  return dirname(path);
}

describe("before anything is built", () => {
  test.each([
    ["v2.6.5", 2],
    ["v3.1.3", 3],
    ["devel", 3],
  ])("cosign %s is taken as version %i", async (version, major) => {
    const PATH = await cosign(version);
    expect(await checkSigning(KEYLESS, { PATH }, never)).toEqual({
      ok: true,
      value: { path: join(PATH, "cosign"), major },
    });
  });

  test("an old cosign is none", async () => {
    const PATH = await cosign("v1.13.6");
    expect(await checkSigning(KEYLESS, { PATH }, never)).toMatchObject({
      error: { kind: "tool-missing", tool: expect.stringContaining("is version 1.13.6") },
    });
  });

  test("no cosign is told of", async () => {
    expect(await checkSigning(KEYLESS, { PATH: "/nonexistent" }, never)).toMatchObject({
      error: { kind: "tool-missing", tool: "cosign" },
    });
  });

  test.each([
    [{}, "KEY", "key"],
    [{ KEY: "", PASS: "" }, "KEY", "key"],
    [{ KEY: "a key" }, "PASS", "password"],
  ])("with %j, %s is missing", async (env, variable, role) => {
    expect(await checkSigning(KEYED, env, never)).toEqual({
      ok: false,
      error: { kind: "signing-unready", variable, role },
    });
  });

  test("a key may have an empty password", async () => {
    const PATH = await cosign("v3.1.3");
    expect((await checkSigning(KEYED, { PATH, KEY: "a key", PASS: "" }, never)).ok).toBe(true);
  });
});

describe("signing without a key", () => {
  const repository = { registry: "registry.example", path: "app" };
  const other = { registry: "other.example", path: "app" };

  function begin(script: Script, signal: AbortSignal = never): { program: StandIn; signing: Signing } {
    const program = standIn(script);
    const subjects = [
      { repository, digest: digest("index") },
      { repository: other, digest: digest("index") },
      { repository, digest: digest("child") },
      { repository, digest: digest("index") },
    ];
    const tool = { path: program.path, major: 3 };
    return { program, signing: { settings: KEYLESS, subjects, tool, registries: [], env: {}, signal } };
  }

  test("signs each digest once in each repository, all before the first is verified", async () => {
    const { program, signing } = begin({});
    expect(await signRelease(signing)).toEqual({ ok: true, value: { verifiedAs: "anybody" } });
    const one = [`registry.example/app@${digest("index")}`, `registry.example/app@${digest("child")}`];
    const two = [`other.example/app@${digest("index")}`];
    const anybody = ["--certificate-identity-regexp=.*", "--certificate-oidc-issuer-regexp=.*"];
    expect(program.calls()).toEqual([
      ["sign", "--yes", ...one],
      ["sign", "--yes", ...two],
      ["verify", ...anybody, ...one],
      ["verify", ...anybody, ...two],
    ]);
  });

  test("says whose signature was verified", async () => {
    const { signing } = begin({});
    const settings = { ...KEYLESS, identity: "me@example.com", issuer: "https://token.example" };
    expect(await signRelease({ ...signing, settings })).toEqual({
      ok: true,
      value: { verifiedAs: "identity" },
    });
  });

  test("ends at the first failure, with the last of what was said, each error once", async () => {
    const many = Array.from({ length: 50 }, (_, at) => `line ${at}\n`).join("");
    const heard: string[] = [];
    const stderr = `${many}Error: no\nerror during command execution: no\n`;
    const { program, signing } = begin({ stderr, exitCode: 1 });
    const result = await signRelease({ ...signing, onLine: (line) => heard.push(line) });
    expect(result).toMatchObject({ error: { kind: "sign-failed", repository: "registry.example/app" } });
    const log = !result.ok && "log" in result.error ? result.error.log : [];
    expect([log.length, log.at(-2), log.at(-1)]).toEqual([20, "line 49", "Error: no"]);
    expect(heard).toHaveLength(51);
    expect(program.calls()).toHaveLength(1);
  });

  test("passes on what a person must do while it signs, and nothing of the verification", async () => {
    const heard: string[] = [];
    const code = "Enter the verification code ABCD-EFGH in your browser at: https://oauth2.example/device";
    const { signing } = begin({ stdout: `${code}\n`, stderr: "Non-interactive mode detected\n" });
    const subjects = [{ repository, digest: digest("index") }];
    const result = await signRelease({ ...signing, subjects, onLine: (line) => heard.push(line) });
    expect(result.ok).toBe(true);
    expect(heard.toSorted()).toEqual([code, "Non-interactive mode detected"]);
  });

  test("the public key that is asked for is told to nobody", async () => {
    const heard: string[] = [];
    const { program, signing } = begin({ stdout: "-----BEGIN PUBLIC KEY-----\n" });
    const keyed = { ...signing, settings: KEYED, env: { KEY: "a key", PASS: "" } };
    await signRelease({ ...keyed, subjects: [], onLine: (line) => heard.push(line) });
    expect(program.calls()).toEqual([["public-key", "--key=env://KEY"]]);
    expect(heard).toEqual([]);
  });

  test("an interruption ends cosign, too", async () => {
    const stop = new AbortController();
    const { program, signing } = begin({ hang: "willing" }, stop.signal);
    const running = signRelease(signing);
    await vi.waitFor(() => expect(program.pids()).toHaveLength(1), { timeout: 10_000 });
    stop.abort();
    expect(await running).toEqual({ ok: false, error: { kind: "sign-cancelled" } });
    expect(program.pids().some(isAlive)).toBe(false);
  });
});
