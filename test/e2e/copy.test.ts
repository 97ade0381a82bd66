import { execa } from "execa";
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { Repository } from "../../core/oci/reference.ts";
import { startFaultProxy, type FaultProxy, type Incoming } from "../support/fault-proxy.ts";
import type { Answer } from "../support/faults.ts";
import { makeReferrer, releaseGraph, type TestGraph } from "../support/graphs.ts";
import { putDocument, putGraph, putImage, readRaw } from "../support/real-graphs.ts";
import { makeDocument, OCI } from "../support/images.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";
import { uploadBlob } from "../support/upload.ts";

let registry: RealRegistry;
let other: RealRegistry;
let proxy: FaultProxy;
beforeAll(async () => {
  [registry, other] = await Promise.all([startRealRegistry(), startRealRegistry()]);
  proxy = await startFaultProxy(registry.host);
  return async () => {
    await Promise.all([registry.close(), other.close(), proxy.close()]);
  };
});

function textOf({ bytes }: { readonly bytes: Uint8Array }): string {
  return Buffer.from(bytes).toString("utf8");
}

/** Every manifest of a graph is there, byte for byte. */
async function expectWhole(repository: Repository, graph: TestGraph, tag: string): Promise<void> {
  expect(await readRaw(repository, tag)).toBe(textOf(graph.index));
  for (const { manifest } of graph.images)
    expect(await readRaw(repository, manifest.descriptor.digest)).toBe(textOf(manifest));
}

async function released(path: string, tag = "v1"): Promise<TestGraph> {
  const graph = releaseGraph(path);
  await putGraph({ registry: registry.host, path }, graph, tag);
  return graph;
}

test("promotes 13 manifests and 20 blobs to another repository: all mounted, no request in vain", async () => {
  const graph = await released("copy/source");
  const rig = await openRig();
  proxy.clearLog();
  const argv = ["copy", "--no-referrers", `${proxy.host}/copy/source:v1`, `${proxy.host}/copy/target`];
  const ran = await rig.run(argv);
  const { digest } = graph.index.descriptor;
  expect(ran).toEqual({
    exitCode: 0,
    stdout: `${proxy.host}/copy/target:v1@${digest}\n`,
    stderr: "13 manifests, 20 blobs mounted\n",
  });
  const log = proxy.log();
  const counts = Object.fromEntries(
    ["GET", "HEAD", "POST", "PUT"].map((method) => [
      method,
      log.filter((line) => line.startsWith(`${method} `)).length,
    ]),
  );
  expect(counts).toEqual({ GET: 13, HEAD: 0, POST: 20, PUT: 13 });
  expect(log.at(-1)).toBe("PUT /v2/copy/target/manifests/v1");
  await expectWhole({ registry: registry.host, path: "copy/target" }, graph, "v1");
});

test("what was copied is whole for crane, regctl and skopeo", async () => {
  const graph = await released("copy/others");
  const rig = await openRig();
  const to = `${other.host}/copy/others`;
  const ran = await rig.run(["copy", `${registry.host}/copy/others:v1`, `${to}:promoted`, "--json"]);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    schemaVersion: 1,
    ok: true,
    digest: graph.index.descriptor.digest,
    targets: [`${to}:promoted@${graph.index.descriptor.digest}`],
    manifests: 13,
    blobs: { present: 0, mounted: 0, uploaded: 20 },
  });
  const crane = await execa(await testTool("crane"), ["manifest", "--insecure", `${to}:promoted`]);
  expect(crane.stdout).toBe(textOf(graph.index));
  const config = join(rig.directory, "regctl.json");
  const env = { REGCTL_CONFIG: config };
  const regctl = await testTool("regctl");
  await execa(regctl, ["registry", "set", other.host, "--tls", "disabled"], { env });
  const read = await execa(regctl, ["manifest", "get", "--format", "raw-body", `${to}:promoted`], { env });
  expect(read.stdout).toBe(textOf(graph.index));
  const folder = join(rig.directory, "pulled");
  await mkdir(folder);
  const source = `docker://${to}:promoted`;
  const argv = ["copy", "--all", "--preserve-digests", "--src-tls-verify=false", source, `dir:${folder}`];
  const pulled = await execa("skopeo", argv, { reject: false });
  expect(pulled).toMatchObject({ exitCode: 0 });
});

