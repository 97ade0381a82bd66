import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { attestation, graphOf, provenance, sbom, type TestPlatform } from "../support/attested.ts";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import type { TestGraph } from "../support/graphs.ts";
import { attestationEntry, makeDocument, OCI } from "../support/images.ts";
import { elfProgram, layerOf, programImage, type ElfArchitecture } from "../support/program-images.ts";
import { putDocument, putGraph, putImage } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Ran, type Rig } from "../support/rig.ts";

let registry: RealRegistry;
let proxy: FaultProxy;
beforeAll(async () => {
  registry = await startRealRegistry({ inMemory: true });
  proxy = await startFaultProxy(registry.host);
  return async () => {
    await Promise.all([registry.close(), proxy.close()]);
  };
});

const SIX: readonly ElfArchitecture[] = ["amd64", "arm64", "s390x", "ppc64le", "riscv64"];

/** An image whose server is for `server`, whatever its label says. */
function imageFor(architecture: ElfArchitecture, server: ElfArchitecture = architecture): TestPlatform {
  const layers = [layerOf({ "etc/motd": "hello" }), layerOf({ server: elfProgram(server, 64) })];
  return {
    config: { os: "linux", architecture },
    image: programImage(architecture, layers),
    attest: (digest) => [provenance(digest), sbom(digest, `libc6 2.36-9 ${architecture}`)],
  };
}

async function stored(path: string, graph: TestGraph, tag = "v1"): Promise<string> {
  await putGraph({ registry: registry.host, path }, graph, tag);
  return `${registry.host}/${path}:${tag}`;
}

/** A cache of the test's own, so that nothing is known yet. */
function cacheOf(rig: Rig): Readonly<Record<string, string>> {
  return { XDG_CACHE_HOME: join(rig.directory, "cache") };
}

async function verify(...argv: readonly string[]): Promise<Ran> {
  const rig = await openRig();
  return await rig.run(["verify", ...argv], cacheOf(rig));
}

function jsonOf({ stdout }: Ran): {
  readonly ok: boolean;
  readonly findings: readonly { readonly rule: string; readonly message: string }[];
  readonly [key: string]: unknown;
} {
  return JSON.parse(stdout);
}

test("an image that is what its label says: a line for each platform, and nothing on stderr", async () => {
  const name = await stored("fine", graphOf(imageFor("amd64"), imageFor("arm64")));
  const ran = await verify(name, "--platforms", "linux/amd64,linux/arm64/v8", "--attest", "provenance,sbom");
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(ran.stdout).toMatch(
    /^localhost:\d+\/fine:v1\ndigest {2}sha256:\w{64}\n\n|^127\.0\.0\.1:\d+\/fine:v1\ndigest {2}sha256:\w{64}\n\n/,
  );
  const rows = ran.stdout.split("\n").filter((line) => line.startsWith("linux/"));
  expect(rows.map((row) => row.replace(/sha256:\w{12} +\S+B/, "-").split(/ {2,}| /))).toEqual([
    ["linux/amd64", "-", "1", "fine", "provenance,", "sbom", "fine"],
    ["linux/arm64", "-", "1", "fine", "provenance,", "sbom", "fine"],
  ]);
  expect(ran.stdout).toMatch(/\nfine: 2 images verified\n$/);
});

test("programs for another platform: what, where, what to do, and exit code 4", async () => {
  const name = await stored("wrong", graphOf(imageFor("amd64"), imageFor("arm64", "amd64")));
  const ran = await verify(name);
  expect(ran.exitCode).toBe(4);
  expect(ran.stderr).toContain(`${name} linux/arm64: error: `);
  expect(ran.stderr).toContain("[entrypoint-architecture]");
  expect(ran.stderr).toContain("file /server");
  expect(ran.stdout).toMatch(/^linux\/amd64 .* fine +provenance, sbom +fine$/m);
  expect(ran.stdout).toMatch(/^linux\/arm64 .* for another platform +provenance, sbom +error$/m);
  expect(ran.stdout).toMatch(/^not fine: \d+ errors? in 2 images$/m);
  const ignored = await verify(name, "--no-content");
  expect(ignored).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ignored.stdout).toMatch(/^linux\/arm64 .* - +not checked +provenance, sbom +fine$/m);
});

test("the second look at an index of six platforms costs the index and its manifests", async () => {
  const arm = { os: "linux", architecture: "arm", variant: "v7" };
  const plain = (platform: TestPlatform): TestPlatform => ({
    config: platform.config,
    ...(platform.image && { image: platform.image }),
  });
  const graph = graphOf(...SIX.map((each) => plain(imageFor(each))), {
    config: arm,
    image: programImage("arm", [layerOf({ "etc/x": "x" })], {}),
  });
  await stored("six", graph);
  const rig = await openRig();
  const run = async (): Promise<Ran> => {
    proxy.clearLog();
    return await rig.run(["verify", `${proxy.host}/six:v1`, "--json"], cacheOf(rig));
  };
  const first = await run();
  expect(first.exitCode).toBe(0);
  expect(jsonOf(first)["bytesRead"]).toBeGreaterThan(0);
  expect(proxy.log().filter((line) => line.includes("/blobs/")).length).toBeGreaterThan(6);
  const second = await run();
  expect(second.exitCode).toBe(0);
  expect(jsonOf(second)).toEqual({ ...jsonOf(first), bytesRead: 0 });
  expect(proxy.log().length).toBeLessThan(10);
  expect(proxy.log().filter((line) => line.includes("/manifests/"))).toHaveLength(7);
  expect(proxy.log().filter((line) => line.includes("/blobs/"))).toEqual([]);
});

