import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { makeReferrer, releaseGraph, type TestGraph } from "../support/graphs.ts";
import type { TestImage } from "../support/images.ts";
import { putDocument, putGraph, putImage, readRaw } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig } from "../support/rig.ts";
import { stagedDocument, stagedImage, stagingRecord, type StagedImage } from "../support/staging.ts";

let registry: RealRegistry;
let proxy: FaultProxy;
beforeAll(async () => {
  registry = await startRealRegistry();
  proxy = await startFaultProxy(registry.host);
  return async () => {
    await Promise.all([registry.close(), proxy.close()]);
  };
});

function digestsOf({ index, images }: TestGraph): readonly string[] {
  return [index, ...images.map(({ manifest }) => manifest)].map(({ descriptor }) => descriptor.digest);
}

/** Two releases under one tag: the first one is what nothing names any more. */
async function replaced(path: string): Promise<{ readonly old: TestGraph; readonly now: TestGraph }> {
  const to = { registry: registry.host, path };
  const [old, now] = [releaseGraph(`${path} old`, 2), releaseGraph(`${path} new`, 2)];
  for (const graph of [old, now]) await putGraph(to, graph, "latest");
  return { old, now };
}

/** Stores a referrer, and the tag that lists it. */
async function putReferrer(path: string, subject: TestGraph["index"], content: string): Promise<TestImage> {
  const to = { registry: registry.host, path };
  const referrer = makeReferrer(subject, content);
  await putImage(to, referrer);
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, manifests: [referrer.manifest.descriptor] }),
  );
  const descriptor = { mediaType, digest: subject.descriptor.digest, size: bytes.length };
  await putDocument(to, subject.descriptor.digest.replace(":", "-"), { bytes, descriptor });
  return referrer;
}

test("lists what nothing reaches, deletes exactly that, and leaves the rest", async () => {
  const { old, now } = await replaced("gc/app");
  const [shared] = now.images;
  const rig = await openRig();
  const place = `${registry.host}/gc/app`;
  const candidates = [...digestsOf(old), ...digestsOf(now), `sha256:${"0".repeat(64)}`];
  await writeFile(join(rig.directory, "candidates.txt"), candidates.join("\n"));
  const dry = await rig.run(["gc", place, "--dry-run", "--candidates", "candidates.txt"]);
  expect(dry).toMatchObject({ exitCode: 0 });
  const listed = dry.stdout.trimEnd().split("\n");
  expect(listed[0]).toBe(old.index.descriptor.digest);
  expect(listed.toSorted()).toEqual(digestsOf(old).toSorted());
  expect(dry.stderr).toContain(
    `kept: ${shared?.manifest.descriptor.digest}, which ${now.index.descriptor.digest} leads to\n`,
  );
  expect(dry.stderr).toContain(`kept: ${now.index.descriptor.digest}, which latest leads to\n`);
  expect(dry.stderr).toContain(`not there: sha256:${"0".repeat(64)}\n`);
  expect(dry.stderr).toContain("not known: manifests without a tag that were not given as candidates");
  const deleted = await rig.run(
    ["gc", place, "--delete", "--candidates", "-", "--json"],
    {},
    JSON.stringify(candidates),
  );
  expect(deleted).toMatchObject({ exitCode: 0 });
  const answer = JSON.parse(deleted.stdout);
  expect(answer).toMatchObject({ ok: true, deleted: true });
  expect(answer.unreachable.map(({ digest }: { readonly digest: string }) => digest)).toEqual(listed);
  const at = { registry: registry.host, path: "gc/app" };
  for (const digest of digestsOf(old)) expect(await readRaw(at, digest)).toBeUndefined();
  for (const digest of digestsOf(now)) expect(await readRaw(at, digest)).toBeDefined();
  const [source, folder] = [`docker://${place}:latest`, `dir:${join(rig.directory, "pulled")}`];
  const pulled = await execa("skopeo", ["copy", "--all", "--src-tls-verify=false", source, folder]);
  expect(pulled.exitCode).toBe(0);
});

