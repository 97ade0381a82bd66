import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { formatRepository, type Repository } from "../../core/oci/reference.ts";
import type { RegistrySettings, SignSettings } from "../../core/plan/plan.ts";
import { transfer } from "../../core/publish/transfer.ts";
import { openRegistry } from "../../core/registry/client.ts";
import { checkSigning, signRelease, type SigningTool, type SignSubject } from "../../core/sign/sign.ts";
import { releaseGraph, type TestGraph } from "../support/graphs.ts";
import { putGraph } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { makeAuthority, ownAddress, startRegistryAt } from "../support/tls-registry.ts";
import { testTool } from "../support/tools.ts";

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const PASSWORD = "the key's password";
const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };

let folder: string;
let env: Record<string, string | undefined>;
let tool: SigningTool;
let server: RealRegistry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sign-"));
  // A home of its own: neither the logins nor the caches of whoever runs the tests.
  env = { ...process.env, HOME: folder, DOCKER_CONFIG: undefined, PASS: PASSWORD };
  await makeKey("release", PASSWORD);
  await makeKey("other", PASSWORD);
  const found = await checkSigning(settings(), env, never());
  if (!found.ok)
    throw new Error(`${JSON.stringify(found.error)}: run the tests with \`npm test\`, which builds cosign`);
  tool = found.value;
  server = await startRealRegistry();
  return async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
});

function never(): AbortSignal {
  return new AbortController().signal;
}

async function makeKey(name: string, password: string): Promise<void> {
  const argv = ["generate-key-pair", "--output-key-prefix", join(folder, name)];
  await execa(await testTool("cosign"), argv, { env: { COSIGN_PASSWORD: password } });
}

/** No log: it would be the one that everybody uses. */
function settings(changes: Partial<SignSettings> = {}): SignSettings {
  const key = { kind: "file", path: join(folder, "release.key") } as const;
  return { key, passwordEnv: "PASS", transparencyLog: false, location, ...changes };
}

/** A release of two platforms, with an attestation each. */
async function released(
  path: string,
): Promise<{ readonly repository: Repository; readonly graph: TestGraph }> {
  const repository = { registry: server.host, path };
  const graph = releaseGraph(path, 2);
  await putGraph(repository, graph);
  return { repository, graph };
}

/** The index and the images, and not the attestations. */
function subjectsOf(graph: TestGraph, repository: Repository): readonly SignSubject[] {
  const documents = [graph.index, ...graph.images.slice(0, 2).map(({ manifest }) => manifest)];
  return documents.map(({ descriptor: { digest } }) => ({ repository, digest }));
}

async function sign(
  subjects: readonly SignSubject[],
  how: SignSettings = settings(),
  world: { readonly env?: typeof env; readonly registries?: readonly RegistrySettings[] } = {},
) {
  return await signRelease({ settings: how, subjects, tool, registries: [], env, signal: never(), ...world });
}

/** Is there a signature of this key, as cosign says by itself? */
async function isSigned({ repository, digest }: SignSubject, key = "release"): Promise<boolean> {
  const options = [`--key=${join(folder, `${key}.pub`)}`, "--insecure-ignore-tlog=true"];
  const reference = `${formatRepository(repository)}@${digest}`;
  const { exitCode, stdout } = await execa(tool.path, ["verify", ...options, reference], {
    reject: false,
    env: { HOME: folder },
  });
  return exitCode === 0 && stdout.includes(`"docker-manifest-digest":"${digest}"`);
}

test("the index and its images are signed in every repository, and attestations are not", async () => {
  const [one, two] = [await released("one"), await released("two")];
  const subjects = [...subjectsOf(one.graph, one.repository), ...subjectsOf(two.graph, two.repository)];
  expect(await sign(subjects)).toEqual({ ok: true, value: { verifiedAs: "key" } });
  expect(await Promise.all(subjects.map((subject) => isSigned(subject)))).toEqual(subjects.map(() => true));
  const attestation = one.graph.images[2]?.manifest.descriptor.digest;
  if (attestation === undefined) throw new Error("there is no attestation");
  expect(await isSigned({ repository: one.repository, digest: attestation })).toBe(false);
  expect(await Promise.all(subjects.map((subject) => isSigned(subject, "other")))).toEqual(
    subjects.map(() => false),
  );
});

