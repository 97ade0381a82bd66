import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Build } from "../../../core/plan/build.ts";
import type { Plan } from "../../../core/plan/plan.ts";
import { load, loadText, planOf, renderAll } from "../../support/plan.ts";

const folder = join(import.meta.dirname, "../../../fixtures/plans/valid");
const env = { PATH: "", NPM_TOKEN: "hunter2", FORMS_SECRET: "topsecret" };

async function valid(name: string): Promise<Plan> {
  return planOf(await load(`${name}.yaml`, folder, { env, run: { id: "7" } }));
}

function buildOf(plan: Plan, id: string): Build {
  const variant = plan.releases.flatMap(({ variants }) => variants).find((each) => each.id === id);
  if (variant === undefined) throw new Error(`No variant ${id}`);
  return variant.build;
}

test.each(readdirSync(folder).filter((name) => name.endsWith(".yaml")))(
  "%s has nothing to complain of",
  async (name) => {
    const plan = planOf(await load(name, folder, { env, run: { id: "7" } }));
    expect(renderAll(plan.warnings)).toBe("");
  },
);

test("keys and passwords of signatures are kept out of sight", async () => {
  const signing = { ...env, COSIGN_KEY: "the key", COSIGN_PASSWORD: "its password" };
  const plan = planOf(await load("checks.yaml", folder, { env: signing }));
  expect(plan.secretValues).toEqual(["the key", "its password"]);
});

test("a signature without a key that may be anybody's is pointed out", async () => {
  const text = (sign: string): string =>
    `version: 1\nimages:\n  app:\n    platforms: [linux/amd64]\n    tags: [a.example/app:1]\n    sign: ${sign}\n`;
  expect(renderAll(planOf(await loadText(text("keyless"))).warnings)).toBe(
    "6:5 (warning) The signature will be verified, but not who made it | Give `identity` and `issuer`: what the certificate must say of the signer\n",
  );
  const named = planOf(await loadText(text("{ identity: me@example.com, issuer: https://token.example }")));
  expect(named.warnings).toEqual([]);
});

test("a block of one line is a test of one line", async () => {
  const text =
    "version: 1\nimages:\n  app:\n    platforms: [linux/amd64]\n    tags: [a.example/app:1]\n    test: |\n      app --version\n";
  const [release] = planOf(await loadText(text)).releases;
  expect(release?.variants[0]?.test?.command).toEqual({ kind: "shell", line: "app --version" });
});

describe("a plan with cells, builders and settings of one platform", () => {
  test("releases and variants are in the plan's order, and have names", async () => {
    const plan = await valid("design");
    expect(plan.releases.map(({ name, cell, tags }) => [name, cell, tags.map(({ tag }) => tag)])).toEqual([
      ["base", {}, ["dev"]],
      ["app[node=22]", { node: "22" }, ["dev-node22", "dev-node22"]],
      ["app[node=24]", { node: "24" }, ["dev-node24", "dev-node24"]],
    ]);
    expect(plan.releases[1]?.variants.map(({ id }) => id)).toEqual([
      "app[node=22] linux/amd64",
      "app[node=22] linux/arm64",
      "app[node=22] linux/riscv64",
    ]);
    expect(plan.releases[1]?.repositories).toEqual([
      { registry: "registry.example", path: "team/app" },
      { registry: "other.example", path: "team/app" },
    ]);
  });

  test("settings of one platform are over those of the image, maps by key", async () => {
    const variant = (await valid("design")).releases[1]?.variants[2];
    expect(variant).toMatchObject({ required: false, emulation: "only", timeoutMs: 5_400_000 });
    expect(variant?.build.args).toEqual({ NODE_VERSION: "22", JEMALLOC: "off" });
  });

  test("builders are read with their platforms in canonical form", async () => {
    const [arm, local] = (await valid("design")).builders;
    expect(arm).toMatchObject({
      name: "arm",
      reach: { kind: "buildkit", address: "tcp://arm.example:1234" },
      platforms: [
        { os: "linux", architecture: "arm64" },
        { os: "linux", architecture: "arm", variant: "v7" },
      ],
      maxParallelism: 2,
    });
    expect(local?.reach).toEqual({ kind: "buildx", builder: "desktop-linux" });
  });

  test("a secret variable is a build secret by value, and known for redaction", async () => {
    const plan = await valid("design");
    expect(plan.secretValues).toEqual(["hunter2"]);
    expect(buildOf(plan, "app[node=22] linux/amd64").secrets).toEqual([
      { id: "npm", kind: "value", value: "hunter2" },
    ]);
  });
});

