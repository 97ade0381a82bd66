import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { testCertificate } from "../../support/tls.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = { schemaVersion: 2, mediaType: INDEX, manifests: [] };
const usual = getCACertificates("default");

beforeAll(async () => setDefaultCACertificates([...usual, (await testCertificate()).cert]));
afterAll(() => setDefaultCACertificates(usual));

test("finds out that a registry on loopback speaks TLS, once", async () => {
  const fake = await fakeRegistry({ tls: await testCertificate() });
  fake.addManifest("team/app", EMPTY, "v1");
  const { registry } = await testClient();
  const repository = { registry: fake.host, path: "team/app" };
  for (const _ of [1, 2]) expect(await registry.store(repository).manifest("v1")).toMatchObject({ ok: true });
  expect(fake.log()).toHaveLength(2);
});

test("finds out that a registry on loopback speaks TLS where it says so in plain HTTP", async () => {
  const fake = await fakeRegistry();
  const body = "Client sent an HTTP request to an HTTPS server.\n";
  fake.failNext({}, { kind: "status", status: 400, body }, 2);
  const { registry } = await testClient();
  const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  // It does not speak TLS after all, so what it said in plain HTTP stands.
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-rejected", status: 400 } });
});

test("does not follow a redirect from HTTPS to plain HTTP", async () => {
  const secure = await fakeRegistry({ tls: await testCertificate() });
  const plain = await fakeRegistry();
  plain.addManifest("team/app", EMPTY, "v1");
  const headers = { location: `${plain.url}/v2/team/app/manifests/v1` };
  secure.failNext({}, { kind: "status", status: 307, headers });
  const { registry } = await testClient({ plainHttp: () => false });
  const result = await registry.store({ registry: secure.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid", detail: expect.stringContaining("plain HTTP") },
  });
  expect(plain.requests).toEqual([]);
});

test("sends no login to a plain HTTP token server of an HTTPS registry", async () => {
  const plain = await fakeRegistry();
  const secure = await fakeRegistry({
    tls: await testCertificate(),
    auth: { kind: "token", realm: `${plain.url}/token` },
  });
  const { registry } = await testClient({ logins: { [secure.host]: { username: "ada", password: "p" } } });
  const result = await registry.store({ registry: secure.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  expect(plain.requests).toEqual([]);
});
