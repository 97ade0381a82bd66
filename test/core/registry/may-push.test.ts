import { expect, test } from "vitest";
import type { Repository } from "../../../core/oci/reference.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

function repositoryOf(fake: FakeRegistry): Repository {
  return { registry: fake.host, path: "team/app" };
}

test("an upload is begun and given up: two requests, and nothing stays", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  expect(await registry.mayPush(repositoryOf(fake))).toEqual({ ok: true, value: undefined });
  expect(fake.log()).toEqual([
    "POST /v2/team/app/blobs/uploads/",
    "DELETE /v2/team/app/blobs/uploads/upload-1",
  ]);
  expect(fake.openUploads()).toBe(0);
});

test("a registry that does not give uploads up takes pushes all the same", async () => {
  const fake = await fakeRegistry();
  fake.failNext({ method: "DELETE" }, { kind: "status", status: 405 });
  const { registry, waitsMs } = await testClient();
  expect(await registry.mayPush(repositoryOf(fake))).toEqual({ ok: true, value: undefined });
  expect(fake.openUploads()).toBe(1);
  expect(waitsMs).toEqual([]);
});

test("a refusal comes with the registry's own words", async () => {
  const fake = await fakeRegistry();
  const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "no such repository" }] });
  fake.failNext({ method: "POST" }, { kind: "status", status: 404, body });
  const { registry } = await testClient();
  expect(await registry.mayPush(repositoryOf(fake))).toMatchObject({
    ok: false,
    error: {
      kind: "registry-rejected",
      registry: fake.host,
      repository: "team/app",
      status: 404,
      codes: [{ code: "NAME_UNKNOWN", message: "no such repository" }],
    },
  });
  expect(fake.log()).toHaveLength(1);
});

test("the token is asked for what a push needs, and serves the push that follows", async () => {
  const fake = await fakeRegistry({ auth: { kind: "token" } });
  const { registry } = await testClient();
  await registry.mayPush(repositoryOf(fake));
  await registry.store(repositoryOf(fake)).manifest("absent");
  const tokens = fake.requests.filter(({ path }) => path === "/token");
  expect(tokens.map(({ query }) => query.get("scope"))).toEqual(["repository:team/app:pull,push"]);
});

test("an upload that was begun is given up even where the run is interrupted meanwhile", async () => {
  const fake = await fakeRegistry();
  fake.failNext({ method: "DELETE" }, { kind: "delay", ms: 20 });
  const interrupted = new AbortController();
  const { registry } = await testClient();
  const asked = registry.mayPush(repositoryOf(fake), interrupted.signal);
  while (fake.log().length < 2) await new Promise((resolve) => setImmediate(resolve));
  interrupted.abort();
  expect(await asked).toEqual({ ok: true, value: undefined });
  expect(fake.openUploads()).toBe(0);
});
