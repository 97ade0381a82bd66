import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { graphOf, provenance, sbom, type TestPlatform } from "../support/attested.ts";
import { layerOf, programImage } from "../support/program-images.ts";
import { putGraph } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Ran } from "../support/rig.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ inMemory: true });
  return () => registry.close();
});

const BASE = layerOf({ "etc/os-release": "ID=test" });

/** An image of one release: its server, its settings and its packages. */
function release(
  architecture: string,
  server: string,
  config: object,
  ...packages: readonly string[]
): TestPlatform {
  return {
    config: { os: "linux", architecture },
    image: programImage(architecture, [BASE, layerOf({ server })], { ...config }),
    attest: (digest) => [provenance(digest), sbom(digest, ...packages)],
  };
}

const OLDER = graphOf(
  release("amd64", "one", { Cmd: ["/server"], Env: ["A=1"] }, "libc6 2.36-9 amd64", "wget 1 amd64"),
  release("arm64", "one", { Cmd: ["/server"], Env: ["A=1"] }, "libc6 2.36-9 arm64", "wget 1 arm64"),
  release("386", "one", {}),
  release("s390x", "same", {}),
);
const NEWER = graphOf(
  release(
    "amd64",
    "two",
    { Cmd: ["/server", "-v"], Env: ["A=1", "B=\u001b[31m"] },
    "libc6 2.36-10 amd64",
    "curl 8 amd64",
  ),
  release(
    "arm64",
    "two",
    { Cmd: ["/server", "-v"], Env: ["A=1", "B=\u001b[31m"] },
    "libc6 2.36-10 arm64",
    "curl 8 arm64",
  ),
  release("s390x", "same", {}),
  release("riscv64", "one", {}),
);

async function stored(path: string): Promise<readonly [string, string]> {
  const to = { registry: registry.host, path };
  await putGraph(to, OLDER, "1");
  await putGraph(to, NEWER, "2");
  return [`${registry.host}/${path}:1`, `${registry.host}/${path}:2`];
}

async function diff(...argv: readonly string[]): Promise<Ran> {
  const rig = await openRig();
  return await rig.run(["diff", ...argv], { XDG_CACHE_HOME: join(rig.directory, "cache") });
}

/** What changes from run to run, made the same. */
function settled(text: string): string {
  return text.replaceAll(registry.host, "registry").replace(/sha256:\w{12}/g, "sha256:...");
}

test("what became of each platform, once for those that changed alike", async () => {
  const ran = await diff(...(await stored("app")));
  expect({ exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(settled(ran.stdout)).toMatchInlineSnapshot(`
    "registry/app:1 -> registry/app:2
    digest  sha256:... -> sha256:...
    size    1.71kB -> 1.76kB (+44B)

    PLATFORM       WHAT       SIZE  CHANGE  LAYERS         CONFIG  PACKAGES  ATTESTATIONS
    linux/amd64    changed    464B    +20B  1 kept, -1 +1  +1 ~1   +1 -1 ~1
    linux/arm64    changed    464B    +20B  1 kept, -1 +1  +1 ~1   +1 -1 ~1
    linux/s390x    unchanged  413B
    linux/riscv64  added      415B
    linux/386      removed    411B

    Layers of linux/amd64, linux/arm64
      - sha256:...  82B
      + sha256:...  82B

    Config of linux/amd64, linux/arm64
      ~ cmd    ["/server"] -> ["/server","-v"]
      + env B  \\x1b[31m

    Packages of linux/amd64, linux/arm64
      + deb/debian/curl   8
      ~ deb/debian/libc6  2.36-9 -> 2.36-10
      - deb/debian/wget   1
    "
  `);
});

test("the same as JSON", async () => {
  const [older, newer] = await stored("json");
  const answer = JSON.parse((await diff(older, newer, "--json")).stdout);
  expect(answer).toMatchObject({
    schemaVersion: 1,
    ok: true,
    same: false,
    older: { reference: older, digest: OLDER.index.descriptor.digest },
    newer: { reference: newer, digest: NEWER.index.descriptor.digest },
    platforms: [
      {
        platform: "linux/amd64",
        kind: "changed",
        layers: { kept: [{}], removed: [{}], added: [{}] },
        settings: [
          { name: "cmd", older: '["/server"]', newer: '["/server","-v"]' },
          { name: "env B", newer: "\u001b[31m" },
        ],
        packages: [
          { name: "deb/debian/curl", newer: "8" },
          { name: "deb/debian/libc6", older: "2.36-9", newer: "2.36-10" },
          { name: "deb/debian/wget", older: "1" },
        ],
      },
      { platform: "linux/arm64", kind: "changed" },
      { platform: "linux/s390x", kind: "same" },
      { platform: "linux/riscv64", kind: "added" },
      { platform: "linux/386", kind: "removed" },
    ],
    findings: [],
  });
});

test("one image against an index, in a layout", async () => {
  const [older] = await stored("layout");
  const rig = await openRig();
  const layout = `oci-layout://${join(rig.directory, "out")}:x`;
  const single = `${registry.host}/layout@${NEWER.images[0]?.manifest.descriptor.digest}`;
  expect(await rig.run(["copy", single, layout])).toMatchObject({ exitCode: 0 });
  const answer = JSON.parse((await diff(older, layout, "--json")).stdout);
  expect(
    answer.platforms.map(({ kind, platform }: Readonly<Record<string, string>>) => `${kind} ${platform}`),
  ).toEqual(["changed linux/amd64", "removed linux/arm64", "removed linux/386", "removed linux/s390x"]);
  expect(answer.platforms[0]).not.toHaveProperty("packages");
});

test("exit codes: 4 for a difference only where it is asked for", async () => {
  const [older, newer] = await stored("exit");
  expect((await diff(older, newer)).exitCode).toBe(0);
  expect((await diff(older, newer, "--exit-code")).exitCode).toBe(4);
  const same = await diff(older, older, "--exit-code");
  expect(same.exitCode).toBe(0);
  expect(settled(same.stdout)).toBe(
    "registry/exit:1 -> registry/exit:1\ndigest  sha256:..., the same image\n",
  );
});

test("a side that is not there is a failure", async () => {
  const [older] = await stored("half");
  const ran = await diff(older, `${registry.host}/half:3`, "--json");
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(`${registry.host}/half:3 does not exist`);
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "manifest-unknown" }] });
});
