import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { BUILDKIT_VERSION } from "../../core/buildkit/pins.ts";
import { openRig, type Environment, type Rig } from "../support/rig.ts";
import { makeAuthority, ownAddress, startRegistryAt, type Authority } from "../support/tls-registry.ts";

const NATIVE = process.arch === "arm64" ? "arm64" : "amd64";

interface Said {
  readonly registries: Readonly<Record<string, object>>;
  readonly tags: readonly string[];
  readonly push?: "client";
  /** A reference: written as a cache. */
  readonly cache?: string;
}

async function project({ registries, tags, push, cache }: Said): Promise<Rig> {
  const image = {
    platforms: [`linux/${NATIVE}`],
    tags,
    ...(push === undefined ? {} : { push }),
    ...(cache === undefined ? {} : { "cache-to": [cache] }),
  };
  return await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: tags.join(),
    // YAML is a superset of JSON.
    "buildx-plan.yaml": JSON.stringify({ version: 1, registries, images: { app: image } }),
  });
}

/** A registry that has a certificate of its own authority, and wants one of its clients. */
async function guarded(address: string): Promise<Authority & { readonly host: string }> {
  const authority = await makeAuthority([address]);
  const host = await startRegistryAt(address, { ...authority.server, clientAuthority: authority.ca });
  return { ...authority, host };
}

/** A user's cache folder that has BuildKit's programs and no daemon yet. */
async function freshCache(rig: Rig): Promise<Environment> {
  const folder = await mkdtemp(join(tmpdir(), "managed-"));
  const programs = dirname(inject("buildkit").buildkitd);
  const bin = join(folder, "buildx-plan/bin");
  await mkdir(bin, { recursive: true });
  await symlink(programs, join(bin, `buildkit-v${BUILDKIT_VERSION.join(".")}-linux-${NATIVE}`));
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((each) => each !== programs);
  const env = { XDG_CACHE_HOME: folder, PATH: path.join(delimiter) };
  onTestFinished(async () => {
    await rig.run(["setup", "--stop"], env);
    await rm(folder, { recursive: true, force: true });
  });
  return env;
}

test.each(["127.0.0.1", ownAddress()])(
  "one section makes the managed BuildKit push to, and us read from, a registry at %s with client certificates",
  async (address) => {
    const { host, ca, client } = await guarded(address);
    const rig = await project({ registries: { [host]: { ca, ...client } }, tags: [`${host}/app:1`] });
    const env = await freshCache(rig);
    const built = await rig.run(["build", "--builder", "managed", "--json"], env);
    expect(built.stderr).not.toContain("error");
    expect(built.exitCode).toBe(0);
    const [{ digest }] = JSON.parse(built.stdout).releases;

    const read = await rig.run(["inspect", "-f", "buildx-plan.yaml", "--json", `${host}/app:1`]);
    expect(JSON.parse(read.stdout)).toMatchObject({ ok: true, digest });
    const unknown = await rig.run(["inspect", `${host}/app:1`]);
    expect(unknown.exitCode).toBe(3);
    expect(unknown.stderr).toMatch(/hint: .*`ca` under `registries` in the plan/);
  },
);

test("the managed BuildKit is started anew when the plan says something else of registries", async () => {
  const { host, ca, client } = await guarded("127.0.0.1");
  const rig = await project({ registries: {}, tags: [`${host}/app:1`] });
  const env = await freshCache(rig);
  const before = await rig.run(["build", "--builder", "managed"], env);
  expect(before.exitCode).toBe(3);
  const told = await project({ registries: { [host]: { ca, ...client } }, tags: [`${host}/app:1`] });
  const after = await told.run(["build", "--builder", "managed"], env);
  expect(after.exitCode).toBe(0);
  const toml = join(env["XDG_CACHE_HOME"] ?? "", "buildx-plan/buildkit/buildkitd.toml");
  expect(await readFile(toml, "utf8")).toContain(`[registry."${host}"]`);
});

test("another BuildKit is not configured by us: what is to be done is said, and `push: client` works", async () => {
  const { host, ca, client } = await guarded(ownAddress());
  const registries = { [host]: { ca, ...client } };
  const refused = await (await project({ registries, tags: [`${host}/app:1`] })).build();
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toContain("x509");
  expect(refused.stderr).toMatch(/hint: .*buildkitd\.toml.*push: client/);
  const rig = await project({ registries, tags: [`${host}/app:1`], push: "client" });
  const pushed = await rig.build("--json");
  expect(pushed.stderr).not.toContain("error");
  expect(pushed.exitCode).toBe(0);
});

test.each(["plain HTTP", "a certificate that nobody vouches for"])(
  "an insecure registry that is not loopback, with %s: pushed to by any BuildKit, and read",
  async (how) => {
    const address = ownAddress();
    const tls = how === "plain HTTP" ? undefined : (await makeAuthority([address])).server;
    const host = await startRegistryAt(address, tls);
    const secure = await (await project({ registries: {}, tags: [`${host}/app:1`] })).build();
    expect(secure.exitCode).toBe(3);
    const registries = { [host]: { insecure: true } };
    const rig = await project({ registries, tags: [`${host}/app:1`], cache: `${host}/cache:1` });
    const built = await rig.build("--json");
    expect(built.exitCode).toBe(0);
    const [{ digest }] = JSON.parse(built.stdout).releases;
    const read = await rig.run(["inspect", "-f", "buildx-plan.yaml", "--json", `${host}/app:1`]);
    expect(JSON.parse(read.stdout)).toMatchObject({ ok: true, digest });
  },
);

test("of secure and insecure repositories BuildKit pushes to those like the first, and the others get copies", async () => {
  const loopback = await startRegistryAt("127.0.0.1");
  const open = await startRegistryAt(ownAddress());
  const tags = [`${loopback}/app:1`, `${open}/app:1`];
  for (const ordered of [tags, tags.toReversed()]) {
    const rig = await project({ registries: { [open]: { insecure: true } }, tags: ordered });
    const built = await rig.build("--json");
    expect(built.exitCode).toBe(0);
    const [{ digest }] = JSON.parse(built.stdout).releases;
    for (const tag of tags) {
      const read = await rig.run(["inspect", "-f", "buildx-plan.yaml", "--json", tag]);
      expect(JSON.parse(read.stdout)).toMatchObject({ ok: true, digest });
    }
  }
});