describe("every form that may be written", () => {
  test("the least plan has the defaults of the field", async () => {
    const build = buildOf(await valid("minimal"), "app linux/amd64");
    expect(build).toEqual({
      context: { kind: "local", path: folder },
      dockerfile: join(folder, "Dockerfile"),
      args: {},
      contexts: {},
      labels: {},
      annotations: { manifest: {}, manifestDescriptor: {} },
      secrets: [],
      ssh: [],
      cacheFrom: [],
      cacheTo: [],
      attest: { provenance: { mode: "min", "inline-only": "true" } },
      noCache: false,
      pull: false,
      repositories: [{ registry: "registry.example", path: "app" }],
      image: {},
      push: "builder",
      outputs: [],
    });
  });

  test("secret variables that have no value are empty where none is read, and missing where one is", async () => {
    const text =
      "version: 1\nvars: { token: { env: TOKEN, secret: true, required: true } }\nimages:\n  app:\n    platforms: [linux/amd64]\n    tags: [you/app:1]\n    secrets: [{ id: t, var: token }]\n";
    const plan = planOf(await loadText(text, { lacksSecrets: true }));
    expect(plan).toMatchObject({ secretValues: [], secretVariables: ["TOKEN"] });
    expect((await loadText(text)).ok).toBe(false);
  });

  test("lists and maps, merge keys, named contexts, secrets and agents", async () => {
    const plan = await valid("forms");
    const build = buildOf(plan, "app linux/arm/v7");
    expect(build.labels).toEqual({ "org.example.vendor": "Example", "org.example.text": "a=b,c" });
    expect(build.args).toEqual({ FROM_LIST: "1", PLATFORM: "linux/arm/v7" });
    expect(build.dockerfile).toBe(join(folder, "Dockerfile"));
    expect(build.contexts).toEqual({
      src: { kind: "local", path: join(folder, "folder") },
      alpine: { kind: "remote", url: "docker-image://alpine:3" },
      repo: { kind: "remote", url: "https://example.com/repo.git#main" },
      ssh: { kind: "remote", url: "ssh://git@example.com/repo.git" },
      layout: { kind: "oci-layout", path: join(folder, "layout"), reference: { kind: "tag", tag: "v1" } },
    });
    expect(build.secrets).toEqual([
      { id: "file", kind: "file", path: join(folder, "folder/Dockerfile") },
      { id: "env", kind: "env", variable: "FORMS_SECRET" },
    ]);
    expect(plan.secretValues).toEqual(["topsecret"]);
    expect(build.ssh).toEqual([
      { id: "default", paths: [] },
      { id: "key", paths: [join(folder, "folder/Dockerfile")] },
    ]);
    expect(build).toMatchObject({ target: "final", noCache: true, pull: true });
  });

  test("annotations stand on their level, and one for a platform wins there", async () => {
    const plan = await valid("forms");
    expect(plan.releases[0]?.indexAnnotations).toEqual({ "org.example.both": "both" });
    expect(buildOf(plan, "app linux/amd64").annotations).toEqual({
      manifest: { "org.example.plain": "plain" },
      manifestDescriptor: { "org.example.both": "both" },
    });
    expect(buildOf(plan, "app linux/arm/v7").annotations.manifest).toEqual({
      "org.example.plain": "only-arm",
    });
  });

  test("caches of different platforms have different names, those of the image itself excepted", async () => {
    const build = buildOf(await valid("forms"), "app linux/arm/v7");
    expect(build.cacheFrom.map(({ attributes }) => attributes["ref"])).toEqual([
      "registry.example/cache:latest-linux_arm_v7",
      "registry.example/cache:linux_arm_v7-own",
      "registry.example/app:1",
    ]);
    expect(build.cacheTo).toEqual([
      {
        type: "registry",
        attributes: { ref: "registry.example/cache:main-linux_arm_v7", mode: "max" },
      },
      { type: "local", attributes: { dest: join(folder, "cache/linux_arm_v7") } },
      { type: "gha", attributes: { scope: "buildkit-linux_arm_v7" } },
      { type: "s3", attributes: { name: "shared-linux_arm_v7", bucket: "b" } },
      { type: "inline", attributes: {} },
    ]);
  });

  test("results on disk are apart for each platform and cell", async () => {
    const plan = await valid("forms");
    const build = buildOf(plan, "app linux/arm/v7");
    expect(build.image).toEqual({ compression: "zstd", "force-compression": "true" });
    expect(build.outputs.map(({ type, dest }) => [type, dest.slice(folder.length + 1)])).toEqual([
      ["local", "bin/linux_arm_v7"],
      ["tar", "rootfs-linux_arm_v7.tar"],
      ["oci", "layout/linux-arm-v7.tar"],
    ]);
    const cells = plan.releases.filter(({ image }) => image === "remote");
    expect(cells.map(({ name }) => name)).toEqual(["remote[os=alpine,extra=yes]", "remote[os=debian]"]);
    expect(cells.map(({ variants }) => variants[0]?.build.outputs[0]?.dest.slice(folder.length + 1))).toEqual(
      ["out/alpine_yes/linux_amd64", "out/debian/linux_amd64"],
    );
    expect(cells.map(({ variants }) => variants[0]?.build.cacheTo[0]?.attributes["ref"])).toEqual([
      "registry.example/remote:latest-alpine_yes-linux_amd64",
      "registry.example/remote:latest-debian-linux_amd64",
    ]);
  });

  test("attestations as lists, maps and off; a remote context keeps its Dockerfile's path", async () => {
    const plan = await valid("forms");
    expect(buildOf(plan, "app linux/amd64").attest).toEqual({ provenance: { mode: "max" }, sbom: {} });
    const remote = buildOf(plan, "remote[os=debian] linux/amd64");
    expect(remote.attest).toEqual({});
    expect(remote).toMatchObject({
      context: { kind: "remote", url: "https://example.com/repo.git" },
      dockerfile: "build/Dockerfile",
      repositories: [],
    });
  });

  test.each([
    ["provenance: true", { provenance: { mode: "min" } }],
    ["provenance: max", { provenance: { mode: "max" } }],
    ["provenance: 'mode=max,version=v1'", { provenance: { mode: "max", version: "v1" } }],
    ["provenance: { mode: max, reproducible: true }", { provenance: { mode: "max", reproducible: "true" } }],
    ["sbom: generator=registry.example/scanner", { sbom: { generator: "registry.example/scanner" } }],
    ["sbom: false", {}],
  ])("attest: %s", async (written, expected) => {
    const plan = planOf(
      await loadText(`version: 1
images:
  app:
    attest: { ${written} }
    platforms: [linux/amd64]
    tags: [registry.example/app:1]
`),
    );
    const byDefault = { provenance: { mode: "min", "inline-only": "true" } };
    expect(buildOf(plan, "app linux/amd64").attest).toEqual({ ...byDefault, ...expected });
  });

  test("an index-descriptor annotation goes into an OCI layout that has an index", async () => {
    const plan = planOf(
      await loadText(`version: 1
images:
  app:
    attest: { sbom: true }
    annotations: { "index-descriptor:org.example.a": x }
    output: ["type=oci,dest=out.tar"]
    platforms: [linux/amd64]
`),
    );
    expect(buildOf(plan, "app linux/amd64").outputs[0]?.attributes).toEqual({
      "annotation-index-descriptor.org.example.a": "x",
    });
  });
});

