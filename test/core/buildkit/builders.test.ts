import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectBuilder } from "../../../core/buildkit/builders.ts";
import type { Reach } from "../../../core/buildkit/reach.ts";
import { openBridge } from "../../../core/buildkit/bridge.ts";
import { currentBuildxBuilder } from "../../../core/buildkit/buildx.ts";
import { connectBuilders } from "../../../core/buildkit/connect.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { platform } from "../../support/make.ts";
import { isAlive, standIn } from "../../support/stand-in.ts";

const WORKERS = readFileSync(
  new URL("../../../fixtures/buildkit/workers/buildkitd-v0.33.1-amd64.json", import.meta.url),
  "utf8",
);
const CURRENT = `${JSON.stringify({ Name: "default", Current: true, Driver: "docker", Nodes: [{ Name: "default", Platforms: ["linux/amd64"] }] })}\n`;
const DEAD = `${JSON.stringify({ Name: "default", Current: true, Err: "failed to connect to the docker API", Nodes: [{ Name: "" }] })}\n`;

function reach(programs: { buildctl?: string; docker?: string; env?: Reach["env"] }): Reach {
  return {
    buildctl: programs.buildctl ?? "/no/such/buildctl",
    buildx: [programs.docker ?? "/no/such/docker", "buildx"],
    env: { ...process.env, BUILDKIT_HOST: undefined, ...programs.env },
    signal: new AbortController().signal,
  };
}

const address = (to: string) => ({ kind: "buildkit", address: to }) as const;

test("a daemon is asked for its workers as JSON; what it reports becomes a node", async () => {
  const buildctl = standIn({ stdout: WORKERS });
  const connected = await connectBuilder(
    { name: "arm", reach: address("tcp://arm.example:1234") },
    reach({ buildctl: buildctl.path }),
  );
  expect(buildctl.calls()).toEqual([
    ["--addr", "tcp://arm.example:1234", "debug", "workers", "--format", "{{json .}}"],
  ]);
  const node = connected.ok ? connected.value.connections[0]?.node : undefined;
  expect(node).toMatchObject({
    name: "arm",
    builder: "arm",
    local: false,
    buildkitVersion: "v0.33.1",
    maxParallelism: 6,
  });
  expect(node?.native.map(formatPlatform)).toContain("linux/amd64");
});

test("declared platforms are native whatever is reported, and come first", async () => {
  const buildctl = standIn({ stdout: WORKERS });
  const connected = await connectBuilder(
    {
      name: "arm",
      reach: address("tcp://arm.example:1234"),
      platforms: [platform("linux/arm64/v8")],
      maxParallelism: 2,
    },
    reach({ buildctl: buildctl.path }),
  );
  const node = connected.ok ? connected.value.connections[0]?.node : undefined;
  expect(node?.native.map(formatPlatform)).toEqual(["linux/arm64"]);
  expect(node?.platforms.map(formatPlatform).filter((name) => name === "linux/arm64")).toHaveLength(1);
  expect(node?.platforms.map(formatPlatform)).toContain("linux/s390x");
  expect(node?.maxParallelism).toBe(2);
});

test.each([
  [
    "refuses",
    { exitCode: 1, stderr: "error: failed to list workers: Unavailable: connection refused\n" },
    "Unavailable: connection refused",
  ],
  ["answers something else", { stdout: "<html>" }, "it answered, but not with a list of workers"],
])("a daemon that %s is unreachable, in its own words", async (_, script, detail) => {
  const buildctl = standIn(script);
  const connected = await connectBuilder(
    { name: "arm", reach: address("tcp://a:1") },
    reach({ buildctl: buildctl.path }),
  );
  expect(connected).toEqual({
    ok: false,
    error: [{ kind: "builder-unreachable", builder: "arm", address: "tcp://a:1", detail }],
  });
});

test("without buildctl it is said what installs it", async () => {
  const connected = await connectBuilder({ name: "arm", reach: address("tcp://a:1") }, reach({}));
  expect(connected).toMatchObject({
    ok: false,
    error: [{ kind: "tool-missing", install: "buildx-plan setup" }],
  });
});

test("an unknown buildx builder is refused with those that there are", async () => {
  const docker = standIn({ stdout: CURRENT });
  const connected = await connectBuilder(
    { name: "x", reach: { kind: "buildx", builder: "nope" } },
    reach({ docker: docker.path }),
  );
  expect(connected).toEqual({
    ok: false,
    error: [{ kind: "builder-not-found", builder: "nope", known: ["default"] }],
  });
});

test("a buildx builder that Docker cannot reach says why", async () => {
  const docker = standIn({ stdout: DEAD });
  const connected = await connectBuilder(
    { name: "x", reach: { kind: "buildx", builder: "default" } },
    reach({ docker: docker.path }),
  );
  expect(connected).toMatchObject({
    ok: false,
    error: [{ kind: "builder-unreachable", detail: "failed to connect to the docker API" }],
  });
});

