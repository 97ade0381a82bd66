import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import type { SbomPackage } from "../../../core/oci/sbom.ts";
import { osvApi } from "../../../core/scan/osv-api.ts";

const signal = AbortSignal.timeout(60_000);
const HOST = { env: {}, temporary: "/nowhere", userAgent: "buildx-plan/test" };

interface Query {
  readonly package: { readonly name: string; readonly ecosystem: string };
  readonly version: string;
  readonly page_token?: string;
}

/** What the API answers to a query: ids, and whether there is more. */
type Answer = { readonly vulns?: readonly { readonly id: string }[]; readonly next_page_token?: string };

interface Behaviour {
  readonly query?: (query: Query) => Answer;
  readonly record?: (id: string) => unknown;
  /** Instead of all that: for the n-th request, from 0. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse, at: number) => boolean;
}

const recordOf = (id: string, name = "a", fixed = "2.0.0"): object => ({
  id,
  affected: [
    {
      package: { ecosystem: "npm", name },
      ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed }] }],
    },
  ],
});

/** The API on this machine, and what it was asked: batches of queries, and records. */
async function start({ query = () => ({}), record = (id) => recordOf(id), instead }: Behaviour = {}) {
  const batches: (readonly Query[])[] = [];
  const asked: string[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    const at = count;
    count += 1;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${request.headers["user-agent"]}`);
      if (instead?.(request, response, at) === true) return;
      if (request.url === "/v1/querybatch") {
        const body: { readonly queries: readonly Query[] } = JSON.parse(Buffer.concat(chunks).toString());
        batches.push(body.queries);
        response.end(JSON.stringify(body.queries.length === 0 ? {} : { results: body.queries.map(query) }));
        return;
      }
      const found = record(decodeURIComponent(request.url?.replace("/v1/vulns/", "") ?? ""));
      response.statusCode = found === undefined ? 404 : 200;
      response.end(JSON.stringify(found ?? { code: 5 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return { api: osvApi(HOST, undefined, `http://127.0.0.1:${port}`), batches, asked };
}

const packageOf = (purl: string): SbomPackage => ({ name: purl, version: "", purl });
const scanOf = (...purls: readonly string[]) => ({
  kind: "packages" as const,
  packages: purls.map(packageOf),
});

test("asks for each package once, and for the records of those that have any", async () => {
  const { api, batches, asked } = await start({
    query: ({ package: { name } }) => (name === "a" ? { vulns: [{ id: "GHSA-1" }, { id: "GHSA-2" }] } : {}),
    record: (id) => recordOf(id, "a", id === "GHSA-1" ? "2.0.0" : "0.5.0"),
  });
  const answered = await api.scan(
    scanOf("pkg:npm/a@1.0.0", "pkg:npm/a@1.0.0?arch=arm64", "pkg:npm/b@1.0.0", "pkg:generic/c@1"),
    signal,
  );
  expect(batches).toEqual([
    [
      { package: { ecosystem: "npm", name: "a" }, version: "1.0.0" },
      { package: { ecosystem: "npm", name: "b" }, version: "1.0.0" },
    ],
  ]);
  expect(asked.toSorted()).toEqual([
    "GET /v1/vulns/GHSA-1 buildx-plan/test",
    "GET /v1/vulns/GHSA-2 buildx-plan/test",
    "POST /v1/querybatch buildx-plan/test",
  ]);
  expect(
    answered.ok && answered.value.vulnerabilities.map((each) => `${each.id} ${each.package.name}`),
  ).toEqual(["GHSA-1 pkg:npm/a@1.0.0", "GHSA-1 pkg:npm/a@1.0.0?arch=arm64"]);
});

test("asks for a thousand packages at once", async () => {
  const { api, batches } = await start();
  const purls = Array.from({ length: 2001 }, (_, at) => `pkg:npm/p${at}@1.0.0`);
  expect(await api.scan(scanOf(...purls), signal)).toMatchObject({
    ok: true,
    value: { vulnerabilities: [] },
  });
  expect(batches.map((batch) => batch.length)).toEqual([1000, 1000, 1]);
});

test("reads all pages", async () => {
  const { api, batches } = await start({
    query: ({ package: { name }, page_token: token }) => {
      if (name !== "a") return {};
      if (token === undefined) return { vulns: [{ id: "GHSA-1" }], next_page_token: "two" };
      return token === "two" ? { next_page_token: "three" } : { vulns: [{ id: "GHSA-2" }] };
    },
  });
  const answered = await api.scan(scanOf("pkg:npm/b@1.0.0", "pkg:npm/a@1.0.0"), signal);
  expect(answered.ok && answered.value.vulnerabilities.map(({ id }) => id)).toEqual(["GHSA-1", "GHSA-2"]);
  expect(batches.map((batch) => batch.map(({ page_token: token }) => token))).toEqual([
    [undefined, undefined],
    ["two"],
    ["three"],
  ]);
});

test("asks nobody for nothing", async () => {
  const { api, asked } = await start();
  expect(await api.scan(scanOf("pkg:generic/c@1"), signal)).toMatchObject({ ok: true });
  expect(await api.scan(scanOf("pkg:rpm/fedora/c@1?distro=fedora-39"), signal)).toMatchObject({
    ok: false,
    error: { problem: "database-incomplete" },
  });
  expect(await api.scan({ kind: "sbom", format: "spdx", bytes: new Uint8Array() }, signal)).toMatchObject({
    ok: false,
    error: { problem: "no-sbom" },
  });
  expect(asked).toEqual([]);
});

describe("is there", () => {
  test("where it answers", async () => {
    const { api } = await start();
    expect(await api.available(signal)).toEqual({ ok: true, value: undefined });
  });

  test("and not where nobody does", async () => {
    const api = osvApi(HOST, undefined, "http://127.0.0.1:1");
    expect(await api.available(signal)).toMatchObject({
      ok: false,
      error: { source: "osv-api", detail: expect.stringContaining("http://127.0.0.1:1 cannot be reached: ") },
    });
  });
});

describe("tries again", () => {
  test.each([500, 503, 429])("after status %d", async (status) => {
    const { api, asked } = await start({
      instead: (_, response, at) => {
        if (at > 1) return false;
        response.writeHead(status).end("busy");
        return true;
      },
    });
    expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), signal)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(3);
  });

  test("after a connection that broke, three times in all", async () => {
    const { api, asked } = await start({
      instead: (request) => {
        request.socket.destroy();
        return true;
      },
    });
    expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), signal)).toMatchObject({
      ok: false,
      error: {
        source: "osv-api",
        problem: "source-failed",
        detail: expect.stringContaining("cannot be reached"),
      },
    });
    expect(asked).toHaveLength(3);
  });

  test("but not where the request is wrong", async () => {
    const { api, asked } = await start({
      instead: (_, response) => {
        response.writeHead(400).end("{}");
        return true;
      },
    });
    expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), signal)).toMatchObject({
      ok: false,
      error: { problem: "source-failed", detail: expect.stringMatching(/answers with status 400$/) },
    });
    expect(asked).toHaveLength(1);
  });
});

