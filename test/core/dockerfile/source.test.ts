import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { MAX_DOCKERFILE_BYTES } from "../../../core/dockerfile/parse.ts";
import { loadDockerfile, readDockerfile } from "../../../core/dockerfile/source.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "dockerfile-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A build whose Dockerfile is this file of a local context. */
function buildOf(path: string) {
  return { context: { kind: "local", path: "/" }, dockerfile: path } as const;
}

describe("the Dockerfile of a build", () => {
  test("is read, and shown as it lies below the working folder", async () => {
    const from = folder();
    mkdirSync(join(from, "app"));
    const path = join(from, "app", "Dockerfile");
    writeFileSync(path, "FROM ä\n");
    const source = { path: "app/Dockerfile", text: "FROM ä\n" };
    expect(await loadDockerfile(buildOf(path), from)).toEqual({ ok: true, value: source });
    expect(await readDockerfile(buildOf(path))).toEqual({ path, text: "FROM ä\n" });
    expect(await readDockerfile(buildOf(path), join(from, "other"))).toMatchObject({ path });
  });

  test("of a context that BuildKit fetches is not there to be read", async () => {
    const build = { context: { kind: "remote", url: "https://x" }, dockerfile: "Dockerfile" } as const;
    expect(await loadDockerfile(build)).toBeUndefined();
    expect(await readDockerfile(build)).toBeUndefined();
  });

  test("that is not there says so", async () => {
    const path = join(folder(), "Dockerfile");
    expect(await loadDockerfile(buildOf(path))).toEqual({
      ok: false,
      error: { path, reason: "it is not there" },
    });
    expect(await readDockerfile(buildOf(path))).toBeUndefined();
  });

  test("that is a folder says so", async () => {
    const path = folder();
    expect(await loadDockerfile(buildOf(path))).toMatchObject({ error: { reason: "it is a folder" } });
  });

  test("that is a pipe nobody writes to is not waited for", async () => {
    const path = join(folder(), "pipe");
    execFileSync("mkfifo", [path]);
    expect(await loadDockerfile(buildOf(path))).toMatchObject({ error: { reason: "it is no regular file" } });
  });

  test("may be as large as the limit, and no larger", async () => {
    const path = join(folder(), "Dockerfile");
    writeFileSync(path, "#");
    truncateSync(path, MAX_DOCKERFILE_BYTES);
    expect(await loadDockerfile(buildOf(path))).toMatchObject({ ok: true });
    truncateSync(path, MAX_DOCKERFILE_BYTES + 1);
    expect(await loadDockerfile(buildOf(path))).toMatchObject({
      error: { reason: "it is larger than 1 MiB" },
    });
  });
});