describe("the set of platforms", () => {
  test("missing, unexpected, twice, and one that is no platform", async () => {
    const twice = graphOf(imageFor("amd64"), imageFor("arm64"), {
      ...imageFor("arm64"),
      image: programImage("arm64", [layerOf({ server: elfProgram("arm64", 8) })]),
    });
    const name = await stored("set", twice);
    const ran = await verify(
      name,
      "--platforms",
      "linux/amd64",
      "--platforms",
      "linux/s390x",
      "--json",
      "--no-content",
    );
    expect(ran.exitCode).toBe(4);
    expect(jsonOf(ran).findings.map(({ rule }) => rule)).toEqual([
      "platform-missing",
      "platform-unexpected",
      "platform-unexpected",
      "platform-duplicate",
    ]);
    const odd = await verify(name, "--platforms", "linux/amr64");
    expect(odd.exitCode).toBe(2);
    expect(odd.stderr).toContain("--platforms linux/amr64: no platform\n  hint: Did you mean linux/arm64?\n");
    expect((await verify(name, "--attest", "sbon")).stderr).toContain("hint: Did you mean sbom?");
  });

  test("an image that the registry lost", async () => {
    const graph = graphOf(imageFor("amd64"), imageFor("arm64"));
    const name = await stored("lost", graph);
    const lost = graph.images[1]?.manifest.descriptor.digest ?? "";
    const gone = await fetch(`http://${registry.host}/v2/lost/manifests/${lost}`, { method: "DELETE" });
    expect(gone.status).toBe(202);
    const ran = await verify(name, "--json");
    expect(ran.exitCode).toBe(4);
    expect(jsonOf(ran).findings).toMatchObject([{ rule: "child-missing", facts: [`missing ${lost}`] }]);
  });
});

