import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";

/** A server of release archives: what it was asked, and the settings that make the installer use it. */
export interface ReleaseServer {
  readonly releases: { readonly url: string; readonly sha256: Readonly<Record<string, string>> };
  readonly requests: readonly { readonly path: string; readonly range: string | undefined }[];
}

export type Answer = (
  archive: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  count: number,
) => void;

/** Serves one archive on loopback, whole or as the test answers. */
export async function releaseServer(archive: Buffer, answer: Answer = whole): Promise<ReleaseServer> {
  const requests: { path: string; range: string | undefined }[] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? "", range: request.headers.range });
    answer(archive, request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const sha256 = createHash("sha256").update(archive).digest("hex");
  return { releases: { url: `http://127.0.0.1:${port}/download`, sha256: { amd64: sha256 } }, requests };
}

/** Answers with all of it, whatever range was asked for. */
export function whole(archive: Buffer, _: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-length": archive.length }).end(archive);
}

/** Answers with the range that was asked for. */
export function ranged(archive: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from >= archive.length) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(from === 0 ? 200 : 206, { "content-length": archive.length - from });
  response.end(archive.subarray(from));
}

/** Sends half of what it promised, and hangs up. */
export function half(archive: Buffer, _: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-length": archive.length });
  response.write(archive.subarray(0, archive.length / 2), () => response.destroy());
}
