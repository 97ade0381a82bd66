import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { listen, stop } from "./fake-registry.ts";
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";
import type { Fault } from "./faults.ts";

const BODY = "what the registry says";

/** A server that counts what it carries out, and a proxy before it. */
async function behindProxy(
  options: FaultProxyOptions = {},
): Promise<{ readonly proxy: FaultProxy; readonly carriedOut: readonly string[] }> {
  const carriedOut: string[] = [];
  const server = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => carriedOut.push(chunk.toString()));
    request.on("end", () => {
      carriedOut.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
      response.writeHead(200, { "docker-content-digest": "sha256:1", "content-length": BODY.length });
      response.end(BODY);
    });
  });
  const proxy = await startFaultProxy(`127.0.0.1:${await listen(server)}`, options);
  onTestFinished(async () => {
    await proxy.close();
    await stop(server);
  });
  return { proxy, carriedOut };
}

/** What a client gets to see within half a second, and how many bytes of the body. */
async function seen(proxy: FaultProxy): Promise<string> {
  const signal = AbortSignal.timeout(500);
  try {
    const response = await fetch(`http://${proxy.host}/path`, { signal });
    const digest = response.headers.get("docker-content-digest") ?? "no digest";
    try {
      const text = await response.text();
      return `${response.status}, ${digest}: ${text}`;
    } catch {
      return signal.aborted ? "the body does not end" : "the body breaks off";
    }
  } catch {
    return signal.aborted ? "no answer" : "the connection breaks";
  }
}

const right = `200, sha256:1: ${BODY}`;

test.each<readonly [Fault, string, number]>([
  [{ kind: "status", status: 503, body: "no" }, "503, no digest: no", 0],
  [{ kind: "reset" }, "the connection breaks", 0],
  [{ kind: "answer-lost" }, "the connection breaks", 1],
  [{ kind: "hang" }, "no answer", 0],
  [{ kind: "answer-hangs" }, "no answer", 1],
  [{ kind: "truncate" }, "the body breaks off", 1],
  [{ kind: "stall" }, "the body does not end", 1],
  [{ kind: "endless" }, "the body does not end", 1],
  [{ kind: "slow", everyMs: 1 }, right, 1],
  [{ kind: "slow", everyMs: 50 }, "the body does not end", 1],
  [{ kind: "delay", ms: 10 }, right, 1],
  [{ kind: "wrong-content" }, `200, sha256:1: ${BODY.slice(0, -1)}r`, 1],
  [{ kind: "headers", headers: { "docker-content-digest": "sha256:2" } }, `200, sha256:2: ${BODY}`, 1],
  [{ kind: "headers", headers: { "docker-content-digest": undefined } }, `200, no digest: ${BODY}`, 1],
])("%j: %s", async (fault, expected, times) => {
  const { proxy, carriedOut } = await behindProxy();
  proxy.failNext({}, fault);
  expect(await seen(proxy)).toBe(expected);
  expect(carriedOut).toHaveLength(times);
  expect(await seen(proxy)).toBe(right);
});

test("strikes the k-th request that matches, so often as it is told", async () => {
  const { proxy } = await behindProxy();
  proxy.failNext({ method: "GET", skip: 1 }, { kind: "status", status: 500 }, 2);
  const statuses: number[] = [];
  for (let request = 0; request < 5; request += 1)
    statuses.push((await fetch(`http://${proxy.host}/`)).status);
  expect(statuses).toEqual([200, 500, 500, 200, 200]);
});

test("keeps a request until it is told what becomes of it", async () => {
  const { proxy, carriedOut } = await behindProxy();
  const put = async (body: string): Promise<string> =>
    await fetch(`http://${proxy.host}/`, { method: "PUT", body }).then(
      (response) => response.text(),
      () => "broken",
    );
  const first = proxy.holdNext({ method: "PUT" });
  const dropped = put("first");
  const held = await first;
  expect(held.name).toBe("PUT /");
  held.drop();
  expect(await dropped).toBe("broken");
  expect(carriedOut).toEqual([]);
  const second = proxy.holdNext({ method: "PUT" });
  const passed = put("second");
  await (await second).pass();
  expect(await passed).toBe(BODY);
  expect(carriedOut).toEqual(["second", "PUT / -"]);
});

test("a gate sees and answers first, and what is withheld stays with the proxy", async () => {
  const { proxy, carriedOut } = await behindProxy({
    withheld: ["authorization"],
    gate: ({ headers }) =>
      headers.authorization === undefined
        ? { status: 401, headers: {}, body: Buffer.from("who?") }
        : undefined,
  });
  expect(await seen(proxy)).toBe("401, no digest: who?");
  const headers = { authorization: "Bearer secret" };
  expect((await fetch(`http://${proxy.host}/in`, { headers })).status).toBe(200);
  expect(carriedOut).toEqual(["GET /in -"]);
});
