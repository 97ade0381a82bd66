import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { listen, stop } from "./fake-registry.ts";

const BINARY = "/usr/bin/docker-registry";

/** A running docker-registry with a storage of its own. */
export interface RealRegistry {
  /** host:port, plain HTTP. */
  readonly host: string;
  close(): Promise<void>;
}

/**
 * Starts Debian's docker-registry on a free port of 127.0.0.1, with the lines of an htpasswd file (bcrypt) as its logins if
 * any are given. Fails with what to install where it is not there.
 */
export async function startRealRegistry(options: { readonly htpasswd?: string } = {}): Promise<RealRegistry> {
  await access(BINARY).catch(() => {
    throw new Error(`${BINARY} is missing: apt-get install docker-registry`);
  });
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  if (options.htpasswd !== undefined) await writeFile(join(folder, "htpasswd"), options.htpasswd);
  await writeFile(join(folder, "config.json"), JSON.stringify(config(folder, host, options)));
  const child = execa(BINARY, ["serve", join(folder, "config.json")], {
    all: true,
    reject: false,
    buffer: true,
  });
  const close = async (): Promise<void> => {
    child.kill();
    await child;
    await rm(folder, { recursive: true, force: true });
  };
  const ended = child.then(({ all }) => `it ended: ${all.slice(-2_000)}`);
  const problem = await Promise.race([ended, answers(host)]);
  if (problem === undefined) return { host, close };
  await close();
  throw new Error(`${BINARY} does not answer: ${problem}`);
}

// YAML is a superset of JSON, so no YAML has to be written by hand.
function config(folder: string, host: string, { htpasswd }: { readonly htpasswd?: string }): object {
  const auth = { htpasswd: { realm: "test", path: join(folder, "htpasswd") } };
  return {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr: host },
    ...(htpasswd === undefined ? {} : { auth }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await stop(server);
  return port;
}

async function answers(host: string): Promise<string | undefined> {
  const deadlineMs = Date.now() + 20_000;
  while (Date.now() < deadlineMs) {
    const status = await fetch(`http://${host}/v2/`).then(
      (response) => response.status,
      () => undefined,
    );
    if (status === 200 || status === 401) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return "no answer within 20 s";
}
