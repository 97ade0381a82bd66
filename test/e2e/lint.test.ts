import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import type { LintRequest } from "../../core/buildkit/buildkit.ts";
import { openBuildKit } from "../../core/buildkit/client.ts";
import { lintFindings } from "../../core/buildkit/lint-findings.ts";
import type { Build } from "../../core/plan/build.ts";
import { placed } from "../support/dockerfile.ts";
import { build, node, platform } from "../support/make.ts";

const never = new AbortController().signal;

/** Asks the real BuildKit for its checks of this Dockerfile. */
async function lint(text: string, changes: Partial<Build> = {}, signal = never) {
  const { address, buildctl } = inject("buildkit");
  const folder = await mkdtemp(join(tmpdir(), "lint-"));
  const here = node("real", ["linux/amd64"]);
  const buildkit = openBuildKit({
    connections: [{ node: here, daemon: { address }, close: async () => {} }],
    buildctl,
    env: process.env,
  });
  onTestFinished(async () => {
    await buildkit.close();
    await rm(folder, { recursive: true, force: true });
  });
  const dockerfile = join(folder, "app.Dockerfile");
  await writeFile(dockerfile, text);
  const request: LintRequest = {
    node: here,
    platform: platform("linux/arm64"),
    build: build({ context: { kind: "local", path: folder }, dockerfile, ...changes }),
  };
  const result = await buildkit.lint(request, signal);
  if (!result.ok) return result.error;
  const findings = lintFindings(result.value, { path: "app.Dockerfile", text });
  return findings.map(({ rule, severity, location, facts = [] }) => {
    const place = location === undefined ? "" : placed(location);
    return `${severity} ${rule} ${place.split("\n")[0]} ${facts.length}`;
  });
}

test("BuildKit's own checks become findings on the lines that they are about", async () => {
  const text = `FROM --platform=linux/amd64 scratch as Base
copy app.Dockerfile \\
  /x
ENV PATH=$NOTHING
CMD echo $HOME
`;
  expect(await lint(text)).toEqual([
    "warning buildkit/StageNameCasing 1:1 FROM --platform=linux/amd64 scratch as Base 1",
    "warning buildkit/FromAsCasing 1:1 FROM --platform=linux/amd64 scratch as Base 1",
    "warning buildkit/FromPlatformFlagConstDisallowed 1:1 FROM --platform=linux/amd64 scratch as Base 1",
    "warning buildkit/ConsistentInstructionCasing 2:1 copy app.Dockerfile \\ 1",
    "warning buildkit/UndefinedVar 4:1 ENV PATH=$NOTHING 1",
    "warning buildkit/JSONArgsRecommended 5:1 CMD echo $HOME 1",
  ]);
});

test("text of the Dockerfile passes for no warning", async () => {
  const text =
    "FROM scratch as a\nCOPY <<E /y\nWARNING: Fake - https://x\nDockerfile:1\n--------------------\nE\n";
  expect(await lint(text)).toEqual(["warning buildkit/FromAsCasing 1:1 FROM scratch as a 1"]);
});

test("the Dockerfile's own directive is honoured", async () => {
  expect(await lint("# check=skip=FromAsCasing\nFROM scratch as a\n")).toEqual([]);
  expect(await lint("# check=error=true\nFROM scratch as a\n")).toEqual([
    "error buildkit/FromAsCasing 2:1 FROM scratch as a 1",
  ]);
});

test("arguments and target count", async () => {
  const text = "ARG TAG\nFROM scratch$TAG AS one\nFROM scratch as two\n";
  expect(await lint(text, { target: "one", args: { TAG: "" } })).toEqual([
    "warning buildkit/FromAsCasing 3:1 FROM scratch as two 1",
  ]);
});

test("a good Dockerfile has none, and one that is refused has none either", async () => {
  expect(await lint("FROM scratch AS a\n")).toEqual([]);
  expect(await lint("FROM scratch\nRUNN x\n")).toEqual([]);
});

test("a frontend that is not there is a failure", async () => {
  expect(await lint("# syntax=127.0.0.1:1/no/dockerfile\nFROM scratch\n")).toMatchObject({
    kind: "step-failed",
  });
});

test("an interrupted one says so", async () => {
  expect(await lint("FROM scratch\n", {}, AbortSignal.abort())).toEqual({ kind: "solve-cancelled" });
});

// What preflight puts in the place of images that are not built yet.
test("a context that is nothing is taken for any image, and asked of no registry", async () => {
  const nothing = { kind: "remote", url: "docker-image://scratch" } as const;
  const text = "FROM base as A\nCOPY --from=registry.invalid/tools:1 /x /x\nRUN true\n";
  const contexts = { base: nothing, "registry.invalid/tools:1": nothing };
  expect(await lint(text, { contexts })).toEqual([
    "warning buildkit/StageNameCasing 1:1 FROM base as A 1",
    "warning buildkit/FromAsCasing 1:1 FROM base as A 1",
  ]);
});
