import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { proxiedFetch } from "../../../core/registry/proxied-fetch.ts";

test("a download goes through the user's proxy", async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("by proxy");
  });
  // Plain HTTP through undici's ProxyAgent is tunnelled, as HTTPS is.
  proxy.on("connect", (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  const address = proxy.address() satisfies AddressInfo | string | null;
  const port = typeof address === "object" ? address?.port : undefined;
  const fetch = proxiedFetch({ https_proxy: `http://127.0.0.1:${port}` });
  const answer = fetch("https://download.example/file", { headers: {}, signal: AbortSignal.timeout(5_000) });
  await expect(answer).rejects.toThrow("fetch failed");
  expect(asked).toEqual(["CONNECT download.example:443"]);
});
