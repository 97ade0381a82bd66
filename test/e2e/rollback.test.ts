import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import type { Document } from "../../core/oci/descriptor.ts";
import { digestOf as digestOfBytes } from "../../core/oci/digest-of.ts";
import { openRecorder } from "../../core/publish/record-file.ts";
import type { Store } from "../../core/registry/store.ts";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { makeImage } from "../support/images.ts";
import { platform } from "../support/make.ts";
import { testClient } from "../support/registry-rig.ts";
import { plannedRelease } from "../support/release.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { makeAuthority, startRegistryAt } from "../support/tls-registry.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

async function digestOf(reference: string): Promise<string | undefined> {
  const crane = await testTool("crane");
  const { stdout, exitCode } = await execa(crane, ["digest", "--insecure", reference], { reject: false });
  return exitCode === 0 ? stdout : undefined;
}

interface World {
  readonly rig: Rig;
  readonly proxy: FaultProxy;
  readonly tags: readonly string[];
  /** What the tags name, asked of the registry itself. */
  readonly named: () => Promise<readonly (string | undefined)[]>;
  readonly rollback: (...argv: string[]) => ReturnType<Rig["run"]>;
}

/** Three tags, all released once, and a change that waits to be released. */
async function released(path: string): Promise<World> {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  const names = ["1", "2", "3"];
  const tags = names.map((name) => `${proxy.host}/${path}:${name}`);
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY content /content\n",
    content: "one",
    "buildx-plan.yaml": `version: 1
images:
  app:
    context: .
    platforms: [linux/amd64, linux/arm64]
    tags: [${tags.map((tag) => JSON.stringify(tag)).join(", ")}]
`,
  });
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  await rig.write({ content: "two" });
  return {
    rig,
    proxy,
    tags,
    named: () => Promise.all(names.map((name) => digestOf(`${registry.host}/${path}:${name}`))),
    rollback: (...argv) => rig.run(["rollback", "record.json", ...argv]),
  };
}

/** Begins a release that hangs at its second tag, with the first one moved. */
async function hangAtSecondTag({ rig, proxy }: World) {
  proxy.failNext({ method: "PUT", path: /\/manifests\/2$/ }, { kind: "hang" });
  const running = rig.start(["build", "--builder", inject("buildkit").address, "--record", "record.json"]);
  const isThere = (): boolean => proxy.log().filter((line) => /^PUT .*\/manifests\/2$/.test(line)).length > 1;
  await expect.poll(isThere, { timeout: 60_000 }).toBe(true);
  return running;
}

test("a release is rolled back, and once more: nothing to do", async () => {
  const world = await released("back");
  const before = await world.named();
  const ran = await world.rig.build("--record", "record.json");
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(await world.named()).not.toEqual(before);
  const first = await world.rollback();
  expect(first).toMatchObject({ exitCode: 0, stderr: "" });
  expect(first.stdout).toBe(
    world.tags
      .map((tag, at) => `restored    ${tag}@${before[at]}\n`)
      .toReversed()
      .join(""),
  );
  expect(await world.named()).toEqual(before);
  const second = await world.rollback("--json");
  expect(second).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(second.stdout)).toMatchObject({
    schemaVersion: 1,
    ok: true,
    tags: [{ outcome: "as-before" }, { outcome: "as-before" }, { outcome: "as-before" }],
  });
});

test("kill -9 between two tags: the record is there, a rollback puts back what had moved, a second run completes", async () => {
  const world = await released("killed");
  const before = await world.named();
  const running = await hangAtSecondTag(world);
  running.kill("SIGKILL");
  await running.ended;
  const [first, ...others] = await world.named();
  expect(first).not.toBe(before[0]);
  expect(others).toEqual(before.slice(1));
  const record = JSON.parse(await readFile(join(world.rig.directory, "record.json"), "utf8"));
  expect(record).toMatchObject({
    ok: false,
    tags: [{ before: before[0], after: first }, { state: "planned" }, { state: "planned" }],
  });
  expect(record.endedAt).toBeUndefined();
  expect(await world.rollback()).toMatchObject({ exitCode: 0 });
  expect(await world.named()).toEqual(before);
  const again = await world.rig.build("--json");
  expect(again).toMatchObject({ exitCode: 0 });
  const [{ digest }] = JSON.parse(again.stdout).releases;
  expect(await world.named()).toEqual([digest, digest, digest]);
});

test("Ctrl-C between two tags: says which moved and how to put it back; a plain second run completes", async () => {
  const world = await released("interrupted");
  const before = await world.named();
  const running = await hangAtSecondTag(world);
  running.kill("SIGINT");
  const ran = await running.ended;
  expect(ran).toMatchObject({ exitCode: 130 });
  expect(ran.stderr).toContain(`moved: ${world.tags[0]}`);
  expect(ran.stderr).toContain(`not known: ${world.tags[1]}`);
  expect(ran.stderr).toContain(`not moved: ${world.tags[2]}`);
  expect(ran.stderr).toContain(`buildx-plan rollback ${join(world.rig.directory, "record.json")}`);
  expect(await world.rollback()).toMatchObject({ exitCode: 0 });
  expect(await world.named()).toEqual(before);
  const again = await world.rig.build("--json");
  expect(again).toMatchObject({ exitCode: 0 });
  const [{ digest }] = JSON.parse(again.stdout).releases;
  expect(await world.named()).toEqual([digest, digest, digest]);
});

