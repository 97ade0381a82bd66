import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

interface PlanOptions {
  readonly platforms?: readonly string[];
  readonly more?: string;
}

function plan(
  tags: readonly string[],
  { platforms = ["linux/amd64", "linux/arm64"], more = "" }: PlanOptions = {},
): string {
  return `version: 1
images:
  app:
    context: .
    platforms: [${platforms.join(", ")}]
    tags: [${tags.map((tag) => JSON.stringify(tag)).join(", ")}]
${more}`;
}

/** A project whose image holds one file: nothing is run, so that any platform builds at once. */
async function project(text: string): Promise<Rig> {
  return await openRig({
    Dockerfile: "FROM scratch\nCOPY content /content\n",
    content: "one",
    "buildx-plan.yaml": text,
  });
}

async function digestOf(reference: string): Promise<string> {
  const { stdout } = await execa(await testTool("crane"), ["digest", "--insecure", reference]);
  return stdout;
}

async function manifestOf(reference: string) {
  const { stdout } = await execa(await testTool("crane"), ["manifest", "--insecure", reference]);
  return JSON.parse(stdout);
}

test("one request to read and one to write for each tag, and none for the index by itself", async () => {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  const rig = await project(plan([`${proxy.host}/requests:1`, `${proxy.host}/requests:latest`]));
  const ran = await rig.build("--json");
  expect(ran).toMatchObject({ exitCode: 0 });
  const [{ digest }] = JSON.parse(ran.stdout).releases;
  const log = proxy.log();
  const named = (name: string): readonly string[] =>
    log.filter((line) => line.endsWith(`/manifests/${name}`));
  expect(named("1")).toEqual(["GET /v2/requests/manifests/1", "PUT /v2/requests/manifests/1"]);
  expect(named("latest")).toEqual(["GET /v2/requests/manifests/latest", "PUT /v2/requests/manifests/latest"]);
  expect(named(digest)).toEqual([]);
  expect(await digestOf(`${registry.host}/requests:latest`)).toBe(digest);
});

test("a registry that loses a blob which two platforms push at once gets it again", async () => {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  const body = JSON.stringify({
    errors: [{ code: "DIGEST_INVALID", message: "provided digest did not match uploaded content" }],
  });
  proxy.failNext({ method: "PUT", path: /blobs\/uploads/ }, { kind: "status", status: 400, body });
  const rig = await project(plan([`${proxy.host}/lost-blob:1`]));
  const ran = await rig.build();
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(ran.stderr).toMatch(/app linux\/\w+\] built, but not pushed to [\w.:]+; again on /);
});

test("two repositories hold the same digest before the first tag moves", async () => {
  const proxy = await startFaultProxy(registry.host);
  onTestFinished(() => proxy.close());
  const rig = await project(plan([`${proxy.host}/both/one:1`, `${proxy.host}/both/two:1`]));
  const ran = await rig.build("--json");
  expect(ran).toMatchObject({ exitCode: 0 });
  const [{ digest }] = JSON.parse(ran.stdout).releases;
  const writes = proxy.log().filter((line) => /^PUT .*manifests\/(?!buildx-plan-staging)/.test(line));
  expect(writes.slice(-3)).toEqual([
    `PUT /v2/both/two/manifests/${digest}`,
    "PUT /v2/both/one/manifests/1",
    "PUT /v2/both/two/manifests/1",
  ]);
  expect(await digestOf(`${registry.host}/both/two:1`)).toBe(digest);
});

test("a tag does not lose a platform unless told so", async () => {
  const tag = `${registry.host}/shrink:latest`;
  const rig = await project(plan([tag]));
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  const before = await digestOf(tag);
  await rig.write({ "buildx-plan.yaml": plan([tag], { platforms: ["linux/amd64"] }) });
  const refused = await rig.build("--json");
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(refused.stderr).toContain(`${tag} would lose linux/arm64`);
  expect(refused.stderr).toContain("--allow-shrink");
  expect(JSON.parse(refused.stdout)).toMatchObject({
    ok: false,
    releases: [],
    failure: { kind: "tags-refused", refusals: [{ why: "shrinks", tag, lost: ["linux/arm64"] }] },
  });
  expect(await digestOf(tag)).toBe(before);
  expect(await rig.build("--allow-shrink")).toMatchObject({ exitCode: 0 });
  expect(await digestOf(tag)).not.toBe(before);
});

test("a single image behind a tag counts as its one platform", async () => {
  const tag = `${registry.host}/single:latest`;
  const rig = await project(plan([tag], { platforms: ["linux/arm64"] }));
  const ran = await rig.build("--json");
  const [{ platforms }] = JSON.parse(ran.stdout).releases;
  const crane = await testTool("crane");
  await execa(crane, ["tag", "--insecure", `${registry.host}/single@${platforms[0].digest}`, "latest"]);
  await rig.write({ "buildx-plan.yaml": plan([tag], { platforms: ["linux/amd64"] }) });
  const refused = await rig.build();
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(refused.stderr).toContain("would lose linux/arm64");
});