test("the key may be in a variable", async () => {
  const { repository, graph } = await released("variable");
  const subjects = subjectsOf(graph, repository);
  const key = await readFile(join(folder, "release.key"), "utf8");
  const how = settings({ key: { kind: "env", variable: "RELEASE_KEY" } });
  expect((await sign(subjects, how, { env: { ...env, RELEASE_KEY: key } })).ok).toBe(true);
  expect(await isSigned({ repository, digest: graph.index.descriptor.digest })).toBe(true);
});

test("a wrong password signs nothing, and cosign says so", async () => {
  const { repository, graph } = await released("password");
  const result = await sign(subjectsOf(graph, repository), settings(), { env: { ...env, PASS: "wrong" } });
  expect(result).toMatchObject({
    error: { kind: "sign-failed", log: expect.arrayContaining([expect.stringContaining("decrypt")]) },
  });
  expect(await isSigned({ repository, digest: graph.index.descriptor.digest })).toBe(false);
});

test("a public key that is not the key's own does not verify", async () => {
  const { repository, graph } = await released("public");
  const result = await sign(
    subjectsOf(graph, repository),
    settings({ publicKey: join(folder, "other.pub") }),
  );
  expect(result).toMatchObject({
    error: { kind: "signature-unverified", repository: formatRepository(repository) },
  });
});

test("cosign uses the logins of Docker", async () => {
  const closed = await startRealRegistry({ htpasswd: HTPASSWD });
  try {
    const { graph } = await released("login");
    const repository = { registry: closed.host, path: "login" };
    const config = join(folder, "docker");
    await mkdir(config);
    const auth = Buffer.from("ada:test-password").toString("base64");
    await writeFile(join(config, "config.json"), JSON.stringify({ auths: { [closed.host]: { auth } } }));
    const loggedIn = { ...env, DOCKER_CONFIG: config };
    await copy(graph, { registry: server.host, path: "login" }, repository, { env: loggedIn });
    expect(await sign(subjectsOf(graph, repository))).toMatchObject({ error: { kind: "sign-failed" } });
    expect((await sign(subjectsOf(graph, repository), settings(), { env: loggedIn })).ok).toBe(true);
  } finally {
    await closed.close();
  }
});

test("what the plan says of a registry is told to cosign", async () => {
  const address = ownAddress();
  const { ca, server: certificate, client } = await makeAuthority([address]);
  const registry = await startRegistryAt(address, { ...certificate, clientAuthority: ca });
  const plain = await startRegistryAt(address);
  const registries: readonly RegistrySettings[] = [
    { registry, insecure: false, ca, ...client, location },
    { registry: plain, insecure: true, location },
  ];
  const { graph } = await released("tls");
  for (const host of [registry, plain]) {
    const repository = { registry: host, path: "tls" };
    await copy(graph, { registry: server.host, path: "tls" }, repository, { registries });
    expect((await sign(subjectsOf(graph, repository), settings(), { registries })).ok).toBe(true);
  }
});

async function copy(
  { index }: TestGraph,
  from: Repository,
  to: Repository,
  world: { readonly env?: typeof env; readonly registries?: readonly RegistrySettings[] },
): Promise<void> {
  const access = { home: folder, userAgent: "test", access: "write" } as const;
  const registry = openRegistry({ env: {}, registries: [], ...access, ...world });
  const copied = await transfer({
    from: registry.store(from),
    to: registry.store(to),
    root: index,
    tags: [],
    referrers: false,
  });
  await registry.close();
  if (!copied.ok) throw new Error(JSON.stringify(copied.error));
}
