import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { awaitWorkers, ownTraces, programs } from "./daemon.ts";
import type { Authority } from "./tls-registry.ts";

/** A buildkitd of a test's own, which ends with the test. */
export interface TestNode {
  readonly address: string;
  /** kill -9 of it and of all that it runs. */
  readonly kill: () => Promise<void>;
}

/** A network of its own: a namespace that a pair of interfaces joins to this machine. It is gone with the test. */
export interface TestNetwork {
  /** Our address on it. Whoever is in any network of the test reaches us by it. */
  readonly here: string;
  /** Address of those in it. */
  readonly there: string;
  /** What a command starts with to be run in it. */
  readonly enter: readonly string[];
  /** From now on packets are dropped both ways: nobody is told, as behind a firewall. */
  readonly cut: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

/** What ends with the process that it belongs to, however that ends: a killed test leaves no network and no daemon behind. */
const TIED = ["setpriv", "--pdeathsig", "KILL"];
/** Mounts and processes of a daemon and its steps are its own, so that none outlives a kill -9. */
const ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
const PORT = 1234;

/** Starts a daemon on a unix socket; with `network` on a port in that network, and with `authority` only its clients may talk to it. */
export async function startNode(
  options: { readonly network?: TestNetwork; readonly authority?: Authority } = {},
): Promise<TestNode> {
  const { buildctl, buildkitd } = await programs();
  const { network, authority } = options;
  const folder = await mkdtemp(join(tmpdir(), "node-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const address =
    network === undefined ? `unix://${join(folder, "buildkitd.sock")}` : `tcp://${network.there}:${PORT}`;
  const child = start([
    ...(network?.enter ?? []),
    ...TIED,
    ...ALONE,
    buildkitd,
    "--root",
    join(folder, "state"),
    "--addr",
    address,
    ...ownTraces(folder),
    ...(authority === undefined ? [] : serverFlags(authority)),
  ]);
  const kill = async (): Promise<void> => await end(child);
  onTestFinished(kill);
  const flags = authority === undefined ? [] : clientFlags(authority);
  await awaitWorkers(child, buildctl, ["--addr", address, ...flags]);
  return { address, kill };
}

function serverFlags({ ca, server }: Authority): readonly string[] {
  return ["--tlscacert", ca, "--tlscert", server.cert, "--tlskey", server.key];
}

function clientFlags({ ca, client }: Authority): readonly string[] {
  return ["--tlscacert", ca, "--tlscert", client.cert, "--tlskey", client.key];
}

let networks = 0;

/** Makes a network. It has a name and addresses that no other process has. @throws without root or iproute2 */
export async function openNetwork(): Promise<TestNetwork> {
  const [here, there] = freeAddresses();
  const device = `bp${process.pid}n${networks}`;
  // The namespace lives as long as this process, and that as long as its standard input is open.
  const holder = start([...TIED, "unshare", "--net", "sh", "-c", "echo ready; exec cat > /dev/null"]);
  onTestFinished(() => end(holder));
  await once(holder.stdout ?? holder, "data");
  const enter = ["nsenter", `--net=/proc/${holder.pid}/ns/net`];
  const ip = async (...argv: readonly string[]): Promise<void> => void (await execa("ip", argv));
  const ipThere = async (...argv: readonly string[]): Promise<void> =>
    void (await execa("nsenter", [...enter.slice(1), "ip", ...argv]));
  await ip("link", "add", device, "type", "veth", "peer", "name", "out", "netns", String(holder.pid));
  // A socket that still has something to send would keep the namespace, and with it this end, for minutes.
  onTestFinished(() => ip("link", "delete", device));
  await ip("address", "add", `${here}/30`, "dev", device);
  await ip("link", "set", device, "up");
  await ipThere("address", "add", `${there}/30`, "dev", "out");
  await ipThere("link", "set", "lo", "up");
  await ipThere("link", "set", "out", "up");
  await ipThere("route", "add", "default", "via", here);
  const nobody = ["lladdr", "02:00:00:00:00:01", "nud", "permanent"];
  return {
    here,
    there,
    enter,
    // Frames to a hardware address that nobody has: no module of the kernel is needed for it, and no firewall.
    cut: async () => {
      await ip("neighbour", "replace", there, ...nobody, "dev", device);
      await ipThere("neighbour", "replace", here, ...nobody, "dev", "out");
    },
    mend: async () => {
      await ip("neighbour", "delete", there, "dev", device);
      await ipThere("neighbour", "delete", here, "dev", "out");
    },
  };
}

/** Two addresses of a block of four in 198.18.0.0/15, which is for tests of networks (RFC 2544). */
function freeAddresses(): readonly [here: string, there: string] {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address)),
  );
  for (;;) {
    const block = (process.pid * 16 + networks) % 32_768;
    networks += 1;
    const at = (host: number): string =>
      `198.${18 + (block >> 14)}.${(block >> 6) & 255}.${((block & 63) << 2) + host}`;
    if (!taken.has(at(1))) return [at(1), at(2)];
  }
}

function start([program = "", ...argv]: readonly string[]): ChildProcess {
  return spawn(program, argv, { stdio: ["pipe", "pipe", "pipe"] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