test("the nodes of a buildx builder are asked for one by one, each by a platform of its own", async () => {
  const nodes = [
    { Name: "farm0", Platforms: ["linux/amd64*", "linux/arm64"] },
    { Name: "farm1", Platforms: ["linux/arm64", "linux/s390x"] },
  ];
  const docker = standIn({ stdout: `${JSON.stringify({ Name: "farm", Nodes: nodes })}\n` });
  const buildctl = standIn({ stdout: WORKERS });
  const connected = await connectBuilder(
    { name: "farm", reach: { kind: "buildx", builder: "farm" } },
    reach({ docker: docker.path, buildctl: buildctl.path }),
  );
  const connections = connected.ok ? connected.value.connections : [];
  onTestFinished(async () => void (await Promise.all(connections.map(({ close }) => close()))));
  expect(connections.map(({ node }) => node.name)).toEqual(["farm/farm0", "farm/farm1"]);
});

test("the current buildx builder counts only where Docker answers", async () => {
  expect(await currentBuildxBuilder(reach({ docker: standIn({ stdout: CURRENT }).path }))).toBe("default");
  expect(await currentBuildxBuilder(reach({ docker: standIn({ stdout: DEAD }).path }))).toBeUndefined();
  expect(
    await currentBuildxBuilder(reach({ docker: standIn({ exitCode: 1, stderr: "unknown command" }).path })),
  ).toBeUndefined();
  expect(await currentBuildxBuilder(reach({}))).toBeUndefined();
});

test("without builders: BUILDKIT_HOST, then docker buildx, then the managed BuildKit", async () => {
  const buildctl = standIn({ stdout: WORKERS });
  const startManaged = vi.fn<() => Promise<{ ok: true; value: string }>>(async () => ({
    ok: true,
    value: "unix:///managed.sock",
  }));
  const names = async (world: Reach, chosen?: string): Promise<string[]> => {
    const connected = await connectBuilders({
      builders: [],
      reach: world,
      startManaged,
      ...(chosen === undefined ? {} : { chosen }),
    });
    if (!connected.ok) return connected.error.map(({ kind }) => kind);
    await connected.value.close();
    return connected.value.nodes.map(({ name }) => name);
  };
  const env = { BUILDKIT_HOST: "tcp://elsewhere:1" };
  const docker = standIn({ stdout: CURRENT });
  expect(await names(reach({ buildctl: buildctl.path, docker: docker.path, env }))).toEqual([
    "BUILDKIT_HOST",
  ]);
  expect(await names(reach({ buildctl: buildctl.path, docker: docker.path }))).toEqual(["default"]);
  expect(startManaged).not.toHaveBeenCalled();
  expect(await names(reach({ buildctl: buildctl.path }))).toEqual(["managed"]);
  expect(await names(reach({ buildctl: buildctl.path, docker: docker.path, env }), "managed")).toEqual([
    "managed",
  ]);
  expect(await names(reach({ buildctl: buildctl.path }), "tcp://chosen:1")).toEqual(["tcp://chosen:1"]);
});

test("a builder of several that is not known fails the run before anything is built, and leaves no bridge", async () => {
  const docker = standIn({ stdout: CURRENT });
  const location = { file: { path: "p", text: "" }, range: { start: 0, end: 0 } };
  const connected = await connectBuilders({
    builders: [
      { name: "good", reach: { kind: "buildx", builder: "default" }, location },
      { name: "bad", reach: { kind: "buildx", builder: "nope" }, location },
    ],
    reach: reach({ docker: docker.path, buildctl: standIn({ stdout: WORKERS }).path }),
    startManaged: () => Promise.reject(new Error("not asked for")),
  });
  expect(connected).toMatchObject({ ok: false, error: [{ kind: "builder-not-found" }] });
});

test("a bridge carries bytes both ways, in a folder of its own, and leaves nothing behind", async () => {
  const bridge = await openBridge({
    buildx: ["/bin/sh", "-c", "exec cat", "--"],
    builder: "any",
    env: process.env,
  });
  const path = bridge.address.slice("unix://".length);
  const socket = connect(path);
  socket.write("ping");
  const [echo] = await new Promise<Buffer[]>((resolve) => socket.once("data", (data) => resolve([data])));
  expect(String(echo)).toBe("ping");
  await bridge.close();
  expect(existsSync(dirname(path))).toBe(false);
  socket.destroy();
});

test("closing a bridge ends a child that would go on", async () => {
  const docker = standIn({ hang: "willing" });
  const bridge = await openBridge({
    buildx: [docker.path, "buildx"],
    builder: "b",
    platform: "linux/arm64",
    env: process.env,
  });
  const socket = connect(bridge.address.slice("unix://".length));
  socket.on("error", () => {});
  await vi.waitUntil(() => docker.pids().length === 1, { timeout: 5000 });
  await bridge.close();
  expect(docker.pids().filter(isAlive)).toEqual([]);
  expect(docker.calls()).toEqual([
    ["buildx", "dial-stdio", "--builder", "b", "--progress=none", "--platform", "linux/arm64"],
  ]);
});

test("what a failed dial-stdio said is kept, since buildctl only sees a closed connection", async () => {
  const docker = standIn({ exitCode: 1, stderr: 'ERROR: no builder "b" found\n' });
  const bridge = await openBridge({ buildx: [docker.path, "buildx"], builder: "b", env: process.env });
  onTestFinished(() => bridge.close());
  const socket = connect(bridge.address.slice("unix://".length));
  socket.on("error", () => {});
  await vi.waitUntil(() => bridge.lastError() !== undefined, { timeout: 5000 });
  expect(bridge.lastError()).toBe('ERROR: no builder "b" found');
});