test("retags in place with two requests; more tags cost one each", async () => {
  const graph = await released("copy/retag");
  const rig = await openRig();
  const name = `${proxy.host}/copy/retag`;
  proxy.clearLog();
  expect(await rig.run(["copy", `${name}:v1`, `${name}:stable`])).toMatchObject({ exitCode: 0 });
  expect(proxy.log()).toEqual(["GET /v2/copy/retag/manifests/v1", "PUT /v2/copy/retag/manifests/stable"]);
  proxy.clearLog();
  const ran = await rig.run(["copy", `${name}:v1`, `${name}:1.2`, `${name}:1`, `${name}:latest`]);
  expect(ran.stdout.split("\n").map((line) => line.replace(/@.*/, ""))).toEqual([
    `${name}:1.2`,
    `${name}:1`,
    `${name}:latest`,
    "",
  ]);
  expect(proxy.log()).toHaveLength(4);
  await expectWhole({ registry: registry.host, path: "copy/retag" }, graph, "latest");
});

test("several targets are read once", async () => {
  const graph = await released("copy/many");
  const rig = await openRig();
  proxy.clearLog();
  const targets = [`${other.host}/many/one:a`, `${other.host}/many/two`, `${other.host}/many/one:b`];
  const argv = ["copy", "--no-referrers", `${proxy.host}/copy/many:v1`, ...targets, "--json"];
  const ran = await rig.run(argv);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(proxy.log().filter((line) => /manifests/.test(line))).toHaveLength(13);
  expect(proxy.log().filter((line) => /blobs/.test(line))).toHaveLength(20);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    manifests: 26,
    blobs: { uploaded: 20, mounted: 20, present: 0 },
  });
  await expectWhole({ registry: other.host, path: "many/one" }, graph, "b");
  await expectWhole({ registry: other.host, path: "many/two" }, graph, "v1");
});

test("takes signatures along, and asks for them with three requests where there is no API for it", async () => {
  const graph = await released("copy/signed");
  const from = { registry: registry.host, path: "copy/signed" };
  const rig = await openRig();
  proxy.clearLog();
  const argv = ["copy", `${proxy.host}/copy/signed:v1`, `${proxy.host}/copy/unsigned`];
  expect(await rig.run(argv)).toMatchObject({ exitCode: 0 });
  expect(proxy.log()).toHaveLength(13 + 20 + 13 + 3);
  const image = graph.images[0]?.manifest ?? graph.index;
  const signature = makeReferrer(image, "signature");
  await putImage(from, signature);
  const regctl = await testTool("regctl");
  const env = { REGCTL_CONFIG: join(rig.directory, "regctl.json") };
  await execa(regctl, ["registry", "set", registry.host, "--tls", "disabled"], { env });
  // Writes the list of referrers into its tag, as the specification asks of clients.
  const put = ["artifact", "put", "--artifact-type", "application/vnd.example.note"];
  const subject = `${registry.host}/copy/signed@${image.descriptor.digest}`;
  await execa(regctl, [...put, "--subject", subject], { env, input: "a note" });
  const ran = await rig.run([
    "copy",
    `${registry.host}/copy/signed:v1`,
    `${registry.host}/copy/along`,
    "--json",
  ]);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(ran.stdout)).toMatchObject({ manifests: 14, referrers: 1 });
  const listed = await execa(
    regctl,
    [
      "artifact",
      "list",
      "--format",
      "{{len .Descriptors}}",
      `${registry.host}/copy/along@${image.descriptor.digest}`,
    ],
    { env },
  );
  expect(listed.stdout.trim()).toBe("1");
});

test("through a layout, a folder and a tar file, and back: the same bytes", async () => {
  const graph = await released("copy/carried");
  const rig = await openRig();
  const steps = [
    [`${registry.host}/copy/carried:v1`, `oci-layout://${rig.directory}/folder`],
    [`oci-layout://${rig.directory}/folder:v1`, `oci-layout://${rig.directory}/image.tar:carried`],
    [`oci-layout://${rig.directory}/image.tar:carried`, `${other.host}/copy/carried:back`],
  ];
  for (const [from = "", to = ""] of steps) {
    const ran = await rig.run(["copy", from, to]);
    expect(ran).toMatchObject({ exitCode: 0 });
  }
  await expectWhole({ registry: other.host, path: "copy/carried" }, graph, "back");
  const inspected = await rig.run(["inspect", `oci-layout://${rig.directory}/folder:v1`, "--json"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ digest: graph.index.descriptor.digest, oddities: [] });
  const skopeo = await execa("skopeo", ["inspect", "--raw", `oci:${rig.directory}/folder:v1`]);
  expect(skopeo.stdout).toBe(textOf(graph.index));
});

