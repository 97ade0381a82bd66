import { readdir } from "node:fs/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { dockerScout } from "../../../core/scan/docker-scout.ts";
import { grype } from "../../../core/scan/grype.ts";
import { guarded, inFolder, runScanner, type Scanner } from "../../../core/scan/tool.ts";
import { trivy } from "../../../core/scan/trivy.ts";
import { testScanner } from "../../support/scanner.ts";

const signal = AbortSignal.timeout(60_000);
const GRYPE: Scanner = { name: "grype", program: "grype", variables: ["GRYPE_"] };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a scanner", () => {
  test("is told what it needs of the environment and nothing else", async () => {
    const scanner = await testScanner(
      "grype",
      {},
      {
        HOME: "/home/somebody",
        GRYPE_DB_AUTO_UPDATE: "false",
        https_proxy: "http://proxy.example",
        TRIVY_TOKEN: "secret",
        NPM_TOKEN: "secret",
        AWS_SECRET_ACCESS_KEY: "secret",
        DOCKER_AUTH_CONFIG: "secret",
        NODE_OPTIONS: "--inspect",
        LD_PRELOAD: "",
        TMPDIR: "/elsewhere",
      },
    );
    const options = { folder: scanner.host.temporary, exitCodes: [0], signal };
    expect(await runScanner(GRYPE, ["--output", "a b;c"], scanner.host, options)).toMatchObject({ ok: true });
    const env = await scanner.env();
    const own = [...env.keys()].filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name));
    expect(own.toSorted()).toEqual(
      ["GRYPE_DB_AUTO_UPDATE", "HOME", "PATH", "TEMP", "TMP", "TMPDIR", "https_proxy"].toSorted(),
    );
    expect(env.get("TMPDIR")).toBe(scanner.host.temporary);
    expect(await scanner.argv()).toEqual(["--output", "a b;c"]);
  });

  test("fails with what it said last", async () => {
    const stderr = `${"noise\n".repeat(2000)}\n\nno database\n  try again  \n`;
    const { host } = await testScanner("grype", { stdout: "{}", stderr, exitCode: 3 });
    expect(await runScanner(GRYPE, [], host, { folder: host.temporary, exitCodes: [0, 1], signal })).toEqual({
      ok: false,
      error: {
        source: "grype",
        problem: "source-failed",
        detail: "it ended with 3; noise; no database; try again",
      },
    });
  });

  test("may end as its list says", async () => {
    const { host } = await testScanner("grype", { stdout: "{}", stderr: "note", exitCode: 1 });
    expect(await runScanner(GRYPE, [], host, { folder: host.temporary, exitCodes: [0, 1], signal })).toEqual({
      ok: true,
      value: { exitCode: 1, stdout: "{}", stderr: "note" },
    });
  });

  test("prints no more than is taken", async () => {
    const { host } = await testScanner("grype", { stdout: "é".repeat(100_000) });
    const options = { folder: host.temporary, exitCodes: [0], signal, maxBytes: 10_000 };
    expect(await runScanner(GRYPE, [], host, options)).toEqual({
      ok: false,
      error: { source: "grype", problem: "answer-invalid", detail: "more than 10000 bytes" },
    });
  });

  test("is interrupted, or takes too long", async () => {
    const { host } = await testScanner("grype");
    const options = { folder: host.temporary, exitCodes: [0] };
    expect(await runScanner(GRYPE, [], host, { ...options, signal: AbortSignal.abort() })).toMatchObject({
      error: { problem: "cancelled" },
    });
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
    expect(
      await runScanner(GRYPE, [], host, { ...options, signal: new AbortController().signal }),
    ).toMatchObject({ error: { problem: "timed-out", detail: "no answer in 15 minutes" } });
  });
});

describe("external sources", () => {
  const bytes = Buffer.from('{"spdxVersion":"SPDX-2.3"}');
  const layout = {
    layout: "/an/image",
    archive: async () => await Promise.reject(new Error("not asked for")),
  };

  test.each([
    ["grype", grype, '{"matches":[]}', /^sbom:.*\/sbom\.spdx\.json$/, "oci-dir:/an/image"],
    ["trivy", trivy, '{"SchemaVersion":2}', /^\/.*\/sbom\.spdx\.json$/, "/an/image"],
    ["docker", dockerScout, '{"runs":[]}', /^sbom:\/\/\/.*\/sbom\.spdx\.json$/, "oci-dir:///an/image"],
  ])("%s is given a file or an image, and its answer is read", async (name, create, stdout, place, image) => {
    const scanner = await testScanner(name, { stdout });
    const source = create(scanner.host);
    expect(await source.available(signal)).toEqual({ ok: true, value: undefined });
    expect(await source.scan({ kind: "sbom", format: "spdx", bytes }, signal)).toMatchObject({
      ok: true,
      value: { vulnerabilities: [] },
    });
    expect((await scanner.argv()).find((argument) => place.test(argument))).toBeDefined();
    expect(await source.scan({ kind: "image", image: layout }, signal)).toMatchObject({ ok: true });
    expect(await scanner.argv()).toContain(image);
    expect(await source.scan({ kind: "packages", packages: [] }, signal)).toMatchObject({
      error: { problem: "no-sbom" },
    });
    expect(await readdir(scanner.host.temporary)).toEqual([]);
  });

  test("an SBOM reaches the scanner as it is", async () => {
    const scanner = await testScanner("trivy", { stdout: '{"SchemaVersion":2}' });
    await trivy(scanner.host).scan({ kind: "sbom", format: "cyclonedx", bytes }, signal);
    expect(await scanner.given()).toBe(bytes.toString());
    expect((await scanner.argv()).at(-1)).toMatch(/sbom\.cdx\.json$/);
  });

  test("are not there without their program, or where it does not work", async () => {
    const { host } = await testScanner("something-else");
    expect(await grype(host).available(signal)).toMatchObject({
      error: { detail: "grype is not on the PATH" },
    });
    const broken = await testScanner("docker", { stderr: "'scout' is not a docker command", exitCode: 1 });
    expect(await dockerScout(broken.host).available(signal)).toMatchObject({
      error: { source: "docker-scout", detail: "it ended with 1; 'scout' is not a docker command" },
    });
    const nowhere = { ...broken.host, temporary: "/nowhere/at/all" };
    expect(await dockerScout(nowhere).available(signal)).toMatchObject({
      error: { detail: expect.stringContaining("ENOENT") },
    });
  });

  test("what is no JSON is no answer", async () => {
    const { host } = await testScanner("grype", { stdout: "Update available" });
    expect(await grype(host).scan({ kind: "sbom", format: "spdx", bytes }, signal)).toEqual({
      ok: false,
      error: { source: "grype", problem: "answer-invalid", detail: "it did not print JSON" },
    });
  });
});

test("a folder is gone after its task, whatever comes of it", async () => {
  const { host } = await testScanner("any");
  const task = inFolder(host, async () => await Promise.reject(new Error("a bug")));
  await expect(task).rejects.toThrow("a bug");
  expect(await readdir(host.temporary)).toEqual([]);
  await expect(guarded(async () => await Promise.reject(new Error("a bug")))).rejects.toThrow("a bug");
});
