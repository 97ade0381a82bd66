import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import {
  buildxFarm,
  FOREIGN,
  line,
  NATIVE,
  nativeFor,
  openFarm,
  placesIn,
  platformsOf,
  project,
  releaseAll,
  reportOf,
} from "../support/farm.ts";
import { startNode } from "../support/nodes.ts";
import { makeAuthority, type Authority } from "../support/tls-registry.ts";

// Several real daemons, each with a network of its own or on a socket. A step that asks our server for its platform tells by its address
// which daemon runs it.

test("each variant is built on the node that is native for it, whatever the order of the nodes", async () => {
  const farm = await openFarm();
  const [here, foreign] = await Promise.all([startNode(), startNode({ network: farm.two })]);
  const builders = line("here", here) + line("foreign", foreign, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [NATIVE, FOREIGN]);
  const running = rig.start(["build", "--json"]);
  expect(await releaseAll(farm, running, 2)).toEqual({ [NATIVE]: farm.one.here, [FOREIGN]: farm.two.there });
  const ran = await running.ended;
  expect(ran.stderr).not.toContain("error");
  expect(placesIn(reportOf(ran))).toEqual([`${NATIVE} here native`, `${FOREIGN} foreign native`]);
  expect(reportOf(ran).lost).toEqual([]);
  expect(await platformsOf(`${farm.registry}/app:1`)).toEqual([NATIVE, FOREIGN]);
});

test("nodes that refuse and nodes that are silent are dropped with a warning; the others build", async () => {
  const farm = await openFarm();
  const here = await startNode();
  const [refusing, silent] = await Promise.all([
    startNode({ network: farm.one }),
    startNode({ network: farm.two }),
  ]);
  await refusing.kill();
  await farm.two.cut();
  const builders =
    line("refusing", refusing) + line("here", here) + line("silent", silent, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [NATIVE, FOREIGN]);
  const running = rig.start(["build", "--json"]);
  await releaseAll(farm, running, 2);
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).toMatch(
    /^warning: node refusing does not answer; the run goes on without it\n {2}at tcp:\/\/\S+\n {2}.*connection refused/m,
  );
  expect(ran.stderr).toContain(`  at ${silent.address}\n  it gave no answer within 10 s\n`);
  expect(placesIn(reportOf(ran))).toEqual([`${NATIVE} here native`, `${FOREIGN} here emulated`]);
  expect(reportOf(ran).lost).toMatchObject([
    { node: "refusing", builder: "refusing", detail: expect.stringContaining("connection refused") },
    { node: "silent", builder: "silent", detail: "it gave no answer within 10 s" },
  ]);
});

test("a silent node is there again when its network is", async () => {
  const farm = await openFarm();
  const [here, foreign] = await Promise.all([startNode(), startNode({ network: farm.two })]);
  const rig = await project(farm, line("here", here) + line("foreign", foreign, nativeFor(FOREIGN)), [
    FOREIGN,
  ]);
  await farm.two.cut();
  const without = await rig.run(["plan", "--json"]);
  expect(JSON.parse(without.stdout)).toMatchObject({
    lost: [{ node: "foreign" }],
    releases: [{ variants: [{ node: "here", execution: "emulated" }] }],
  });
  await farm.two.mend();
  const again = await rig.run(["plan", "--json"]);
  expect(JSON.parse(again.stdout)).toMatchObject({
    lost: [],
    releases: [{ variants: [{ node: "foreign", execution: "native" }] }],
  });
});

test("a variant that only the lost node may build is refused, and the node is named", async () => {
  const farm = await openFarm();
  const [here, foreign] = await Promise.all([startNode(), startNode({ network: farm.two })]);
  await foreign.kill();
  const builders = line("here", here) + line("foreign", foreign, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [`{ platform: ${FOREIGN}, emulation: never }`]);
  const ran = await rig.run(["build", "--json"]);
  expect(ran.exitCode).toBe(5);
  expect(ran.stderr).toContain("foreign: does not answer");
  expect(ran.stderr).toContain("hint: Bring the node back that does not answer");
  expect(reportOf(ran).failures).toMatchObject([
    {
      kind: "route-refused",
      considered: [
        { node: "here", why: "would-emulate" },
        { node: "foreign", why: "lost" },
      ],
    },
  ]);
});

test("a builder that was chosen by name, or that is the only one, is an error when it does not answer", async () => {
  const farm = await openFarm();
  const [here, foreign] = await Promise.all([startNode(), startNode({ network: farm.two })]);
  await foreign.kill();
  const rig = await project(farm, line("here", here) + line("foreign", foreign), [NATIVE]);
  const ran = await rig.run(["build", "--builder", "foreign", "--json"]);
  expect(ran.exitCode).toBe(5);
  expect(reportOf(ran).failures).toMatchObject([{ kind: "builder-unreachable", builder: "foreign" }]);
});

const tls = (authority: Authority, more: Partial<Record<"ca" | "cert" | "key", string>> = {}): string => {
  const files = { ca: authority.ca, cert: authority.client.cert, key: authority.client.key, ...more };
  return `, tls: { ${Object.entries(files)
    .map(([key, path]) => `${key}: "${path}"`)
    .join(", ")} }`;
};

