import { expect, test } from "vitest";
import {
  buildxFarm,
  FOREIGN,
  line,
  NATIVE,
  nativeFor,
  nextStep,
  openFarm,
  placesIn,
  platformsOf,
  project,
  releaseAll,
  reportOf,
} from "../support/farm.ts";
import { openNetwork, startNode } from "../support/nodes.ts";
import type { Ran } from "../support/rig.ts";

// Nodes that go away in the middle of a build. A step is held at our server, its node is killed or cut off, and the next step that asks
// must be the same platform's somewhere else. Nothing here waits for time to pass.

/** A second platform that a node for FOREIGN runs itself. */
const SECOND = FOREIGN === "linux/arm64" ? "linux/arm/v7" : "linux/386";
const JSON_EVENTS = ["build", "--json", "--progress", "json"];

interface Told {
  readonly kind: string;
  readonly variant?: string;
  readonly node?: string;
  readonly from?: { readonly node: string };
  readonly to?: { readonly node: string };
  readonly failure?: { readonly kind: string };
}

/** What the events say of nodes: `dropped two`, `app linux/arm64: two -> three (node-lost)`. */
function movesIn({ stderr }: Ran): readonly string[] {
  const events = stderr
    .split("\n")
    .filter((each) => each.startsWith("{"))
    .map((each): Told => JSON.parse(each));
  return events.flatMap(({ kind, variant, node, from, to, failure }) => {
    if (kind === "node-dropped") return [`dropped ${node}`];
    return kind === "variant-rerouted" ? [`${variant}: ${from?.node} -> ${to?.node} (${failure?.kind})`] : [];
  });
}

/** A daemon on a socket, and two that are native for FOREIGN in networks of their own. */
async function openThree() {
  const farm = await openFarm();
  const three = await openNetwork();
  const [here, second, third] = await Promise.all([
    startNode(),
    startNode({ network: farm.two }),
    startNode({ network: three }),
  ]);
  return { farm, three, here, second, third };
}

test("a node is killed in the middle of a step: its variant goes to the next node, the other one stays where it is", async () => {
  const { farm, three, here, second, third } = await openThree();
  const builders =
    line("here", here) + line("two", second, nativeFor(FOREIGN)) + line("three", third, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [NATIVE, FOREIGN]);
  const running = rig.start(JSON_EVENTS);
  const steps = [await nextStep(farm, running), await nextStep(farm, running)];
  expect(Object.fromEntries(steps.map(({ path, from }) => [path.slice(1), from]))).toEqual({
    [NATIVE]: farm.one.here,
    [FOREIGN]: farm.two.there,
  });
  await second.kill();
  const again = await nextStep(farm, running);
  expect([again.path, again.from]).toEqual([`/${FOREIGN}`, three.there]);
  for (const { release } of [...steps, again]) release();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(movesIn(ran)).toEqual(["dropped two", `app ${FOREIGN}: two -> three (node-lost)`]);
  expect(placesIn(reportOf(ran))).toEqual([`${NATIVE} here native`, `${FOREIGN} three native`]);
  expect(await platformsOf(`${farm.registry}/app:1`)).toEqual([NATIVE, FOREIGN]);
});

test("the words of a run whose node dies say what was lost and where it goes on", async () => {
  const { farm, here, second, third } = await openThree();
  const builders =
    line("here", here) + line("two", second, nativeFor(FOREIGN)) + line("three", third, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [FOREIGN]);
  const running = rig.start(["build"]);
  await nextStep(farm, running);
  await second.kill();
  await releaseAll(farm, running, 1);
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).toMatch(/^\[node two\] lost: /m);
  expect(ran.stderr).toMatch(/goes on three, native$/m);
});

test("the network is cut, not refused: the variant goes on elsewhere, and the node is not used again when it is back", async () => {
  const { farm, three, second, third } = await openThree();
  const builders = line("two", second, nativeFor(FOREIGN)) + line("three", third, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [FOREIGN]);
  const running = rig.start(JSON_EVENTS);
  const held = await nextStep(farm, running);
  expect(held.from).toBe(farm.two.there);
  await farm.two.cut();
  const again = await nextStep(farm, running);
  expect([again.path, again.from]).toEqual([`/${FOREIGN}`, three.there]);
  await farm.two.mend();
  held.release();
  again.release();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(movesIn(ran)).toEqual(["dropped two", `app ${FOREIGN}: two -> three (node-lost)`]);
  expect(placesIn(reportOf(ran))).toEqual([`${FOREIGN} three native`]);
});