test("a tag that cannot be put: the failure names the command, and the command works", async () => {
  const world = await released("refused");
  const before = await world.named();
  world.proxy.failNext({ method: "PUT", path: /\/manifests\/2$/ }, { kind: "status", status: 403 }, 9);
  const ran = await world.rig.build("--json", "--record", "record.json");
  expect(ran).toMatchObject({ exitCode: 3 });
  const { failure, record } = JSON.parse(ran.stdout);
  expect(failure).toMatchObject({ kind: "release-failed", moved: [world.tags[0]], record });
  expect(ran.stderr).toContain(`buildx-plan rollback ${record}`);
  expect(await world.rollback()).toMatchObject({ exitCode: 0 });
  expect(await world.named()).toEqual(before);
});

test("a tag that somebody has moved since is left alone, unless forced", async () => {
  const world = await released("since");
  const before = await world.named();
  expect(await world.rig.build("--record", "record.json")).toMatchObject({ exitCode: 0 });
  await world.rig.write({ content: "three" });
  expect(await world.rig.build("--image", "app")).toMatchObject({ exitCode: 0 });
  const hotfix = await world.named();
  const refused = await world.rollback("--json");
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(refused.stderr).toContain("which somebody has moved since");
  expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false, failure: { kind: "rollback-incomplete" } });
  expect(await world.named()).toEqual(hotfix);
  expect((await world.rollback("--force")).exitCode).toBe(0);
  expect(await world.named()).toEqual(before);
});

test("a tag that was not there stays where the registry deletes no tags, and the exit code says so", async () => {
  const world = await released("new");
  const text = await readFile(join(world.rig.directory, "buildx-plan.yaml"), "utf8");
  await world.rig.write({ "buildx-plan.yaml": text.replace(/:3"/, ':new"') });
  expect(await world.rig.build("--record", "record.json")).toMatchObject({ exitCode: 0 });
  const ran = await world.rollback();
  expect(ran).toMatchObject({ exitCode: 3 });
  expect(ran.stdout).toMatch(/^stays {7}\S+\/new:new /m);
  expect(ran.stderr).toContain("does not delete tags");
});

test("what is no record is refused, and nothing is asked", async () => {
  const world = await released("hostile");
  const path = join(world.rig.directory, "record.json");
  await writeFile(path, '{"schemaVersion":1,"tags":[{"tag":"../../x"}]}');
  world.proxy.clearLog();
  const ran = await world.rollback("--json");
  expect(ran).toMatchObject({ exitCode: 2 });
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "record-invalid", path }] });
  expect(world.proxy.log()).toEqual([]);
  expect((await world.rig.run(["rollback", "none.json"])).exitCode).toBe(2);
});

test("a registry is reached as the plan of the release reached it: own authority, client certificate", async () => {
  const { ca, server, client } = await makeAuthority(["127.0.0.1"]);
  const host = await startRegistryAt("127.0.0.1", { ...server, clientAuthority: ca });
  const location = { file: { path: "buildx-plan.yaml", text: "" }, range: { start: 0, end: 0 } };
  const registries = [{ registry: host, insecure: false, ca, ...client, location }];
  const { registry: secured } = await testClient({ registries });
  const tag = { registry: host, path: "team/app", tag: "latest" };
  const store = secured.store(tag);
  const [before, after] = await Promise.all(["before", "after"].map((text) => push(store, text)));
  if (before === undefined || after === undefined) throw new Error("two images were pushed");
  await store.putManifest("latest", after);
  const rig = await openRig();
  const path = join(rig.directory, "record.json");
  const header = { tool: "buildx-plan/test", plan: "buildx-plan.yaml", registries };
  const recorder = await openRecorder({ path, header, now: Date.now });
  if (!recorder.ok) throw new Error(recorder.error.detail);
  const release = plannedRelease({ tags: [tag], repositories: [tag] });
  const decision = { release: "app", tag, action: "move", before: before.descriptor.digest } as const;
  await recorder.value.begin([{ release, index: after, manifests: [] }], [decision]);
  const refused = await rig.run(["inspect", `${host}/team/app:latest`]);
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(await rig.run(["rollback", "record.json"])).toMatchObject({
    exitCode: 0,
    stdout: `restored    ${host}/team/app:latest@${before.descriptor.digest}\n`,
  });
  expect(await store.manifest("latest")).toMatchObject({ value: { descriptor: before.descriptor } });
});

async function push(store: Store, text: string): Promise<Document> {
  const { config, layers, manifest } = makeImage({ ...platform("linux/amd64") }, [text]);
  for (const bytes of [config, ...layers]) {
    const descriptor = {
      mediaType: "application/octet-stream",
      digest: digestOfBytes(bytes),
      size: bytes.length,
    };
    const open = async function* () {
      yield bytes;
    };
    expect(await store.putBlob({ descriptor, open })).toMatchObject({ ok: true });
  }
  expect(await store.putManifest(manifest.descriptor.digest, manifest)).toMatchObject({ ok: true });
  return manifest;
}