test("a daemon that asks for a certificate builds for those who have the right one; others are told what is wrong", async () => {
  const farm = await openFarm();
  const [authority, other] = await Promise.all([
    makeAuthority([farm.two.there]),
    makeAuthority([farm.two.there]),
  ]);
  const node = await startNode({ network: farm.two, authority });
  const right = await project(farm, line("secure", node, tls(authority)), [NATIVE]);
  const running = right.start(["build", "--json"]);
  await releaseAll(farm, running, 1);
  expect((await running.ended).exitCode).toBe(0);

  const refused = async (settings: string): Promise<string> => {
    const rig = await project(farm, line("secure", node, settings), [NATIVE]);
    const ran = await rig.run(["build", "--json"]);
    expect(ran.exitCode).toBe(5);
    expect(reportOf(ran).failures).toMatchObject([{ kind: "builder-unreachable", builder: "secure" }]);
    return ran.stderr;
  };
  expect(await refused(tls(authority, { ca: other.ca }))).toContain(
    "certificate signed by unknown authority",
  );
  // Whether the daemon's reason is read, or only that it has closed, is chance: the way out is the same.
  const way = "give it with `tls: { ca, cert, key }`";
  expect(await refused(tls(authority, other.client))).toContain(way);
  expect(await refused(`, tls: { ca: "${authority.ca}" }`)).toContain(way);
});

test("both nodes of a buildx builder build, each what buildx was told it is native for, and leave nothing behind", async () => {
  const farm = await openFarm();
  const [one, two] = await Promise.all([startNode({ network: farm.one }), startNode({ network: farm.two })]);
  const rig = await project(farm, "", [NATIVE, FOREIGN]);
  const env = await buildxFarm(rig, [
    { name: "one", at: one },
    { name: "two", at: two, platform: FOREIGN },
  ]);
  const running = rig.start(["build", "--builder", "farm", "--json"], env);
  expect(await releaseAll(farm, running, 2)).toEqual({ [NATIVE]: farm.one.there, [FOREIGN]: farm.two.there });
  const ran = await running.ended;
  expect(ran.stderr).not.toContain("error");
  expect(placesIn(reportOf(ran))).toEqual([`${NATIVE} farm/one native`, `${FOREIGN} farm/two native`]);
  const { stdout: left } = await execa("find", [env.TMPDIR, "-mindepth", "1", "-not", "-name", ".keep"]);
  expect(left).toBe("");
});

test.each(["refuses", "is silent"])(
  "of a buildx builder only the node that %s is dropped, though it is the first",
  async (how) => {
    const farm = await openFarm();
    const [one, two] = await Promise.all([
      startNode({ network: farm.one }),
      startNode({ network: farm.two }),
    ]);
    const rig = await project(farm, `  cloud: { buildx: farm }\n`, [NATIVE]);
    // Nothing tells these two apart but their names.
    const env = await buildxFarm(rig, [
      { name: "two", at: two },
      { name: "one", at: one },
    ]);
    if (how === "refuses") await two.kill();
    else await farm.two.cut();
    const running = rig.start(["build", "--json"], env);
    expect(await releaseAll(farm, running, 1)).toEqual({ [NATIVE]: farm.one.there });
    const ran = await running.ended;
    expect(ran.exitCode).toBe(0);
    expect(placesIn(reportOf(ran))).toEqual([`${NATIVE} cloud/one native`]);
    expect(reportOf(ran).lost).toMatchObject([{ node: "cloud/two", builder: "cloud" }]);
  },
);

test("the only node is killed in the middle of a step: it is the node that is lost, not the step that failed", async () => {
  const farm = await openFarm();
  const node = await startNode({ network: farm.two });
  const rig = await project(farm, line("only", node), [NATIVE]);
  const running = rig.start(["build", "--json"]);
  await farm.gate.next();
  await node.kill();
  const ran = await running.ended;
  expect(ran.exitCode).not.toBe(0);
  expect(reportOf(ran).variants).toMatchObject([{ failure: { kind: "node-lost", node: "only" } }]);
});

test("the network of the only node is cut in the middle of a step: it is lost, though nobody says so", async () => {
  const farm = await openFarm();
  const node = await startNode({ network: farm.two });
  const rig = await project(farm, line("only", node), [NATIVE]);
  const running = rig.start(["build", "--json"]);
  await farm.gate.next();
  await farm.two.cut();
  const ran = await running.ended;
  expect(ran.exitCode).not.toBe(0);
  expect(reportOf(ran).variants).toMatchObject([
    { failure: { kind: "node-lost", node: "only", detail: expect.stringContaining("it was silent") } },
  ]);
});

test("an interruption while a node is silent ends the question at once, and no child is left", async () => {
  const farm = await openFarm();
  const [here, silent] = await Promise.all([startNode(), startNode({ network: farm.two })]);
  await farm.two.cut();
  const rig = await project(farm, line("here", here) + line("silent", silent), [NATIVE]);
  const running = rig.start(["build"]);
  const children = async (): Promise<readonly string[]> => {
    const text = await readFile(`/proc/${running.pid}/task/${running.pid}/children`, "utf8");
    return text.split(" ").filter((each) => each !== "");
  };
  onTestFinished(() => running.kill("SIGKILL"));
  await expect
    .poll(async () => (await children()).length, { timeout: 30_000, interval: 10 })
    .toBeGreaterThan(0);
  const asked = await children();
  running.kill("SIGINT");
  const ran = await running.ended;
  expect(ran.exitCode).toBe(130);
  expect(ran.stderr).toBe("error: interrupted; nothing was built\n");
  expect(asked.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});
