import { expect, test } from "vitest";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { proxyFor } from "../../../core/registry/proxy.ts";

const PROXY = "http://proxy.example:3128";

test.for([
  ["https://reg.example/v2/", { HTTPS_PROXY: PROXY }, PROXY],
  ["https://reg.example/v2/", { https_proxy: "proxy.example:3128" }, PROXY],
  ["https://reg.example/v2/", { https_proxy: PROXY, HTTPS_PROXY: "http://other.example" }, PROXY],
  ["https://reg.example/v2/", { HTTP_PROXY: PROXY }, undefined],
  ["http://reg.example/v2/", { HTTP_PROXY: PROXY }, PROXY],
  ["http://reg.example/v2/", {}, undefined],
  ["http://localhost:5000/v2/", { HTTP_PROXY: PROXY }, undefined],
  ["http://[::1]:5000/v2/", { HTTP_PROXY: PROXY }, undefined],
] as const)("%s with %j goes through %s", ([url, env, expected]) => {
  expect(proxyFor(new URL(url), env)).toBe(expected);
});

test.for([
  ["reg.example", true],
  ["REG.EXAMPLE", true],
  ["example", true],
  [".example", true],
  ["*.example", true],
  ["a.example,reg.example", true],
  ["*", true],
  ["reg.example:443", true],
  ["reg.example:444", false],
  ["eg.example", false],
  [".reg.example", false],
  ["other.example b.example", false],
  ["10.0.0.0/8", false],
] as const)("NO_PROXY %s exempts https://reg.example: %s", ([exempt, expected]) => {
  const proxy = proxyFor(new URL("https://reg.example/v2/"), { https_proxy: PROXY, NO_PROXY: exempt });
  expect(proxy === undefined).toBe(expected);
});

test.for([
  ["https://10.1.2.3:5000/", "10.0.0.0/8", true],
  ["https://10.1.2.3:5000/", "10.1.2.3", true],
  ["https://10.1.2.3:5000/", "10.1.2.3:443", false],
  ["https://11.1.2.3/", "10.0.0.0/8", false],
  ["https://10.1.2.3/", "10.0.0.0/99", false],
  ["https://10.1.2.3/", "10.0.0.0/", false],
  ["https://[fd00::5]/", "fd00::/8", true],
  ["https://[fd00::5]/", "fd00::5", true],
  ["https://[fd00::5]:444/", "[fd00::5]:444", true],
] as const)("%s with NO_PROXY %s is exempt: %s", ([url, exempt, expected]) => {
  expect(proxyFor(new URL(url), { https_proxy: PROXY, no_proxy: exempt }) === undefined).toBe(expected);
});

test("reaches a registry by its proxy, whatever its name", async () => {
  const proxy = await fakeRegistry();
  const stored = proxy.addManifest("team/app", { schemaVersion: 2, mediaType: "application/json" }, "v1");
  const env = { http_proxy: `http://user:pass@${proxy.host}` };
  const { registry } = await testClient({ env, plainHttp: () => true });
  const read = await registry.store({ registry: "registry.invalid", path: "team/app" }).manifest("v1");
  expect(read).toMatchObject({ ok: true, value: { descriptor: { digest: stored.digest } } });
  expect(proxy.requests[0]?.headers).toMatchObject({
    host: "registry.invalid",
    "proxy-authorization": `Basic ${Buffer.from("user:pass").toString("base64")}`,
  });
});

test("keeps a proxy's password to itself where the proxy cannot be reached", async () => {
  const env = { http_proxy: "http://user:hidden-pass@127.0.0.1:1" };
  const { registry } = await testClient({ env, plainHttp: () => true });
  const read = await registry.store({ registry: "registry.invalid", path: "team/app" }).manifest("v1");
  expect(read).toMatchObject({ ok: false, error: { kind: "registry-unreachable" } });
  expect(JSON.stringify(read)).not.toContain("hidden-pass");
});