describe("how registries are reached, and how a release is published", () => {
  test("registries have absolute paths, anywhere, and what is not said is not there", async () => {
    const certificates = join(folder, "../../tls");
    const [cert, key] = [join(certificates, "cert.pem"), join(certificates, "key.pem")];
    const { registries } = await valid("registries");
    expect(registries.map(({ location, ...settings }) => [location.range.start > 0, settings])).toEqual([
      [true, { registry: "registry.example", insecure: false, ca: cert, cert, key }],
      [true, { registry: "mirror.example:5000", insecure: true }],
      [true, { registry: "[fd00::1]:5000", insecure: true }],
      [true, { registry: "docker.io", insecure: false, ca: cert }],
      [true, { registry: "base.example", insecure: false, ca: cert }],
      [true, { registry: "cache.example", insecure: true }],
    ]);
  });

  test("who pushes, what may be there already, what must be attested", async () => {
    const plan = await valid("publishing");
    const [app] = plan.releases;
    expect(app?.variants.map(({ build }) => build.push)).toEqual(["client", "builder"]);
    expect(app?.tags.map(({ tag, ifExists }) => [tag, ifExists])).toEqual([
      ["1.2.3", "fail"],
      ["1.2", undefined],
      ["1", "skip"],
    ]);
    expect(app).toMatchObject({ mediaTypes: "oci", attestations: "require" });
    expect(buildOf(plan, "app linux/amd64").attest).toMatchObject({ provenance: { mode: "min" }, sbom: {} });
  });

  test("Docker's media types, and a policy that strips, leave nothing to attest", async () => {
    const plan = await valid("publishing");
    const [, docker, plain] = plan.releases;
    expect(docker).toMatchObject({ mediaTypes: "docker", attestations: "keep" });
    expect(buildOf(plan, "docker linux/amd64")).toMatchObject({
      attest: {},
      image: { "oci-mediatypes": "false", compression: "gzip" },
    });
    expect(plain).toMatchObject({ mediaTypes: "oci", attestations: "strip" });
    expect(buildOf(plan, "plain linux/amd64").attest).toEqual({});
  });
});