test("a referrer keeps as long as its subject; a list whose subject is gone goes", async () => {
  const { old, now } = await replaced("gc/signed");
  const kept = await putReferrer("gc/signed", now.index, "signature of the new one");
  const stale = await putReferrer("gc/signed", old.index, "signature of the old one");
  const rig = await openRig();
  const place = `${registry.host}/gc/signed`;
  const signatures = [kept, stale].map(({ manifest }) => manifest.descriptor.digest);
  // The subject is there, though nothing names it: its signature is not lost for whoever pulls it by its digest.
  const before = await rig.run(["gc", place, "--dry-run", ...signatures]);
  expect(before).toMatchObject({ exitCode: 0, stdout: "" });
  const both = await rig.run([
    "gc",
    place,
    "--dry-run",
    ...signatures,
    old.index.descriptor.digest,
    "--json",
  ]);
  const found = JSON.parse(both.stdout).unreachable;
  const tag = old.index.descriptor.digest.replace(":", "-");
  expect(found.map((each: { readonly tag?: string }) => each.tag).filter(Boolean)).toEqual([tag]);
  expect(found.map((each: { readonly digest: string }) => each.digest)).toEqual(
    expect.arrayContaining([old.index.descriptor.digest, stale.manifest.descriptor.digest]),
  );
  expect(found).toHaveLength(3);
  const deleted = await rig.run(["gc", place, "--delete", ...signatures, old.index.descriptor.digest]);
  expect(deleted).toMatchObject({ exitCode: 0 });
  const at = { registry: registry.host, path: "gc/signed" };
  expect(await readRaw(at, tag)).toBeUndefined();
  expect(await readRaw(at, now.index.descriptor.digest.replace(":", "-"))).toBeDefined();
  expect(await readRaw(at, kept.manifest.descriptor.digest)).toBeDefined();
});

test("what cannot be read ends it: nothing is called unreachable, nothing is deleted", async () => {
  const { old, now } = await replaced("gc/forbidden");
  const rig = await openRig();
  const child = now.images[0]?.manifest.descriptor.digest ?? "";
  for (const mode of ["--dry-run", "--delete"]) {
    proxy.failNext({ method: "GET", path: new RegExp(child) }, { kind: "status", status: 403 }, 5);
    proxy.clearLog();
    const ran = await rig.run(["gc", `${proxy.host}/gc/forbidden`, mode, ...digestsOf(old)]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr).toContain("so nothing is called unreachable");
    expect(proxy.log().filter((line) => line.startsWith("DELETE"))).toEqual([]);
  }
});

test("a tag that moves meanwhile ends it, before anything is deleted", async () => {
  const { old } = await replaced("gc/moving");
  const rig = await openRig();
  const at = { registry: registry.host, path: "gc/moving" };
  const held = proxy.holdNext({ method: "HEAD", path: /manifests\/latest$/ });
  const running = rig.run(["gc", `${proxy.host}/gc/moving`, "--delete", ...digestsOf(old)]);
  const look = await held;
  await putDocument(at, "latest", old.index);
  await look.pass();
  const ran = await running;
  expect(ran).toMatchObject({ exitCode: 4, stdout: "" });
  expect(ran.stderr).toContain("changed meanwhile; nothing was deleted\n  changed: latest\n");
  for (const digest of digestsOf(old)) expect(await readRaw(at, digest)).toBeDefined();
});

