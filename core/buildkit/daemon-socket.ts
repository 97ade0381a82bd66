import { readFile } from "node:fs/promises";
import { connect } from "node:net";

/** The client's side of an HTTP/2 connection's beginning: preface and empty SETTINGS. @see https://www.rfc-editor.org/rfc/rfc9113#section-3.4 */
const HTTP2_PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const FRAME_HEADER_BYTES = 9;
const SETTINGS_FRAME = 4;

/**
 * Does a gRPC server answer on this socket? Being connected says nothing: buildkitd listens before its worker is ready,
 * and only a server that serves sends its HTTP/2 settings.
 */
export async function isServing(socket: string, timeoutMs: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(socket);
    let received = Buffer.alloc(0);
    const end = (answer: boolean): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(timeoutMs, () => end(false));
    connection.once("connect", () => connection.write(HTTP2_PREFACE));
    connection.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.length >= FRAME_HEADER_BYTES) end(received[3] === SETTINGS_FRAME);
    });
    connection.once("error", () => end(false));
    connection.once("close", () => end(false));
  });
}

/** State of a connected socket in /proc/net/unix. @see https://man7.org/linux/man-pages/man5/proc_pid_net.5.html */
const CONNECTED = "03";

/** How many clients a process's socket has: connections that were accepted carry the path of the socket that listens. */
export async function countClients(pid: number, socket: string): Promise<number> {
  const table = await readFile(`/proc/${pid}/net/unix`, "utf8").catch(() => "");
  return table.split("\n").filter((line) => {
    const fields = line.split(" ").filter(Boolean);
    return fields[5] === CONNECTED && fields.slice(7).join(" ") === socket;
  }).length;
}
