import { createServer } from "node:http";
import { createServer as createRawServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { listen, type FakeRegistry } from "../../support/fake-registry.ts";
import type { Fault } from "../../support/faults.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { testCertificate } from "../../support/tls.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = { schemaVersion: 2, mediaType: INDEX, manifests: [] };

async function withTag(): Promise<FakeRegistry> {
  const fake = await fakeRegistry();
  fake.addManifest("team/app", EMPTY, "v1");
  return fake;
}

function emptyIndex(): {
  readonly bytes: Buffer;
  readonly descriptor: { mediaType: string; digest: ReturnType<typeof digestOf>; size: number };
} {
  const bytes = Buffer.from(JSON.stringify(EMPTY));
  return { bytes, descriptor: { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length } };
}

const passing: readonly { readonly name: string; readonly fault: Fault; readonly times: number }[] = [
  { name: "a reset", fault: { kind: "reset" }, times: 1 },
  { name: "three resets", fault: { kind: "reset" }, times: 3 },
  { name: "500 twice", fault: { kind: "status", status: 500 }, times: 2 },
  { name: "503", fault: { kind: "status", status: 503 }, times: 1 },
  { name: "408", fault: { kind: "status", status: 408 }, times: 1 },
  { name: "429", fault: { kind: "status", status: 429 }, times: 1 },
];

test.for(passing)("reads and writes in spite of $name", async ({ fault, times }) => {
  const fake = await withTag();
  const { registry } = await testClient();
  const repository = { registry: fake.host, path: "team/app" };
  for (const method of ["GET", "PUT"]) {
    fake.failNext({ method }, fault, times);
    const before = fake.log().length;
    const result =
      method === "GET"
        ? await registry.store(repository).manifest("v1")
        : await registry.store(repository).putManifest("v2", emptyIndex());
    expect(result.ok).toBe(true);
    expect(fake.log().slice(before)).toHaveLength(times + 1);
  }
});

test("reads in spite of a body that breaks off", async () => {
  const fake = await withTag();
  const { registry } = await testClient();
  fake.failNext({}, { kind: "truncate" });
  expect(await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1")).toMatchObject({
    ok: true,
  });
  expect(fake.log()).toHaveLength(2);
});

test("takes a blob that is shorter than its descriptor for a body that broke off", async () => {
  const fake = await fakeRegistry();
  fake.addBlob("some config");
  fake.failNext({}, { kind: "status", status: 200, body: "some" });
  const { registry } = await testClient();
  const blob = { mediaType: "text/plain", digest: digestOf(Buffer.from("some config")), size: 11 };
  const read = await registry.store({ registry: fake.host, path: "team/app" }).blob(blob);
  expect(read).toEqual({ ok: true, value: Buffer.from("some config") });
});

test("waits as Retry-After says, and jitters on top of it", async () => {
  const fake = await withTag();
  const { registry, waitsMs } = await testClient();
  fake.failNext({}, { kind: "status", status: 429, headers: { "retry-after": "7" } });
  expect(await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1")).toMatchObject({
    ok: true,
  });
  expect(waitsMs).toEqual([7_125]);
});

test("does not wait for a Retry-After beyond its budget", async () => {
  const fake = await withTag();
  const { registry, waitsMs } = await testClient();
  fake.failNext({}, { kind: "status", status: 429, headers: { "retry-after": "3600" } });
  const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-rejected", status: 429, request: { attempts: 1 } },
  });
  expect(waitsMs).toEqual([]);
});

test("counts all waits of a request against its budget", async () => {
  const fake = await withTag();
  const { registry, waitsMs } = await testClient();
  fake.failNext({}, { kind: "status", status: 429, headers: { "retry-after": "25" } }, 99);
  await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  expect(waitsMs).toEqual([25_125, 25_250]);
});

