import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getCACertificates, rootCertificates, setDefaultCACertificates } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { listen, stop, type FakeRegistryOptions } from "../../support/fake-registry.ts";
import { fakeRegistry, temporaryFolder, testClient } from "../../support/registry-rig.ts";
import { testCertificate } from "../../support/tls.ts";
import { createTlsLookup, type TlsOptions } from "../../../core/registry/tls.ts";
import type { RegistrySettings } from "../../../core/plan/plan.ts";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import type { Document } from "../../../core/oci/descriptor.ts";
import type { Result } from "../../../core/result.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";

const EMPTY = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
const CERT = fileURLToPath(new URL("../../../fixtures/tls/cert.pem", import.meta.url));
const KEY = fileURLToPath(new URL("../../../fixtures/tls/key.pem", import.meta.url));

type Said = Partial<Pick<RegistrySettings, "insecure" | "ca" | "cert" | "key">>;

function settings(registry: string, said: Said): RegistrySettings {
  const location = { file: { path: "plan.yaml", text: "" }, range: { start: 0, end: 0 } };
  return { registry, insecure: false, location, ...said };
}

/** A server with the test certificate; `asks` wants that same certificate of its clients, too. */
async function secureRegistry(
  options: FakeRegistryOptions & { readonly asks?: boolean } = {},
): ReturnType<typeof fakeRegistry> {
  const own = await testCertificate();
  const asking = { ...own, ca: own.cert, requestCert: true, rejectUnauthorized: true };
  const { asks = false, ...rest } = options;
  const fake = await fakeRegistry({ ...rest, tls: asks ? asking : own });
  fake.addManifest("team/app", EMPTY, "v1");
  return fake;
}

async function read(
  host: string,
  registries: readonly RegistrySettings[],
  client: Parameters<typeof testClient>[0] = {},
): Promise<Result<Document, RegistryFailure>> {
  const { registry } = await testClient({ registries, ...client });
  return await registry.store({ registry: host, path: "team/app" }).manifest("v1");
}

describe("what the plan says of a registry", () => {
  test("its own authority is trusted, and HTTPS is spoken at once", async () => {
    const fake = await secureRegistry();
    expect(await read(fake.host, [settings(fake.host, { ca: CERT })])).toMatchObject({ ok: true });
    expect(await read(fake.host, [])).toMatchObject({
      ok: false,
      error: { kind: "registry-tls-failed", detail: expect.stringContaining("self-signed") },
    });
    const plain = await fakeRegistry();
    plain.addManifest("team/app", EMPTY, "v1");
    expect(await read(plain.host, [settings(plain.host, { ca: CERT })])).toMatchObject({ ok: false });
    expect(plain.requests).toEqual([]);
  });

  test("authorities that count everywhere count besides its own", async () => {
    const usual = getCACertificates("default");
    setDefaultCACertificates([...usual, await readFile(CERT, "utf8")]);
    onTestFinished(() => setDefaultCACertificates(usual));
    const other = join(await temporaryFolder(), "other.pem");
    await writeFile(other, rootCertificates[0] ?? "");
    const fake = await secureRegistry();
    expect(await read(fake.host, [settings(fake.host, { ca: other })])).toMatchObject({ ok: true });
  });

  test("a client certificate is shown to it", async () => {
    const fake = await secureRegistry({ asks: true });
    const said = { ca: CERT, cert: CERT, key: KEY };
    expect(await read(fake.host, [settings(fake.host, said)])).toMatchObject({ ok: true });
    expect(await read(fake.host, [settings(fake.host, { ca: CERT })])).toMatchObject({ ok: false });
  });

  test("its own token server is spoken to in the same way", async () => {
    const fake = await secureRegistry({ asks: true, auth: { kind: "token" } });
    const logins = { [fake.host]: { username: "ada", password: "p" } };
    const said = { ca: CERT, cert: CERT, key: KEY };
    expect(await read(fake.host, [settings(fake.host, said)], { logins })).toMatchObject({ ok: true });
  });

  test("an insecure one may have a certificate that nobody vouches for", async () => {
    const fake = await secureRegistry({ asks: true });
    const said = { insecure: true, cert: CERT, key: KEY };
    expect(await read(fake.host, [settings(fake.host, said)])).toMatchObject({ ok: true });
  });

  test("an insecure one that is not loopback may speak plain HTTP, and gets its login", async () => {
    const login = { username: "ada", password: "p" };
    const fake = await fakeRegistry({ auth: { kind: "basic", ...login } });
    fake.addManifest("team/app", EMPTY, "v1");
    const host = "registry.invalid:5000";
    const client = {
      env: { http_proxy: fake.url, https_proxy: fake.url },
      logins: { [host]: login },
    };
    expect(await read(host, [settings(host, { insecure: true })], client)).toMatchObject({ ok: true });
    expect(fake.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true]);
  });

  test("nothing of it is used for another server, be that in the plan, too", async () => {
    const storage = await secureRegistry();
    const fake = await secureRegistry();
    const headers = { location: `${storage.url}/v2/team/app/manifests/v1` };
    const both = [settings(fake.host, { ca: CERT }), settings(storage.host, { insecure: true })];
    fake.failNext({}, { kind: "status", status: 307, headers });
    expect(await read(fake.host, both)).toMatchObject({ ok: false, error: { kind: "registry-tls-failed" } });
    expect(storage.requests).toEqual([]);
    expect(await read(storage.host, both)).toMatchObject({ ok: true });
  });
});