test("what waits for its turn on a node that dies is built elsewhere, and was never tried there", async () => {
  const { farm, here, second } = await openThree();
  const builders =
    line("here", here) + line("two", second, `, platforms: [${FOREIGN}, ${SECOND}], max-parallelism: 1`);
  const rig = await project(farm, builders, [FOREIGN, SECOND]);
  const running = rig.start(JSON_EVENTS);
  const first = await nextStep(farm, running);
  expect(first.from).toBe(farm.two.there);
  await second.kill();
  // Steps of both platforms, each once: the one that was lost, and the one that waited.
  const places = await releaseAll(farm, running, 2);
  expect(places).toEqual({ [FOREIGN]: farm.one.here, [SECOND]: farm.one.here });
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(placesIn(reportOf(ran))).toEqual([`${FOREIGN} here emulated`, `${SECOND} here emulated`]);
  expect(movesIn(ran)[0]).toBe("dropped two");
});

test("never to emulation where the plan says so: the variant fails, the others are built, and no tag moves", async () => {
  const { farm, here, second } = await openThree();
  const rig = await project(farm, line("here", here) + line("two", second, nativeFor(FOREIGN)), [
    NATIVE,
    `{ platform: ${FOREIGN}, emulation: never }`,
  ]);
  const running = rig.start(["build", "--json"]);
  const steps = [await nextStep(farm, running), await nextStep(farm, running)];
  await second.kill();
  for (const { release } of steps) release();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(5);
  expect(reportOf(ran).variants).toMatchObject([
    { platform: NATIVE, outcome: "built" },
    { platform: FOREIGN, outcome: "failed", failure: { kind: "node-lost", node: "two" } },
  ]);
  const tag = await fetch(`http://${farm.registry}/v2/app/manifests/1`);
  expect(tag.status).toBe(404);
});

test("all nodes die, one after the other: the run ends, and each loss is told", async () => {
  const { farm, three, second, third } = await openThree();
  const builders = line("two", second, nativeFor(FOREIGN)) + line("three", third, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [FOREIGN]);
  const running = rig.start(JSON_EVENTS);
  await nextStep(farm, running);
  await second.kill();
  expect((await nextStep(farm, running)).from).toBe(three.there);
  await third.kill();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(5);
  expect(movesIn(ran)).toEqual(["dropped two", `app ${FOREIGN}: two -> three (node-lost)`, "dropped three"]);
  expect(reportOf(ran).variants).toMatchObject([{ failure: { kind: "node-lost", node: "three" } }]);
});

test("`builders` is the order in which nodes are tried, and losing one takes none of the `retries`", async () => {
  const { farm, three, here, second, third } = await openThree();
  const native = nativeFor(FOREIGN);
  // In the plan's own order it would be `here` first, then `three`.
  const builders = line("here", here, native) + line("three", third, native) + line("two", second, native);
  const rig = await project(farm, builders, [`{ platform: ${FOREIGN}, builders: [two, three], retries: 0 }`]);
  const running = rig.start(JSON_EVENTS);
  expect((await nextStep(farm, running)).from).toBe(farm.two.there);
  await second.kill();
  const again = await nextStep(farm, running);
  expect(again.from).toBe(three.there);
  again.release();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(placesIn(reportOf(ran))).toEqual([`${FOREIGN} three native`]);
});

test("where all of its `builders` are lost, a variant is not built anywhere else", async () => {
  const { farm, here, second } = await openThree();
  const builders = line("here", here, nativeFor(FOREIGN)) + line("two", second, nativeFor(FOREIGN));
  const rig = await project(farm, builders, [`{ platform: ${FOREIGN}, builders: [two] }`]);
  const running = rig.start(["build", "--json"]);
  await nextStep(farm, running);
  await second.kill();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(5);
  expect(reportOf(ran).variants).toMatchObject([{ failure: { kind: "node-lost", node: "two" } }]);
});

test("one node of a buildx builder dies: the other one of it goes on", async () => {
  const { farm, three, second, third } = await openThree();
  const rig = await project(farm, "", [NATIVE]);
  const env = await buildxFarm(rig, [
    { name: "two", at: second },
    { name: "three", at: third },
  ]);
  const running = rig.start([...JSON_EVENTS, "--builder", "farm"], env);
  expect((await nextStep(farm, running)).from).toBe(farm.two.there);
  await second.kill();
  const again = await nextStep(farm, running);
  expect(again.from).toBe(three.there);
  again.release();
  const ran = await running.ended;
  expect(ran.exitCode).toBe(0);
  expect(movesIn(ran)).toEqual(["dropped farm/two", `app ${NATIVE}: farm/two -> farm/three (node-lost)`]);
});
