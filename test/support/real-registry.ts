import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { findTool } from "../../core/host/tools.ts";
import { listen, stop } from "./fake-registry.ts";

/** The programs that the product is tried against. */
export type RegistryServer = "distribution-2" | "distribution-3" | "olareg" | "zot";

/** A running registry with a storage of its own. */
export interface RealRegistry {
  /** host:port, plain HTTP. */
  readonly host: string;
  /** Its own: what it stores is below `data`. */
  readonly folder: string;
  close(): Promise<void>;
}

export interface RealRegistryOptions {
  /** Debian's docker-registry (distribution 2.8) where nothing else is said. */
  readonly server?: RegistryServer;
  /** The lines of an htpasswd file (bcrypt): the registry's logins. */
  readonly htpasswd?: string;
  /** distribution only: keeps nothing on disk, which makes writing many times faster. */
  readonly inMemory?: boolean;
  /** distribution only: false for a registry that removes nothing, as it is where its settings do not say otherwise. */
  readonly deletes?: boolean;
  /** olareg only: false for a registry that does not know the referrers API, so that clients write fallback tags. */
  readonly referrers?: boolean;
  /** olareg only: sent as `Warning` headers with every answer. */
  readonly warnings?: readonly string[];
}

interface Place {
  readonly folder: string;
  readonly port: number;
}

/** How a program is started; `config`, if any, is written as `config.json` first. YAML is a superset of JSON. */
interface Launch {
  readonly program: string;
  readonly missing: string;
  readonly argv: readonly string[];
  readonly config?: object;
}

const LAUNCHES: Readonly<Record<RegistryServer, (place: Place, options: RealRegistryOptions) => Launch>> = {
  "distribution-2": (place, options) => ({
    program: "docker-registry",
    missing: "apt-get install docker-registry",
    ...distribution(place, options),
  }),
  "distribution-3": (place, options) => ({
    program: "registry",
    missing: "run the tests with `npm test`, which builds it",
    ...distribution(place, options),
  }),
  olareg,
  zot,
};

/**
 * Starts a registry on a free port of 127.0.0.1, deletion enabled where nothing else is said.
 * @throws with what to install where its program is not there
 */
export async function startRealRegistry(options: RealRegistryOptions = {}): Promise<RealRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-registry-"));
  const port = await freePort();
  const { program, missing, argv, config } = LAUNCHES[options.server ?? "distribution-2"](
    { folder, port },
    options,
  );
  if (options.htpasswd !== undefined) await writeFile(join(folder, "htpasswd"), options.htpasswd);
  if (config !== undefined) await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const path = findTool(program, process.env);
  if (path === undefined) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`${program} is missing: ${missing}`);
  }
  return await launch({ path, argv, host: `127.0.0.1:${port}`, folder });
}

async function launch({
  path,
  argv,
  host,
  folder,
}: {
  readonly path: string;
  readonly argv: readonly string[];
  readonly host: string;
  readonly folder: string;
}): Promise<RealRegistry> {
  const child = execa(path, argv, { all: true, reject: false, buffer: true, cwd: folder });
  const close = async (): Promise<void> => {
    child.kill();
    await child;
    await rm(folder, { recursive: true, force: true });
  };
  const ended = child.then(({ all }) => `it ended: ${all.slice(-2_000)}`);
  const problem = await Promise.race([ended, answers(host)]);
  if (problem === undefined) return { host, folder, close };
  await close();
  throw new Error(`${path} does not answer: ${problem}`);
}

function distribution({ folder, port }: Place, { htpasswd, inMemory, deletes }: RealRegistryOptions) {
  const auth = { htpasswd: { realm: "test", path: join(folder, "htpasswd") } };
  const storage =
    inMemory === true ? { inmemory: {} } : { filesystem: { rootdirectory: join(folder, "data") } };
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { ...storage, delete: { enabled: deletes ?? true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(htpasswd === undefined ? {} : { auth }),
  };
  return { argv: ["serve", join(folder, "config.json")], config };
}

/** @see https://github.com/olareg/olareg: what is not asked for is off, deletion included */
function olareg({ folder, port }: Place, { htpasswd, referrers, warnings }: RealRegistryOptions): Launch {
  if (htpasswd !== undefined) throw new Error("olareg reads no htpasswd file");
  return {
    program: "olareg",
    missing: "run the tests with `npm run test:registries`, which builds it",
    argv: [
      "serve",
      "--addr=127.0.0.1",
      `--port=${port}`,
      `--dir=${join(folder, "data")}`,
      "--api-delete",
      "--api-blob-delete",
      "--gc-frequency=-1s",
      `--api-referrer=${referrers ?? true}`,
      ...(warnings ?? []).map((warning) => `--warning=${warning}`),
    ],
  };
}

/** @see https://zotregistry.dev: the minimal program, which has no extensions */
function zot({ folder, port }: Place, { htpasswd }: RealRegistryOptions): Launch {
  const auth = { htpasswd: { path: join(folder, "htpasswd") } };
  return {
    program: "zot",
    missing: "put it on the PATH (https://zotregistry.dev) if `npm run test:registries` cannot build it",
    argv: ["serve", join(folder, "config.json")],
    config: {
      distSpecVersion: "1.1.1",
      // Docker's media types are refused without `compat`.
      http: {
        address: "127.0.0.1",
        port: String(port),
        compat: ["docker2s2"],
        ...(htpasswd === undefined ? {} : { auth }),
      },
      storage: { rootDirectory: join(folder, "data"), gc: false },
      log: { level: "warn" },
    },
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