/** A proxy that leads every tunnel to one port, whatever is asked for; what comes without a tunnel gets this answer. */
async function tunnelTo(
  port: number,
  answer: (path: string) => { readonly status: number; readonly location?: string } = () => ({ status: 502 }),
): Promise<{ readonly url: string; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { status, ...headers } = answer(request.url ?? "");
    response.writeHead(status, headers).end();
  });
  server.on("connect", (request, client) => {
    asked.push(request.url ?? "");
    const upstream = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [upstream, client])
      socket.on("error", () => [upstream, client].map((s) => s.destroy()));
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  onTestFinished(() => stop(server));
  return { url, asked };
}

test("behind a proxy the registry's certificates are the registry's, not the proxy's", async () => {
  const fake = await secureRegistry({ asks: true });
  const { url, asked } = await tunnelTo(Number(fake.host.split(":")[1]));
  const host = "registry.invalid:5000";
  const env = { http_proxy: url, https_proxy: url };
  const said = { cert: CERT, key: KEY };
  const insecure = await read(host, [settings(host, { ...said, insecure: true })], { env });
  expect(insecure).toMatchObject({ ok: true });
  // The certificate is known; it is not for this name.
  const trusted = await read(host, [settings(host, { ...said, ca: CERT })], { env });
  expect(trusted).toMatchObject({ ok: false, error: { detail: expect.stringContaining("altnames") } });
  expect(new Set(asked)).toEqual(new Set([host]));
});