test("asks for one of --dry-run and --delete, and for digests", async () => {
  const rig = await openRig();
  const place = `${registry.host}/gc/app`;
  const usages: readonly (readonly [readonly string[], string])[] = [
    [[place], "say either --dry-run or --delete"],
    [[place, "--dry-run", "--delete"], "say either --dry-run or --delete"],
    [[place, "--dry-run", "latest"], "latest: it is no digest"],
    [[`${place}:latest`, "--dry-run"], "a whole repository or layout is swept"],
    [[place, "--dry-run", "--candidates", "nowhere.txt"], "ENOENT"],
  ];
  for (const [argv, message] of usages) {
    const ran = await rig.run(["gc", ...argv]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toContain(message);
  }
});

test("a layout: every blob that its index does not lead to", async () => {
  const { old, now } = await replaced("gc/layout");
  const rig = await openRig();
  const layout = `oci-layout://${rig.directory}/layout`;
  const from = `${registry.host}/gc/layout`;
  for (const { index } of [old, now]) {
    const ran = await rig.run(["copy", `${from}@${index.descriptor.digest}`, `${layout}:latest`]);
    expect(ran).toMatchObject({ exitCode: 0 });
  }
  const folder = join(rig.directory, "layout/blobs/sha256");
  const all = await readdir(folder);
  const dry = await rig.run(["gc", layout, "--dry-run"]);
  expect(dry).toMatchObject({ exitCode: 0 });
  const listed = dry.stdout.trimEnd().split("\n");
  for (const digest of digestsOf(old)) expect(listed).toContain(digest);
  for (const digest of digestsOf(now)) expect(listed).not.toContain(digest);
  expect(await readdir(folder)).toEqual(all);
  expect(await rig.run(["gc", layout, "--delete"])).toMatchObject({ exitCode: 0, stdout: dry.stdout });
  const left = await readdir(folder);
  expect(left.toSorted()).toEqual(all.filter((hex) => !listed.includes(`sha256:${hex}`)).toSorted());
  const back = await rig.run(["copy", `${layout}:latest`, `${registry.host}/gc/back:v1`]);
  expect(back).toMatchObject({ exitCode: 0 });
  const again = await rig.run(["gc", layout, "--dry-run"]);
  expect(again).toMatchObject({ exitCode: 0, stdout: "" });
  const staging = await rig.run(["gc", layout, "--dry-run", "--staging"]);
  expect(staging).toMatchObject({ exitCode: 2, stdout: "" });
  expect(staging.stderr).toContain("a layout has no staging tags");
});

describe("staging tags", () => {
  const OLD = `buildx-plan-staging.linux-arm64.${"1".repeat(24)}`;
  const NEW = `buildx-plan-staging.linux-arm64.${"2".repeat(24)}`;
  const FOREIGN = `buildx-plan-staging.linux-arm64.${"3".repeat(24)}`;
  const DAY_MS = 86_400_000;

  /** Ten days ago and an hour ago, beside a release that has the image of the first. */
  async function staged(path: string) {
    const at = { registry: registry.host, path };
    const images: StagedImage[] = [];
    const digests: string[] = [];
    for (const [tag, agoMs] of [
      [OLD, 10 * DAY_MS],
      [NEW, DAY_MS / 24],
    ] as const) {
      const staged = stagedImage(`${path} ${tag}`);
      await putImage(at, staged.image);
      await putImage(at, staged.attestation);
      const stagedAt = new Date(Date.now() - agoMs).toISOString();
      const document = stagedDocument(staged.published, stagingRecord({ stagedAt }));
      await putDocument(at, tag, document);
      images.push(staged);
      digests.push(document.descriptor.digest);
    }
    const { now } = await replaced(path);
    await putDocument(at, FOREIGN, now.index);
    return { at, images, digests, now };
  }

  test("keep what they name; are listed; go when they are old enough, or all together", async () => {
    const { at, images, digests, now } = await staged("gc/staging");
    const rig = await openRig();
    const place = `${registry.host}/gc/staging`;
    const [image] = images.map((each) => each.published.manifest.digest);
    const plain = await rig.run(["gc", place, "--dry-run", image ?? ""]);
    expect(plain).toMatchObject({ exitCode: 0, stdout: "" });
    expect(plain.stderr).toContain(`kept: ${image}, which ${digests[0]} leads to\n`);
    expect(plain.stderr).toContain("3 staging tags of unfinished releases among the names");

    const dry = await rig.run(["gc", place, "--dry-run", "--staging", "--older-than", "7d"]);
    expect(dry).toMatchObject({ exitCode: 0, stdout: `${digests[0]}\n` });
    expect(dry.stderr).toContain(`goes: ${OLD}, app linux/arm64, staged 10 days ago on arm\n`);
    expect(dry.stderr).toContain(`stays: ${NEW}, app linux/arm64, staged 1 hour ago on arm\n`);
    expect(dry.stderr).toContain(`stays: ${FOREIGN}, not one of buildx-plan's\n`);
    expect(await readRaw(at, OLD)).toBeDefined();

    const deleted = await rig.run(["gc", place, "--delete", "--staging", "--older-than", "7d", "--json"]);
    expect(deleted).toMatchObject({ exitCode: 0 });
    const answer = JSON.parse(deleted.stdout);
    expect(answer).toMatchObject({ deleted: true, unreachable: [{ digest: digests[0] }] });
    expect(answer.staging).toMatchObject([
      {
        tag: OLD,
        digest: digests[0],
        goes: true,
        variant: "app linux/arm64",
        node: "arm",
        images: [image, expect.any(String)],
      },
      { tag: NEW, goes: false, stagedAt: expect.stringMatching(/Z$/) },
      { tag: FOREIGN, goes: false, isForeign: true },
    ]);
    expect(await readRaw(at, OLD)).toBeUndefined();
    expect(await readRaw(at, image ?? "")).toBeDefined();

    const rest = await rig.run(["gc", place, "--delete", "--staging", ...answer.staging[0].images]);
    expect(rest).toMatchObject({ exitCode: 0 });
    const gone = rest.stdout.trimEnd().split("\n");
    expect(new Set(gone)).toEqual(new Set([digests[1], ...answer.staging[0].images]));
    expect(gone).toHaveLength(3);
    expect(await readRaw(at, NEW)).toBeUndefined();
    expect(await readRaw(at, image ?? "")).toBeUndefined();
    for (const digest of digestsOf(now)) expect(await readRaw(at, digest)).toBeDefined();
    expect(await readRaw(at, FOREIGN)).toBeDefined();
  });

  test("say what they are to whoever inspects them", async () => {
    const { at } = await staged("gc/inspected");
    const rig = await openRig();
    const ran = await rig.run(["inspect", `${at.registry}/${at.path}:${OLD}`]);
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(ran.stdout).toMatch(/ {2}staged by buildx-plan since \S+Z, built on arm: app linux\/arm64, until/);
  });

  test("a registry that deletes nothing is named with what is left", async () => {
    const keeping = await startRealRegistry({ deletes: false });
    onTestFinished(() => keeping.close());
    const at = { registry: keeping.host, path: "gc/kept" };
    const { image, attestation, published } = stagedImage();
    for (const each of [image, attestation]) await putImage(at, each);
    const document = stagedDocument(published, stagingRecord());
    await putDocument(at, OLD, document);
    const rig = await openRig();
    const ran = await rig.run(["gc", `${keeping.host}/gc/kept`, "--delete", "--staging"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr).toContain(`${document.descriptor.digest} could not be deleted`);
    expect(ran.stderr).toContain("Many registries delete nothing until their settings allow it.");
  });

  test("ages that cannot be", async () => {
    const rig = await openRig();
    const place = `${registry.host}/gc/app`;
    const usages: readonly (readonly [readonly string[], string])[] = [
      [[place, "--dry-run", "--older-than", "7d"], "only staging tags have an age"],
      [[place, "--dry-run", "--staging", "--older-than", "a week"], "a week: it is no age"],
    ];
    for (const [argv, message] of usages) {
      const ran = await rig.run(["gc", ...argv]);
      expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
      expect(ran.stderr).toContain(message);
    }
  });
});
