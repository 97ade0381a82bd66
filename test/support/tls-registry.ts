import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { findTool } from "../../core/host/tools.ts";

/** An authority of the test's own, with what it vouches for: paths of PEM files. */
export interface Authority {
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority, a server's certificate for these addresses, and a client's. */
export async function makeAuthority(addresses: readonly string[]): Promise<Authority> {
  const folder = await temporaryFolder();
  const file = (name: string): string => join(folder, name);
  const openssl = async (argv: readonly string[]): Promise<void> => {
    const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"];
    await execa("openssl", ["req", "-x509", ...fresh, ...argv]);
  };
  await openssl(["-subj", "/CN=test authority", "-keyout", file("ca.key"), "-out", file("ca.pem")]);
  const sign = async (name: string, extensions: readonly string[]): Promise<Certificate> => {
    const [cert, key] = [file(`${name}.pem`), file(`${name}.key`)];
    const added = ["basicConstraints=critical,CA:FALSE", ...extensions].flatMap((each) => ["-addext", each]);
    const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key")];
    await openssl(["-subj", `/CN=${name}`, ...signer, ...added, "-keyout", key, "-out", cert]);
    return { cert, key };
  };
  const names = addresses.map((address) => `IP:${address}`).join(",");
  return {
    ca: file("ca.pem"),
    server: await sign("server", [`subjectAltName=${names}`, "extendedKeyUsage=serverAuth"]),
    client: await sign("client", ["extendedKeyUsage=clientAuth"]),
  };
}

/** An address of this machine that is not loopback, so that no rule for loopback can apply to it. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = all.find(({ internal, family }) => !internal && family === "IPv4");
  if (found === undefined) throw new Error("This test needs a network interface besides loopback");
  return found.address;
}

/** Starts docker-registry at this address until the test ends; `tls` with the clients' authority wants their certificates. */
export async function startRegistryAt(
  address: string,
  tls?: Certificate & { readonly clientAuthority?: string },
): Promise<string> {
  const program = findTool("docker-registry", process.env);
  if (program === undefined) throw new Error("docker-registry is missing: apt-get install docker-registry");
  const folder = await temporaryFolder();
  const port = await freePort(address);
  const asks = tls?.clientAuthority === undefined ? {} : { clientcas: [tls.clientAuthority] };
  const secure = tls === undefined ? {} : { tls: { certificate: tls.cert, key: tls.key, ...asks } };
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: `${address}:${port}`, ...secure },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  const child = execa(program, ["serve", join(folder, "config.json")], { all: true, reject: false });
  onTestFinished(async () => {
    child.kill();
    await child;
  });
  const ended = child.then(({ all }) => all.slice(-2_000));
  const problem = await Promise.race([ended, listens(address, port)]);
  if (problem !== undefined) throw new Error(`docker-registry does not answer: ${problem}`);
  return `${address}:${port}`;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === "string") throw new Error("Internal error: no port");
  return bound.port;
}

async function listens(address: string, port: number): Promise<string | undefined> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, address, () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (connected) return undefined;
    await sleep(20);
  }
  return "no answer within 20 s";
}
