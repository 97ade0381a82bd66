import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { listen, stop } from "./fake-registry.ts";

/** A request that is kept waiting. */
export interface Waiting {
  readonly path: string;
  /** Address of who asks: it tells the node of a step. */
  readonly from: string;
  /** Answers it: the step goes on. */
  readonly release: () => void;
}

/** A server at which steps of a build wait until the test lets them go on: `RUN wget -q -O - http://HOST/PATH`. */
export interface GateServer {
  readonly host: string;
  /** The next request, whoever sends it; each is handed out once. */
  readonly next: () => Promise<Waiting>;
}

/** Starts the server at an address of this machine. Who still waits when the test ends is cut off. */
export async function startGateServer(address: string): Promise<GateServer> {
  const waiting: Waiting[] = [];
  const hands: ((next: Waiting) => void)[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const arrived = {
      path: request.url ?? "",
      from: request.socket.remoteAddress ?? "",
      release: () => void response.end("go\n"),
    };
    const hand = hands.shift();
    if (hand === undefined) waiting.push(arrived);
    else hand(arrived);
  });
  const port = await listen(server, address);
  onTestFinished(() => stop(server));
  return {
    host: `${address}:${port}`,
    next: () => {
      const arrived = waiting.shift();
      return arrived === undefined ? new Promise((resolve) => hands.push(resolve)) : Promise.resolve(arrived);
    },
  };
}