test("sends nothing more once it is cancelled while it waits", async () => {
  const fake = await withTag();
  fake.failNext({}, { kind: "status", status: 503 }, 99);
  const controller = new AbortController();
  const sleep = async (): Promise<void> => controller.abort();
  const { registry } = await testClient({ timing: { now: () => 0, random: () => 0, sleep } });
  const result = await registry
    .store({ registry: fake.host, path: "team/app" })
    .manifest("v1", controller.signal);
  expect(result).toMatchObject({ ok: false, error: { kind: "registry-cancelled" } });
  expect(fake.log()).toHaveLength(1);
});

test("gives up on what stays broken, with the last answer and the number of attempts", async () => {
  const fake = await withTag();
  const { registry, waitsMs } = await testClient();
  const body = JSON.stringify({ errors: [{ code: "UNKNOWN", message: "disk full" }] });
  fake.failNext({}, { kind: "status", status: 500, body }, 99);
  const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "registry-rejected",
      status: 500,
      codes: [{ code: "UNKNOWN", message: "disk full" }],
      request: { attempts: 5 },
    },
  });
  expect(waitsMs).toEqual([125, 250, 500, 1_000]);
});

test.for([400, 403, 405, 413, 501])("takes %i for final", async (status) => {
  const fake = await withTag();
  const { registry } = await testClient();
  fake.failNext({}, { kind: "status", status });
  const result = await registry
    .store({ registry: fake.host, path: "team/app" })
    .putManifest("v2", emptyIndex());
  expect(result).toMatchObject({ ok: false, error: { status, request: { attempts: 1 } } });
  expect(fake.stored("team/app", "v2")).toBeUndefined();
});

test("says that nothing listens there", async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  const { registry } = await testClient();
  const result = await registry.store({ registry: `127.0.0.1:${port}`, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "registry-unreachable",
      detail: expect.stringContaining("ECONNREFUSED"),
      request: { attempts: 5 },
    },
  });
});

test("gives up on a server that never answers", async () => {
  const fake = await withTag();
  fake.failNext({}, { kind: "hang" }, 99);
  const timeouts = { connectMs: 500, headersMs: 100, bodyMs: 100 };
  const { registry } = await testClient({ timeouts, patience: { attempts: 2, budgetMs: 1_000 } });
  const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-unreachable", request: { attempts: 2 } },
  });
});

test.for([{ plainHttp: false }, { plainHttp: undefined }])(
  "refuses a certificate that nobody vouches for (plainHttp: $plainHttp)",
  async ({ plainHttp }) => {
    const fake = await fakeRegistry({ tls: await testCertificate() });
    const { registry } = await testClient({ plainHttp: () => plainHttp });
    const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
    expect(result).toMatchObject({
      ok: false,
      error: { kind: "registry-tls-failed", detail: expect.stringMatching(/self-signed certificate/) },
    });
    expect(fake.requests).toEqual([]);
  },
);

test("says that TLS failed where plain HTTP answers it", async () => {
  const fake = await withTag();
  const { registry } = await testClient({ plainHttp: () => false });
  const result = await registry.store({ registry: fake.host, path: "team/app" }).manifest("v1");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "registry-tls-failed", request: { attempts: 1 } },
  });
});

test("goes on with a server that sends bodies in answer to HEAD, which ends the connection for others", async () => {
  const body = '{"mediaType":"application/vnd.oci.image.index.v1+json"}';
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${INDEX}\r\nContent-Length: ${body.length}\r\nDocker-Content-Digest: ${digestOf(Buffer.from(body))}\r\n\r\n`;
  const server = createRawServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(head + body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const { registry } = await testClient();
  const store = registry.store({ registry: `127.0.0.1:${address.port}`, path: "team/app" });
  for (let round = 0; round < 3; round += 1) {
    expect(await store.resolve("v1")).toMatchObject({ ok: true, value: { size: body.length } });
    expect(await store.manifest("v1")).toMatchObject({ ok: true });
  }
});