/** The most memory that a process had, in bytes, as the kernel counts it: read until the process is gone. */
async function peakMemory(pid: number): Promise<number> {
  let peak = 0;
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    if (kilobytes === undefined) return peak;
    peak = Number(kilobytes) * 1024;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("memory does not grow with the blobs: 480 MB between registries, and where nothing is mounted", async () => {
  const from = { registry: registry.host, path: "copy/large" };
  const layers = [];
  for (let at = 0; at < 6; at += 1)
    layers.push({ mediaType: OCI.layer, ...(await uploadBlob(from, randomBytes(80_000_000))) });
  const config = { mediaType: OCI.config, ...(await uploadBlob(from, Buffer.from("{}"))) };
  const manifest = makeDocument({ schemaVersion: 2, mediaType: OCI.manifest, config, layers });
  await putDocument(from, "v1", manifest);
  const rig = await openRig();
  const gate = ({ method, query }: Incoming): Answer | undefined =>
    method === "POST" && query.has("mount") ? { status: 405, headers: {}, body: Buffer.from("") } : undefined;
  const blind = await startFaultProxy(registry.host, { gate });
  onTestFinished(() => blind.close());
  for (const [source, target] of [
    [registry.host, other.host],
    [blind.host, blind.host],
  ]) {
    const running = rig.start(["copy", `${source}/copy/large:v1`, `${target}/copy/large-copy:v1`]);
    const [peak, ran] = await Promise.all([peakMemory(running.pid), running.ended]);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "1 manifest, 7 blobs uploaded (480MB)\n" });
    expect(peak).toBeGreaterThan(30_000_000);
    expect(peak).toBeLessThan(150_000_000);
  }
});

test("a digest and a tag in the source must agree", async () => {
  const graph = await released("copy/pinned");
  await putGraph({ registry: registry.host, path: "copy/pinned" }, releaseGraph("newer"), "v2");
  const rig = await openRig();
  const { digest } = graph.index.descriptor;
  const name = `${registry.host}/copy/pinned`;
  const agreed = await rig.run(["copy", `${name}:v1@${digest}`, `${name}:ok`]);
  expect(agreed).toMatchObject({ exitCode: 0 });
  const moved = await rig.run(["copy", `${name}:v2@${digest}`, `${name}:no`]);
  expect(moved.exitCode).toBe(4);
  expect(moved.stderr).toContain(
    `error: ${name}:v2 does not name the digest beside it; nothing was copied\n`,
  );
  const byDigest = await rig.run(["copy", `${name}@${digest}`, `${other.host}/copy/pinned`]);
  expect(byDigest.stdout).toBe(`${other.host}/copy/pinned@${digest}\n`);
  expect(await readRaw({ registry: other.host, path: "copy/pinned" }, digest)).toBe(textOf(graph.index));
});

test("a child that is not there: nothing is tagged, and it is said which", async () => {
  const graph = await released("copy/broken");
  const digest = graph.images[1]?.manifest.descriptor.digest ?? "";
  const gone = `http://${registry.host}/v2/copy/broken/manifests/${digest}`;
  expect((await fetch(gone, { method: "DELETE" })).status).toBe(202);
  const rig = await openRig();
  const ran = await rig.run(["copy", `${registry.host}/copy/broken:v1`, `${registry.host}/copy/mended`]);
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain("failed; no tag was moved\n");
  expect(ran.stderr).toContain(digest);
  expect(await readRaw({ registry: registry.host, path: "copy/mended" }, "v1")).toBeUndefined();
});

test("a tag that cannot be moved: which did, which did not", async () => {
  await released("copy/half");
  const rig = await openRig();
  proxy.failNext({ method: "PUT", path: /manifests\/b$/ }, { kind: "status", status: 403 }, 5);
  const name = `${proxy.host}/copy/half`;
  const ran = await rig.run(["copy", `${name}:v1`, `${name}:a`, `${name}:b`, `${name}:c`]);
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(`moved: ${name}:a\n  not moved: ${name}:b\n  not moved: ${name}:c\n`);
  expect(ran.stdout).toBe("");
});

test("lists platforms with one request; of a single image with two", async () => {
  const graph = await released("copy/listed");
  const rig = await openRig();
  proxy.clearLog();
  const index = await rig.run(["inspect", "--platforms", `${proxy.host}/copy/listed:v1`]);
  expect(proxy.log()).toHaveLength(1);
  const rows = index.stdout.trimEnd().split("\n").slice(1);
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual([
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
  ]);
  const digest = graph.images[1]?.manifest.descriptor.digest ?? "";
  proxy.clearLog();
  const single = await rig.run(["inspect", "--platforms", `${proxy.host}/copy/listed@${digest}`, "--json"]);
  expect(proxy.log()).toHaveLength(2);
  expect(JSON.parse(single.stdout)).toMatchObject({
    ok: true,
    platforms: [{ platform: "linux/arm64", digest }],
  });
});