describe("names of JavaScript's own are names like any other", () => {
  test("constructor, toString and hasOwnProperty", async () => {
    const plan = planOf(
      await loadText(`version: 1
vars: { constructor: "1", hasOwnProperty: "2" }
images:
  toString:
    args: { constructor: "\${constructor}", valueOf: "\${hasOwnProperty}" }
    matrix: { valueOf: ["3"] }
    platforms: [linux/amd64]
    tags: ["registry.example/app:\${matrix.valueOf}"]
`),
    );
    expect(plan.releases[0]).toMatchObject({ name: "toString[valueOf=3]", image: "toString" });
    expect(Object.entries(buildOf(plan, "toString[valueOf=3] linux/amd64").args)).toEqual([
      ["constructor", "1"],
      ["valueOf", "2"],
    ]);
  });
});

test("what `${...}` becomes", async () => {
  const { args } = buildOf(await valid("interpolation"), "app linux/arm/v7");
  expect(args).toEqual({
    BARE: "world",
    NAMESPACE: "world",
    DASH: "dashed",
    DEFAULT_DASH: "world",
    EMPTY_DEFAULT: "filled",
    EMPTY_KEPT: "[]",
    ALTERNATIVE: "there",
    REQUIRED: "world",
    ENV: "fallback",
    NESTED: "<world-7>",
    DOLLAR: "$world $name 5$",
    GIT: "untagged",
    PLATFORM: "linux/arm/v7 linux arm v7 linux_arm_v7 linux-arm-v7",
  });
});

describe("what must hold before tags move", () => {
  const location = expect.objectContaining({ file: expect.anything() });

  test("a test of the image, and one of a platform instead of it", async () => {
    const [app] = (await valid("checks")).releases;
    expect(app?.variants.map(({ test: own }) => own)).toEqual([
      {
        command: { kind: "exec", argv: ["/app", "--version"] },
        timeoutMs: 90_000,
        exitCode: 3,
        output: "1.2",
        location,
      },
      {
        command: { kind: "shell", line: "app --version | grep 1.2" },
        timeoutMs: 300_000,
        exitCode: 0,
        location,
      },
    ]);
  });

  test("how content is verified: strictly where nothing is said", async () => {
    const { releases, check } = await valid("checks");
    expect(check).toEqual({ ignore: ["literal-architecture"] });
    expect(releases.map(({ verify }) => verify)).toEqual([
      { content: "warn", ignore: ["/opt/toolchains/**"] },
      { content: "off", ignore: [] },
      { content: "error", ignore: [] },
    ]);
  });

  test("which vulnerabilities stop a release, and how it is signed", async () => {
    const [app, web, api] = (await valid("checks")).releases;
    expect(app?.scan).toEqual({
      failOn: "high",
      onlyFixed: true,
      ignore: ["CVE-2024-0001"],
      source: "osv-database",
      database: join(folder, "folder"),
      location,
    });
    expect([app, web, api].map((release) => release?.sign)).toEqual([
      { key: { kind: "uri", uri: "awskms:///alias/release" }, transparencyLog: false, location },
      {
        key: { kind: "env", variable: "COSIGN_KEY" },
        passwordEnv: "COSIGN_PASSWORD",
        transparencyLog: true,
        location,
      },
      {
        key: { kind: "keyless" },
        identity: "https://ci.example/1.2",
        issuer: "https://token.example",
        transparencyLog: true,
        location,
      },
    ]);
  });
});

test("runners: labels by platform in canonical form, the rest under no platform; one without work is pointed out", async () => {
  const plan = await valid("runners");
  expect(plan.runners?.map(({ platform, labels }) => [platform?.architecture, labels])).toEqual([
    ["arm64", ["ubuntu-24.04-arm"]],
    ["amd64", ["self-hosted", "linux", "x64"]],
    [undefined, ["ubuntu-24.04"]],
  ]);
  const idle = await loadText(
    "version: 1\nrunners: { linux/s390x: z }\nimages: { app: { platforms: [linux/amd64], tags: [a.example/app:1] } }\n",
  );
  expect(renderAll(planOf(idle).warnings)).toBe(
    "2:12 (warning) No image of this plan is built for linux/s390x | Remove its runner, or add the platform to an image\n",
  );
});
