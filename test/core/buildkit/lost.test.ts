import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { connectBuilder } from "../../../core/buildkit/builders.ts";
import { connectBuilders, type Connected } from "../../../core/buildkit/connect.ts";
import { withDeadline, type Reach } from "../../../core/buildkit/reach.ts";
import type { Builder } from "../../../core/plan/plan.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { platform } from "../../support/make.ts";
import { isAlive, standIn } from "../../support/stand-in.ts";

const WORKERS = readFileSync(
  new URL("../../../fixtures/buildkit/workers/buildkitd-v0.33.1-amd64.json", import.meta.url),
  "utf8",
);
const REFUSED = { exitCode: 1, stderr: "error: failed to list workers: Unavailable: connection refused\n" };

const at = (name: string, address: string): Builder => ({
  name,
  reach: { kind: "buildkit", address },
  location: { file: { path: "p", text: "" }, range: { start: 0, end: 0 } },
});

function reach(programs: { buildctl: string; docker?: string; env?: Reach["env"] }): Reach {
  return {
    buildctl: programs.buildctl,
    buildx: [programs.docker ?? "/no/such/docker", "buildx"],
    env: { ...process.env, ...programs.env },
    signal: new AbortController().signal,
  };
}

async function connect(
  builders: readonly Builder[],
  world: Reach,
): Promise<Awaited<ReturnType<typeof connectBuilders>>> {
  const connected = await connectBuilders({
    builders,
    reach: world,
    startManaged: () => Promise.reject(new Error("not asked for")),
  });
  if (connected.ok) onTestFinished(() => connected.value.close());
  return connected;
}

const summaryOf = ({ nodes, lost }: Connected): object => ({
  nodes: nodes.map(({ name }) => name),
  lost: lost.map(({ node, builder }) => [node, builder]),
});

test("a builder of several that does not answer is lost, and the run goes on with the others", async () => {
  const buildctl = standIn({ stdout: WORKERS, when: { "tcp://dead": REFUSED } });
  const connected = await connect(
    [at("one", "tcp://one:1"), at("dead", "tcp://dead:1"), at("two", "tcp://two:1")],
    reach({ buildctl: buildctl.path }),
  );
  expect(connected.ok && connected.value.nodes.map(({ name }) => name)).toEqual(["one", "two"]);
  expect(connected.ok && connected.value.lost).toEqual([
    { node: "dead", builder: "dead", address: "tcp://dead:1", detail: "Unavailable: connection refused" },
  ]);
});

test("where no builder answers, each of them fails", async () => {
  const buildctl = standIn(REFUSED);
  const connected = await connect(
    [at("one", "tcp://one:1"), at("two", "tcp://two:1")],
    reach({ buildctl: buildctl.path }),
  );
  expect(connected).toMatchObject({
    ok: false,
    error: [
      { kind: "builder-unreachable", builder: "one" },
      { kind: "builder-unreachable", builder: "two" },
    ],
  });
});

test("all builders are asked at once: one that is silent keeps nobody waiting for its turn", async () => {
  const buildctl = standIn({ hang: "stubborn" });
  const interruption = new AbortController();
  const world = { ...reach({ buildctl: buildctl.path }), signal: interruption.signal };
  const connecting = connect([at("one", "tcp://one:1"), at("two", "tcp://two:1")], world);
  await vi.waitUntil(() => buildctl.calls().length === 2, { timeout: 5_000 });
  interruption.abort();
  expect(await connecting).toEqual({ ok: false, error: [{ kind: "connect-cancelled" }] });
}, 8_000);

test("an interruption while one builder is silent is no loss of it, and leaves no bridge", async () => {
  const docker = standIn({
    hang: "willing",
    when: { ls: { stdout: `${JSON.stringify({ Name: "farm", Nodes: [{ Name: "farm0" }] })}\n` } },
  });
  const buildctl = standIn({ stdout: WORKERS, when: { "tcp://silent": { hang: "willing" } } });
  const folder = temporaryFolder();
  const interruption = new AbortController();
  const world = {
    ...reach({ buildctl: buildctl.path, docker: docker.path, env: { BUILDX_CONFIG: folder } }),
    signal: interruption.signal,
  };
  const farm: Builder = { ...at("farm", ""), reach: { kind: "buildx", builder: "farm" } };
  const connecting = connect([farm, at("silent", "tcp://silent:1")], world);
  await vi.waitUntil(() => buildctl.pids().length === 2, { timeout: 5_000 });
  interruption.abort();
  expect(await connecting).toEqual({ ok: false, error: [{ kind: "connect-cancelled" }] });
  await vi.waitUntil(() => !buildctl.pids().some(isAlive));
});

test("who has not answered when the deadline passes is unreachable", async () => {
  const buildctl = standIn({ hang: "willing" });
  const world = withDeadline(reach({ buildctl: buildctl.path }), AbortSignal.timeout(1));
  expect(await connectBuilder(at("arm", "tcp://arm:1"), world)).toMatchObject({
    ok: false,
    error: [{ kind: "builder-unreachable", builder: "arm", detail: "it gave no answer within 10 s" }],
  });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lost-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A buildx store with one builder in it, as `buildx create` writes it. */
function storeWith(nodes: readonly object[]): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "instances"));
  writeFileSync(
    join(folder, "instances", "farm"),
    JSON.stringify({ Name: "Farm", Driver: "remote", Nodes: nodes, Dynamic: false }),
  );
  return folder;
}

/** A `buildctl` that dials the socket it is given, as the real one does: what fails there fails here. */
async function farm(nodes: readonly object[], more: Partial<Builder> = {}) {
  const docker = standIn({ exitCode: 1, stderr: "ERROR: no route to host\n" });
  const buildctl = standIn({ stdout: WORKERS });
  const world = reach({
    buildctl: buildctl.path,
    docker: docker.path,
    env: { BUILDX_CONFIG: storeWith(nodes) },
  });
  const connected = await connect(
    [{ ...at("cloud", ""), reach: { kind: "buildx", builder: "Farm" }, ...more }],
    world,
  );
  return { connected, docker, buildctl };
}

const ARM = [{ os: "linux", architecture: "arm64" }];

test("a stored builder is not listed: all of its nodes are asked, told apart though their platforms are the same", async () => {
  const { connected, docker } = await farm([{ Name: "one" }, { Name: "two" }]);
  expect(connected.ok && summaryOf(connected.value)).toEqual({ nodes: ["cloud/one", "cloud/two"], lost: [] });
  expect(docker.calls()).toEqual([]);
});

test("what buildx was told of a node's platforms is that node's own, and goes before what the plan says of all", async () => {
  const natives = ({ nodes }: Connected): object => nodes.map(({ native }) => native.map(formatPlatform));
  const platforms = [platform("linux/s390x")];
  const both = await farm([{ Name: "one", Platforms: ARM }, { Name: "two" }], { platforms });
  expect(both.connected.ok && natives(both.connected.value)).toEqual([["linux/arm64"], ["linux/s390x"]]);
  const alone = await farm([{ Name: "one", Platforms: ARM }]);
  expect(alone.connected.ok && natives(alone.connected.value)).toEqual([["linux/arm64"]]);
  const declared = await farm([{ Name: "one", Platforms: ARM }], { platforms });
  expect(declared.connected.ok && natives(declared.connected.value)).toEqual([["linux/s390x"]]);
});

test("a store that says something else is left to buildx", async () => {
  const { connected, docker } = await farm([]);
  expect(connected).toMatchObject({ ok: false, error: [{ kind: "tool-missing", tool: "docker buildx" }] });
  expect(docker.calls()).toEqual([["buildx", "ls", "--format", "json"]]);
});