test("an insecure one without a port, of which port 80 only leads to HTTPS, is one with HTTPS", async () => {
  const fake = await secureRegistry();
  const location = (path: string): string => path.replace("http:", "https:");
  const { url, asked } = await tunnelTo(Number(fake.host.split(":")[1]), (path) => ({
    status: 301,
    location: location(path),
  }));
  const host = "registry.invalid";
  const env = { http_proxy: url, https_proxy: url };
  const { registry } = await testClient({ registries: [settings(host, { insecure: true })], env });
  const store = registry.store({ registry: host, path: "team/app" });
  const bytes = Buffer.from(JSON.stringify(EMPTY));
  const { mediaType } = EMPTY;
  const document = { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
  expect(await store.manifest("v1")).toMatchObject({ ok: true });
  expect(await store.putManifest("v2", document)).toMatchObject({ ok: true });
  expect(new Set(asked)).toEqual(new Set([`${host}:443`]));
});

function lookUp(changes: Partial<TlsOptions>): ReturnType<typeof createTlsLookup> {
  return createTlsLookup({
    registries: [],
    env: {},
    home: "/nowhere",
    machineFolder: "/nowhere",
    ...changes,
  });
}

describe("whose certificates they are", () => {
  const registries = [
    settings("registry.example", { insecure: true }),
    settings("docker.io", { insecure: true }),
  ];
  const look = lookUp({ registries });

  test.for([
    ["https://registry.example/v2/", "registry.example"],
    ["https://registry.example:443/token", "registry.example"],
    ["https://registry.example/v2/", "registry.example:443"],
    ["https://registry-1.docker.io/v2/", "registry-1.docker.io"],
  ] as const)("%s for %s has them", async ([url, owner]) => {
    expect(await look(new URL(url), owner)).toMatchObject({ ok: true, value: { rejectUnauthorized: false } });
  });

  test.for([
    ["http://registry.example/v2/", "registry.example"],
    ["https://registry.example:5000/v2/", "registry.example"],
    ["https://auth.example/token", "registry.example"],
    ["https://auth.docker.io/token", "registry-1.docker.io"],
    ["https://registry.example/v2/", "other.example"],
    ["https://registry.example/v2/", undefined],
    ["https://other.example/v2/", "other.example"],
  ] as const)("%s for %s has none", async ([url, owner]) => {
    expect(await look(new URL(url), owner)).toEqual({ ok: true, value: undefined });
  });
});

describe("files that cannot be used", () => {
  async function refusal(said: Said): Promise<string> {
    const look = lookUp({ registries: [settings("registry.example", said)] });
    const found = await look(new URL("https://registry.example/"), "registry.example");
    return found.ok ? "usable" : found.error;
  }

  test("are named, with why", async () => {
    const folder = await temporaryFolder();
    const path = (name: string): string => join(folder, name);
    const broken = (await readFile(CERT, "utf8")).replace(/^MII.{8}/m, "MIIAAAAAAAA");
    await writeFile(path("empty.pem"), "");
    await writeFile(path("broken.pem"), broken);
    await writeFile(path("other.pem"), rootCertificates[0] ?? "");
    expect(await refusal({ ca: CERT })).toBe("usable");
    expect(await refusal({ ca: path("missing.pem") })).toBe(`${path("missing.pem")} cannot be read (ENOENT)`);
    expect(await refusal({ ca: path("empty.pem") })).toBe(
      `${path("empty.pem")} holds no certificate in PEM form`,
    );
    expect(await refusal({ ca: KEY })).toBe(`${KEY} holds no certificate in PEM form`);
    expect(await refusal({ ca: path("broken.pem") })).toContain("holds a certificate that cannot be read");
    expect(await refusal({ ca: "/dev/zero" })).toBe("/dev/zero is no PEM file");
    expect(await refusal({ ca: folder })).toBe(`${folder} is no PEM file`);
    const mixed = await refusal({ cert: path("other.pem"), key: KEY });
    expect(mixed).toContain(`the client certificate ${path("other.pem")} and its key are not usable`);
  });

  test("stop a request before it is made, as a failure of TLS", async () => {
    const fake = await secureRegistry();
    const ca = "/nowhere/ca.pem";
    expect(await read(fake.host, [settings(fake.host, { ca })])).toMatchObject({
      ok: false,
      error: { kind: "registry-tls-failed", detail: `${ca} cannot be read (ENOENT)` },
    });
    expect(fake.requests).toEqual([]);
  });
});

describe("Docker's folders of certificates", () => {
  async function folderOf(host: string): Promise<string> {
    const root = await temporaryFolder();
    await mkdir(join(root, "certs.d", host), { recursive: true });
    const copy = async (from: string, name: string): Promise<void> =>
      await writeFile(join(root, "certs.d", host, name), await readFile(from));
    await copy(CERT, "ca.crt");
    await copy(CERT, "client.cert");
    await copy(KEY, "client.key");
    await writeFile(join(root, "certs.d", host, "notes.txt"), "not a certificate");
    return root;
  }

  test("count for a registry of which the plan says nothing", async () => {
    const fake = await secureRegistry({ asks: true });
    const folder = await folderOf(fake.host);
    expect(await read(fake.host, [], { env: { DOCKER_CONFIG: folder } })).toMatchObject({ ok: true });
    const elsewhere = [settings(fake.host, { ca: CERT })];
    expect(await read(fake.host, elsewhere, { env: { DOCKER_CONFIG: folder } })).toMatchObject({ ok: false });
  });

  test("may be the machine's, and stand under either name of Docker Hub", async () => {
    const machineFolder = join(await folderOf("docker.io"), "certs.d");
    const look = lookUp({ machineFolder });
    const url = new URL("https://registry-1.docker.io/v2/");
    expect(await look(url, url.host)).toMatchObject({ ok: true, value: { rejectUnauthorized: true } });
    expect(await look(new URL("https://other.example/"), "other.example")).toEqual({ ok: true });
  });
});
