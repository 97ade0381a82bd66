import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openHistory, type Measured, type Project } from "../../../core/history/history.ts";
import type { RouteTaken } from "../../../core/history/samples.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "history-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const PROJECT: Project = [{ registry: "registry.example", path: "team/app" }];
const OTHER: Project = [{ registry: "registry.example", path: "team/other" }];
const ROUTE: RouteTaken = {
  release: "app[node=22]",
  platform: "linux/arm64",
  node: "arm",
  execution: "native",
};

const KEY = JSON.stringify(JSON.stringify(["app[node=22]", "linux/arm64", "arm", "native"]));

function measured(durationMs: number, changes: Partial<Measured> = {}): Measured {
  return { project: PROJECT, ...ROUTE, durationMs, ...changes };
}

/** What another process would find. */
async function durationOf(project = PROJECT, route: Partial<RouteTaken> = {}): Promise<number | undefined> {
  const lookup = await openHistory(folder).durations([project]);
  return lookup(project, { ...ROUTE, ...route });
}

describe("what past builds took", () => {
  test("is the median of the last five", async () => {
    const history = openHistory(join(folder, "not", "there"));
    for (const ms of [1, 900, 20, 40, 30, 50]) await history.add([measured(ms)]);
    const lookup = await openHistory(join(folder, "not", "there")).durations([PROJECT]);
    expect(lookup(PROJECT, ROUTE)).toBe(40);
  });

  test("of two is between them", async () => {
    await openHistory(folder).add([measured(10), measured(21)]);
    expect(await durationOf()).toBe(16);
  });

  test.each<Partial<RouteTaken>>([
    { release: "app[node=24]" },
    { platform: "linux/arm/v7" },
    { node: "other" },
    { execution: "emulated" },
  ])("says nothing of another route: %j", async (route) => {
    await openHistory(folder).add([measured(10)]);
    expect(await durationOf(PROJECT, route)).toBeUndefined();
    expect(await durationOf()).toBe(10);
  });

  test("does not mix two projects, and knows one by its repositories in any order", async () => {
    await openHistory(folder).add([measured(10), measured(20, { project: OTHER })]);
    await openHistory(folder).add([measured(30, { project: [...OTHER, ...PROJECT] })]);
    expect(await durationOf()).toBe(10);
    expect(await durationOf(OTHER)).toBe(20);
    expect(await durationOf([...PROJECT, ...OTHER, ...PROJECT])).toBe(30);
    expect(await durationOf([])).toBeUndefined();
    expect(await readdir(join(folder, "v1"))).toHaveLength(3);
  });

  test("is asked for many projects at once", async () => {
    await openHistory(folder).add([measured(10), measured(20, { project: OTHER })]);
    const lookup = await openHistory(folder).durations([PROJECT, OTHER, PROJECT]);
    expect([lookup(PROJECT, ROUTE), lookup(OTHER, ROUTE), lookup([], ROUTE)]).toEqual([10, 20, undefined]);
  });
});

describe("what is kept", () => {
  test("names of any length, each project's own", async () => {
    const [long, longer] = ["a", "b"].map((end) => [
      { registry: "r.example", path: `${"x".repeat(300)}${end}` },
    ]);
    await openHistory(folder).add([measured(10, { project: long ?? [] })]);
    expect(await durationOf(long)).toBe(10);
    expect(await durationOf(longer)).toBeUndefined();
    await openHistory(folder).add([measured(20, { project: [] })]);
    expect(await durationOf([])).toBe(20);
  });

  test("no routes that nobody took for long, where there are too many", async () => {
    const history = openHistory(folder, { maxRoutes: 2 });
    for (const node of ["one", "two", "one", "three"]) await history.add([measured(10, { node })]);
    const kept = ["one", "two", "three"].map(async (node) => await durationOf(PROJECT, { node }));
    expect(await Promise.all(kept)).toEqual([10, undefined, 10]);
  });

  test("no file that is too large, and no time that cannot be", async () => {
    await openHistory(folder, { maxFileBytes: 10 }).add([measured(10)]);
    await openHistory(folder).add([measured(Number.NaN), measured(-1), measured(1e12)]);
    expect(await durationOf()).toBeUndefined();
  });

  test("names and times only", async () => {
    await openHistory(folder).add([measured(10)]);
    const [name = ""] = await readdir(join(folder, "v1"));
    expect(JSON.parse(await readFile(join(folder, "v1", name), "utf8"))).toEqual({
      version: 1,
      project: "registry.example/team/app",
      durations: [['["app[node=22]","linux/arm64","arm","native"]', [10]]],
    });
  });

  test.each([
    "",
    "null",
    "{",
    '{"version":2,"durations":[]}',
    '{"version":1,"durations":[]}',
    '{"version":1,"project":"registry.example/team/app","durations":{}}',
    `{"version":1,"project":"registry.example/team/app","durations":[[${KEY},["10"]]]}`,
    `{"version":1,"project":"registry.example/team/app","durations":[[${KEY},[-1]]]}`,
    `{"version":1,"project":"registry.example/team/app","durations":[[${KEY},[1e300]]]}`,
    `{"version":1,"project":"registry.example/team/other","durations":[[${KEY},[10]]]}`,
  ])("a damaged file is none, and is written anew: %j", async (text) => {
    await openHistory(folder).add([measured(10)]);
    const [name = ""] = await readdir(join(folder, "v1"));
    await writeFile(join(folder, "v1", name), text);
    expect(await durationOf()).toBeUndefined();
    await openHistory(folder).add([measured(20)]);
    expect(await durationOf()).toBe(20);
  });

  test("nothing, where nothing can be written, and nobody is told", async () => {
    const history = openHistory("/dev/null/history");
    await history.add([measured(10)]);
    const lookup = await history.durations([PROJECT]);
    expect(lookup(PROJECT, ROUTE)).toBeUndefined();
  });
});
