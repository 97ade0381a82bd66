import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { platform, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** A BuildKit address of our own that leads to a docker buildx builder. */
export interface Bridge {
  readonly address: string;
  /** What the last `dial-stdio` that failed said; why a builder cannot be reached is known there alone. */
  readonly lastError: () => string | undefined;
  /** Ends the listener and every child; the socket's folder is removed. */
  readonly close: () => Promise<void>;
}

export interface BridgeOptions {
  /** `docker`, or `buildx` itself, with the arguments that lead to the plugin. */
  readonly buildx: readonly [string, ...string[]];
  readonly builder: string;
  /** Picks the node where the builder has several. */
  readonly platform?: string;
  /** A file that buildx is to find in its configuration, instead of all that the user has there. */
  readonly store?: { readonly path: string; readonly text: string };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a child may say on stderr and still be quoted, in characters. */
const SAID = 2_000;
/** How long a child may take to end, in milliseconds: one that still dials hears no signal, and has nothing to put in order. */
const END_MS = 500;

/**
 * Makes any docker buildx builder reachable as a plain BuildKit address: one `docker buildx dial-stdio` child for each
 * connection to a socket that only this user can open.
 */
export async function openBridge(options: BridgeOptions): Promise<Bridge> {
  const directory = await mkdtemp(join(tmpdir(), "buildx-plan-bridge-"));
  const endpoint = endpointIn(directory);
  const env = { ...options.env, ...(await writeStore(directory, options.store)) };
  const controller = new AbortController();
  const open = new Set<Promise<void>>();
  let lastError: string | undefined;
  const server = createServer((socket) => {
    const connection = carry(socket, { ...options, env }, controller.signal).then((error) => {
      lastError = error ?? lastError;
      open.delete(connection);
    });
    open.add(connection);
  });
  await listen(server, endpoint.path);
  return {
    address: endpoint.address,
    lastError: () => lastError,
    close: async () => {
      server.close();
      controller.abort();
      await Promise.all(open);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function writeStore(
  directory: string,
  store: BridgeOptions["store"],
): Promise<{ readonly BUILDX_CONFIG?: string }> {
  if (store === undefined) return {};
  const folder = join(directory, "buildx");
  const path = join(folder, store.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, store.text, { mode: 0o600 });
  return { BUILDX_CONFIG: folder };
}

/** A unix socket in a folder that mkdtemp made for this user alone; Windows has named pipes instead. */
function endpointIn(directory: string): { readonly path: string; readonly address: string } {
  if (platform() === "win32") {
    const name = basename(directory);
    return { path: `\\\\.\\pipe\\${name}`, address: `npipe:////./pipe/${name}` };
  }
  const path = join(directory, "s");
  return { path, address: `unix://${path}` };
}

/** Pipes one connection through one child, and answers what the child said if it failed. */
async function carry(
  socket: Socket,
  options: BridgeOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [tool, ...plugin] = options.buildx;
  const node = options.platform === undefined ? [] : ["--platform", options.platform];
  const { execa } = await import("execa");
  const child = execa(
    tool,
    [...plugin, "dial-stdio", "--builder", options.builder, "--progress=none", ...node],
    {
      env: options.env,
      extendEnv: false,
      buffer: { stdout: false, stderr: true },
      maxBuffer: { stderr: SAID },
      reject: false,
      cancelSignal: signal,
      forceKillAfterDelay: END_MS,
      killDescendants: true,
      encoding: "buffer",
      windowsHide: true,
    },
  );
  const end = (): void => void socket.destroy();
  signal.addEventListener("abort", end, { once: true });
  await Promise.allSettled([pipeline(socket, child.stdin), pipeline(child.stdout, socket)]);
  signal.removeEventListener("abort", end);
  const result = await child;
  if (!result.failed || result.isCanceled) return undefined;
  return Buffer.from(result.stderr).toString("utf8").trim() || result.shortMessage;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