test("attestations: one missing, one of another image, packages of another platform, a stray one", async () => {
  const [one, two] = [imageFor("amd64"), imageFor("arm64")];
  const foreign = imageFor("riscv64").image?.manifest.descriptor.digest ?? "sha256:";
  const graph = graphOf(
    { ...one, attest: (digest) => [provenance(digest), sbom(digest, "libc6 2.36-9 arm64")] },
    { ...two, attest: () => [provenance(foreign)] },
  );
  const stray = attestation(provenance(foreign));
  await putImage({ registry: registry.host, path: "attested" }, stray);
  const index = JSON.parse(Buffer.from(graph.index.bytes).toString("utf8"));
  index.manifests.push(attestationEntry(stray, foreign));
  const name = await stored("attested", { ...graph, index: makeDocument(index) });
  const ran = await verify(name, "--attest", "provenance,sbom", "--json");
  expect(ran.exitCode).toBe(4);
  expect(jsonOf(ran).findings.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([
    "attestation-subject: An attestation speaks of an image that is not in this index",
    "attestation-missing: The image for linux/arm64 has no SBOM: nothing attests which packages are in it",
    "sbom-architecture: The SBOM of the image for linux/amd64 lists the packages of another platform: they are for arm64",
    "attestation-subject: The provenance beside the image for linux/arm64 speaks of another image",
  ]);
  expect(jsonOf(await verify(name, "--json")).findings.map(({ rule }) => rule)).toEqual([
    "attestation-subject",
  ]);
});

test("what BuildKit attests is right", async () => {
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: "the same everywhere",
    "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [linux/amd64, linux/arm64]
    tags: ["${registry.host}/built:1"]
`,
  });
  expect(await rig.run(["build", "--builder", inject("buildkit").address])).toMatchObject({ exitCode: 0 });
  const ran = await rig.run(
    [
      "verify",
      `${registry.host}/built:1`,
      "--attest",
      "provenance",
      "--json",
      "--platforms",
      "linux/arm64,linux/amd64",
    ],
    cacheOf(rig),
  );
  const { findings } = jsonOf(ran);
  expect(
    findings.filter(({ rule }) => rule.startsWith("attestation") || rule.startsWith("platform-")),
  ).toEqual([]);
});

test("several places must hold the same, and an older image's platforms must all be there", async () => {
  const older = graphOf(imageFor("amd64"), imageFor("arm64"), imageFor("s390x"));
  const newer = graphOf(imageFor("amd64"), imageFor("arm64"));
  const [name, same, other] = [
    await stored("places/a", newer),
    await stored("places/b", newer),
    await stored("places/c", older),
  ];
  const ran = await verify(name, same, other, `${registry.host}/places/none:v1`, "--against", other);
  expect(ran.exitCode).toBe(4);
  expect(ran.stderr.match(/\[[a-z-]+\]/g)).toEqual([
    "[digest-differs]",
    "[digest-differs]",
    "[platform-lost]",
  ]);
  expect(ran.stderr).toContain(`${registry.host}/places/none:v1: error: The image is not there`);
  expect(ran.stdout).toContain(
    `\nsame digest in ${same}\nagainst ${other}: 1 lost (linux/s390x), 2 unchanged (linux/amd64, linux/arm64)\n`,
  );
});

test("an OCI layout, whole and damaged", async () => {
  const name = await stored("layout", graphOf(imageFor("amd64"), imageFor("arm64", "amd64")));
  const rig = await openRig();
  const layout = `oci-layout://${join(rig.directory, "out")}:v1`;
  expect(await rig.run(["copy", name, layout])).toMatchObject({ exitCode: 0 });
  const ran = await rig.run(["verify", layout, name, "--json"], cacheOf(rig));
  expect(ran.exitCode).toBe(4);
  expect(jsonOf(ran)).toMatchObject({ ok: false, reference: layout, sameIn: [name] });
  expect(jsonOf(ran).findings[0]?.rule).toBe("entrypoint-architecture");
});

test("SARIF into a file and to standard output, with the pages of the rules", async () => {
  const name = await stored("sarif", graphOf(imageFor("amd64"), imageFor("arm64", "amd64")));
  const rig = await openRig();
  const set = ["--platforms", "linux/amd64,linux/arm64,linux/s390x"];
  const both = await rig.run(["verify", name, ...set, "--sarif", "out.sarif", "--json"], cacheOf(rig));
  const printed = await rig.run(["verify", name, ...set, "--sarif"], cacheOf(rig));
  expect([both.exitCode, printed.exitCode]).toEqual([4, 4]);
  const log = JSON.parse(await readFile(join(rig.directory, "out.sarif"), "utf8"));
  expect(JSON.parse(printed.stdout)).toEqual(log);
  expect(log.runs[0].results[1]).toMatchObject({
    ruleId: "entrypoint-architecture",
    level: "error",
    locations: [
      { logicalLocations: [{ properties: { reference: name, platform: "linux/arm64", path: "/server" } }] },
    ],
  });
  expect(log.runs[0].tool.driver.rules[0]).toMatchObject({
    id: "platform-missing",
    help: { markdown: expect.stringMatching(/^# A platform is missing\n/) },
  });
  const refused = await rig.run(["verify", name, "--sarif", "no/such/folder.sarif"], cacheOf(rig));
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("the SARIF log cannot be written: ENOENT");
  expect(await rig.run(["verify", name, "--json", "--sarif"], cacheOf(rig))).toMatchObject({ exitCode: 2 });
});

test("warnings count with --strict only", async () => {
  const image = imageFor("amd64");
  const name = await stored("strict", graphOf({ ...image, label: null }));
  expect(await verify(name)).toMatchObject({ exitCode: 0 });
  expect(await verify(name, "--strict")).toMatchObject({ exitCode: 4 });
});

test.each([
  ["a tag that is not there", () => `${registry.host}/nothing:1`, 3, "does not exist"],
  ["a text that is no reference", () => "Not A Reference", 2, "Not A Reference"],
])("%s", async (_, name, exitCode, words) => {
  const ran = await verify(name(), "--json");
  expect(ran.exitCode).toBe(exitCode);
  expect(ran.stderr).toContain(words);
  expect(jsonOf(ran)).toMatchObject({ ok: false });
});

test("an artifact is no image", async () => {
  const to = { registry: registry.host, path: "artifact" };
  const image = programImage("amd64", [layerOf({ a: "a" })]);
  const document = JSON.parse(Buffer.from(image.manifest.bytes).toString("utf8"));
  document.config.mediaType = "application/vnd.example+json";
  const manifest = makeDocument({ ...document, mediaType: OCI.manifest });
  await putImage(to, image);
  await putDocument(to, "v1", manifest);
  const ran = await verify(`${registry.host}/artifact:v1`);
  expect(ran.exitCode).toBe(4);
  expect(ran.stderr).toContain("an artifact, whose config is application/vnd.example+json");
});

test("explain: the page of a rule, all rules, and the one that was meant", async () => {
  const rig = await openRig();
  const page = await rig.run(["explain", "platform-lost"]);
  expect(page).toMatchObject({ exitCode: 0, stderr: "" });
  expect(page.stdout).toMatch(/^# A platform of the older image is gone\n/);
  const all = await rig.run(["explain"]);
  expect(all.stdout).toMatch(/^platform-lost +error +A platform of the older image is gone$/m);
  const wrong = await rig.run(["explain", "platform-loss"]);
  expect(wrong).toMatchObject({ exitCode: 2, stdout: "" });
  expect(wrong.stderr).toBe(
    "error: there is no rule `platform-loss`\n  hint: Did you mean `platform-lost`?\n",
  );
  expect((await rig.run(["explain", "../../package"])).exitCode).toBe(2);
});