describe("takes no answer that is not what it should be", () => {
  const answers = (text: string): Behaviour => ({
    instead: (request, response) => {
      if (request.url !== "/v1/querybatch") return false;
      response.end(text);
      return true;
    },
  });

  test.each([
    ["no JSON", answers("<html>")],
    ["nothing", answers("")],
    ["too few results", answers('{"results":[]}')],
    ["other results", answers('{"results":["x"]}')],
    ["ids that are none", answers('{"results":[{"vulns":[{"id":"../../etc"}]}]}')],
    ["too much", answers(`"${"x".repeat(33 * 1024 * 1024)}"`)],
    ["pages without end", { query: () => ({ next_page_token: "more" }) }],
    [
      "vulnerabilities without end",
      { query: () => ({ vulns: Array.from({ length: 20_001 }, (_, at) => ({ id: `X-${at}` })) }) },
    ],
    ["a record that is none", { query: () => ({ vulns: [{ id: "X-1" }] }), record: () => ({ no: "id" }) }],
  ] satisfies [string, Behaviour][])("%s", async (_, behaviour) => {
    const { api } = await start(behaviour);
    expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), signal)).toMatchObject({
      ok: false,
      error: { source: "osv-api", problem: "answer-invalid" },
    });
  });

  test("a record that is missing", async () => {
    const { api } = await start({
      query: () => ({ vulns: Array.from({ length: 30 }, (_, at) => ({ id: `X-${at}` })) }),
      record: (id) => (id === "X-3" ? undefined : recordOf(id)),
    });
    expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), signal)).toMatchObject({
      ok: false,
      error: { problem: "source-failed", detail: expect.stringContaining("status 404") },
    });
  });
});

test("ends where it is interrupted", async () => {
  const stop = new AbortController();
  const { api } = await start({
    instead: () => {
      stop.abort();
      return true;
    },
  });
  expect(await api.scan(scanOf("pkg:npm/a@1.0.0"), stop.signal)).toMatchObject({
    ok: false,
    error: { source: "osv-api", problem: "cancelled" },
  });
});