test("a tag does not go back to an older version unless told so", async () => {
  const tags = (version: string): string[] => [
    `${registry.host}/older:${version}`,
    `${registry.host}/older:latest`,
  ];
  const versioned = (version: string): string =>
    plan(tags(version), {
      more: `    annotations: { index:org.opencontainers.image.version: "${version}" }\n`,
    });
  const rig = await project(versioned("2.0.0"));
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  const before = await digestOf(`${registry.host}/older:latest`);
  await rig.write({ "buildx-plan.yaml": versioned("1.9.5"), content: "older" });
  const refused = await rig.build();
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(refused.stderr).toContain("names version 2.0.0, this one is 1.9.5");
  expect(await digestOf(`${registry.host}/older:latest`)).toBe(before);
  // All or nothing: the tag that nobody objects to has not moved either.
  await expect(digestOf(`${registry.host}/older:1.9.5`)).rejects.toThrow("MANIFEST_UNKNOWN");
  expect(await rig.build("--allow-downgrade")).toMatchObject({ exitCode: 0 });
  expect(await digestOf(`${registry.host}/older:latest`)).not.toBe(before);
});

test("if-exists: skip leaves a tag as it is, fail refuses the whole release", async () => {
  const [pinned, latest] = [`${registry.host}/pinned:1.0.0`, `${registry.host}/pinned:latest`];
  const rig = await project(plan([pinned, latest]));
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  const before = await digestOf(pinned);
  const withRule = (rule: string): string =>
    plan([]).replace("tags: []", `tags: [{ tag: "${pinned}", if-exists: ${rule} }, "${latest}"]`);
  await rig.write({ "buildx-plan.yaml": withRule("fail"), content: "two" });
  const refused = await rig.build();
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(refused.stderr).toContain(`${pinned} is there already`);
  expect(await digestOf(latest)).toBe(before);
  await rig.write({ "buildx-plan.yaml": withRule("skip") });
  const kept = await rig.build("--json");
  expect(kept).toMatchObject({ exitCode: 0 });
  expect(kept.stderr).toContain("(kept: ");
  expect(await digestOf(pinned)).toBe(before);
  const [released] = JSON.parse(kept.stdout).releases;
  expect(released).toMatchObject({ tags: [latest], kept: [{ tag: pinned, digest: before }] });
  expect(await digestOf(latest)).toBe(released.digest);
});

test("attest: require and strip; media-types: docker through index and children", async () => {
  const at = (name: string): string => `${registry.host}/kinds:${name}`;
  const rig = await project(plan([at("required")], { more: "    attest: { policy: require }\n" }));
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  expect((await manifestOf(at("required"))).manifests).toHaveLength(4);
  const strip = "    attest: { policy: strip }\n";
  await rig.write({ "buildx-plan.yaml": plan([at("stripped")], { more: strip }) });
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  expect((await manifestOf(at("stripped"))).manifests).toHaveLength(2);
  await rig.write({ "buildx-plan.yaml": plan([at("docker")], { more: "    media-types: docker\n" }) });
  const ran = await rig.build();
  expect(ran.stderr).not.toContain("error");
  expect(ran).toMatchObject({ exitCode: 0 });
  const list = await manifestOf(at("docker"));
  expect([
    list.mediaType,
    ...list.manifests.map(({ mediaType }: { mediaType: string }) => mediaType),
  ]).toEqual([
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ]);
});

test("every release leaves a record, and says where; --quiet does not", async () => {
  const tag = `${registry.host}/recorded:1`;
  const rig = await project(plan([tag]));
  const ran = await rig.build("--json");
  const { record, releases } = JSON.parse(ran.stdout);
  expect(record).toMatch(/\/buildx-plan\/releases\/\d{8}T\d{6}Z-[0-9a-f]{6}\.json$/);
  expect(ran.stderr).toContain(`recorded in ${record}\n`);
  const first = JSON.parse(await readFile(record, "utf8"));
  expect(first).toMatchObject({
    schemaVersion: 1,
    ok: true,
    plan: "buildx-plan.yaml",
    releases: [
      {
        name: "app",
        digest: releases[0].digest,
        platforms: [{ platform: "linux/amd64" }, { platform: "linux/arm64" }],
      },
    ],
    tags: [{ tag, before: null, after: releases[0].digest, state: "moved" }],
  });
  await rig.write({ content: "two" });
  const quiet = await rig.build("--quiet", "--record", "out/record.json");
  expect(quiet.stderr).toBe("");
  expect(JSON.parse(await readFile(join(rig.directory, "out/record.json"), "utf8"))).toMatchObject({
    tags: [{ tag, before: releases[0].digest, state: "moved" }],
  });
});

test("a record that cannot be written costs no build", async () => {
  const rig = await project(plan([`${registry.host}/unrecorded:1`]));
  await writeFile(join(rig.directory, "file"), "");
  const ran = await rig.build("--record", "file/record.json");
  expect(ran).toMatchObject({ exitCode: 3 });
  expect(ran.stderr).toContain("nothing was built");
  expect(ran.stderr).not.toContain("started on");
  const overwriting = await rig.build("--record", "buildx-plan.yaml");
  expect(overwriting).toMatchObject({ exitCode: 3 });
  expect(overwriting.stderr).toContain("no record of a release");
});

test("what is written to disk needs no record", async () => {
  const rig = await project(
    plan([], { more: "    output: [{ type: local, dest: ./out }]\n" }).replace(/ {4}tags.*\n/, ""),
  );
  expect(await rig.build("--record", "record.json")).toMatchObject({ exitCode: 0 });
  await expect(access(join(rig.directory, "record.json"))).rejects.toThrow("ENOENT");
  expect(inject("buildkit").address).not.toBe("");
});
