import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRealRegistry } from "../test/support/real-registry.ts";
import type { BuildBench } from "./build.ts";
import { hold, type Contender } from "./contest.ts";
import { writeLayout } from "./layout.ts";
import { peakMemory, run, type Command } from "./measure.ts";
import { crane, imagetools, oras, regctl, skopeoCopy } from "./peers.ts";
import type { Row } from "./table.ts";

const SIX = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];
const MIB = 2 ** 20;

/** A copy under way: from a name to a new name. */
type Copy = (source: string, destination: string) => Command;

/** An index of six platforms with their attestations (13 manifests, 19 blobs), to another repository of its registry. */
export async function benchCopy(bench: BuildBench): Promise<Row[]> {
  const source = await pushAttested(bench);
  const digest = await digestOf(source);
  const rows: Row[] = [];
  for (const latency of [0, 50])
    for (const { what, flags, peers } of promotions(bench)) {
      bench.proxy.setLatency(latency);
      const destinations = new Destinations(bench.proxy.host);
      const row = await hold({
        what: `${what}, ${latency} ms per request`,
        rounds: 5,
        requests: bench.proxy.requests,
        ours: () => [ours(bench, ...flags)(source, destinations.next())],
        peers: peers.map((peer) => contender(peer, source, destinations)),
        limit: { requests: 45, ...(latency === 50 ? { seconds: 0.8 } : {}) },
      });
      bench.proxy.setLatency(0);
      await destinations.check(digest);
      rows.push(row);
    }
  return rows;
}

/** Without referrers as all peers do it, and with them as those that can. */
function promotions(
  bench: BuildBench,
): readonly { readonly what: string; readonly flags: readonly string[]; readonly peers: readonly Peer[] }[] {
  const { host } = bench.proxy;
  const plain: readonly Peer[] = [
    { name: "`regctl image copy`", copy: (from, to) => regctl([host], "image", "copy", from, to) },
    { name: "`crane copy`", copy: (from, to) => crane("copy", from, to) },
    { name: "`oras cp`", copy: orasCopy },
    {
      name: "`docker buildx imagetools create`",
      copy: (from, to) => imagetools(bench, "create", "--tag", to, from),
    },
    {
      name: "`skopeo copy --all`",
      copy: (from, to) => skopeoCopy(bench, `docker://${from}`, `docker://${to}`),
    },
  ];
  const withReferrers: readonly Peer[] = [
    {
      name: "`regctl image copy --referrers`",
      copy: (from, to) => regctl([host], "image", "copy", "--referrers", from, to),
    },
    {
      name: "`oras cp --recursive`",
      copy: (from, to) => oras("cp", "--recursive", "--from-plain-http", "--to-plain-http", from, to),
    },
  ];
  const what = "copy six platforms with attestations";
  return [
    { what: `${what}, \`--no-referrers\``, flags: ["--no-referrers"], peers: plain },
    { what: `${what} and all that refers to them`, flags: [], peers: withReferrers },
  ];
}

/** Large blobs from one registry to another, and the memory that one blob of 2 GiB costs. */
export async function benchAcross(bench: BuildBench): Promise<Row[]> {
  const [first, second] = await Promise.all([startRealRegistry(), startRealRegistry()]);
  const hosts = [first.host, second.host];
  const peers: readonly Peer[] = [
    { name: "`regctl image copy`", copy: (from, to) => regctl(hosts, "image", "copy", from, to) },
    { name: "`crane copy`", copy: (from, to) => crane("copy", from, to) },
    { name: "`oras cp`", copy: orasCopy },
    {
      name: "`skopeo copy --all`",
      copy: (from, to) => skopeoCopy(bench, `docker://${from}`, `docker://${to}`),
    },
  ];
  try {
    const large = { architectures: ["amd64"], layers: 3, layerBytes: 128 * MIB };
    return [
      await withLayout(large, async (layout) => {
        const source = `${first.host}/large:latest`;
        await run(crane("push", layout, source));
        const destinations = new Destinations(second.host);
        const row = await hold({
          what: "copy 3 x 128 MiB from registry to registry",
          rounds: 5,
          bytes: large.layers * large.layerBytes,
          ours: () => [ours(bench, "--no-referrers")(source, destinations.next())],
          peers: peers.map((peer) => contender(peer, source, destinations)),
          limit: { ratio: 1 },
        });
        await destinations.check(await digestOf(source));
        return row;
      }),
      await memoryRow(bench, peers, { from: first.host, to: second.host }),
    ];
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}

async function memoryRow(
  bench: BuildBench,
  peers: readonly Peer[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<Row> {
  const huge = { architectures: ["amd64"], layers: 1, layerBytes: 2 ** 31 };
  return await withLayout(huge, async (layout) => {
    const source = `${from}/huge:latest`;
    await run(crane("push", layout, source));
    const destinations = new Destinations(to);
    const peak = async (copy: Copy): Promise<number> => await peakMemory(copy(source, destinations.next()));
    const own = await peak(ours(bench, "--no-referrers"));
    const others: string[] = [];
    for (const { name, copy } of peers) others.push(`${name}: ${Math.round(await peak(copy))} MB`);
    await destinations.check(await digestOf(source));
    return {
      what: "memory for a blob of 2 GiB from registry to registry",
      ours: `${Math.round(own)} MB`,
      against: others.join("<br>"),
      ratio: "-",
      limit: "<= 150 MB",
      holds: own <= 150,
    };
  });
}

/** An OCI layout of six platforms, 50 MB each, to a registry. */
export async function benchLayout(bench: BuildBench): Promise<Row[]> {
  const registry = await startRealRegistry();
  const six = {
    architectures: ["amd64", "arm64", "arm", "386", "ppc64le", "s390x"],
    layers: 1,
    layerBytes: 50 * MIB,
  };
  try {
    const row = await withLayout(six, async (layout) => {
      const destinations = new Destinations(registry.host);
      const contest = await hold({
        what: "push a layout of 6 x 50 MiB",
        rounds: 5,
        bytes: six.architectures.length * six.layerBytes,
        ours: () => [ours(bench)(`oci-layout://${layout}:latest`, destinations.next())],
        peers: [
          { name: "`crane push`", commands: () => [crane("push", layout, destinations.next())] },
          {
            name: "`skopeo copy --all`",
            commands: () => [skopeoCopy(bench, `oci:${layout}:latest`, `docker://${destinations.next()}`)],
          },
          {
            name: "`regctl image copy`",
            commands: () => [
              regctl([registry.host], "image", "copy", `ocidir://${layout}:latest`, destinations.next()),
            ],
          },
          {
            name: "`oras cp`",
            commands: () => [
              oras("cp", "--from-oci-layout", "--to-plain-http", `${layout}:latest`, destinations.next()),
            ],
          },
        ],
        limit: { ratio: 1 },
      });
      const { manifests } = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
      await destinations.check(String(manifests[0].digest));
      return contest;
    });
    return [row];
  } finally {
    await registry.close();
  }
}

interface Peer {
  readonly name: string;
  readonly copy: Copy;
}

function contender({ name, copy }: Peer, source: string, destinations: Destinations): Contender {
  return { name, commands: () => [copy(source, destinations.next())] };
}

function ours(bench: BuildBench, ...flags: readonly string[]): Copy {
  return (from, to) => ({ argv: [process.execPath, bench.bin, "copy", from, to, ...flags] });
}

const orasCopy: Copy = (from, to) => oras("cp", "--from-plain-http", "--to-plain-http", from, to);

/** Names that nobody has written to; in the end each must hold the right thing, whoever it was. */
class Destinations {
  readonly #host: string;
  readonly #used: string[] = [];

  constructor(host: string) {
    this.#host = host;
  }

  next(): string {
    const name = `${this.#host}/copy-${randomUUID()}:latest`;
    this.#used.push(name);
    return name;
  }

  async check(digest: string): Promise<void> {
    for (const name of this.#used) {
      const actual = await digestOf(name);
      if (actual !== digest) throw new Error(`${name} is ${actual}, not ${digest}`);
    }
  }
}

async function digestOf(name: string): Promise<string> {
  return (await run(crane("digest", name))).trim();
}

/** A layer of its own for each platform, and the attestation that provenance makes. */
async function pushAttested(bench: BuildBench): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bench-copy-"));
  const name = `${bench.proxy.host}/promote-${randomUUID()}:latest`;
  try {
    for (const platform of SIX) {
      const [, ...slug] = platform.split("/");
      await writeFile(join(folder, slug.join("")), randomBytes(50 * MIB));
    }
    const dockerfile =
      "FROM scratch\nARG TARGETARCH\nARG TARGETVARIANT\nCOPY ${TARGETARCH}${TARGETVARIANT} /data\n";
    await writeFile(join(folder, "Dockerfile"), dockerfile);
    const plan = `version: 1\nimages:\n  app:\n    platforms: [${SIX.join(", ")}]\n    tags: ["${name}"]\n`;
    await writeFile(join(folder, "buildx-plan.yaml"), plan);
    const argv = [bench.bin, "build", "--builder", bench.daemon, "--progress", "quiet"];
    await run({ argv: [process.execPath, ...argv], cwd: folder });
    return name;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withLayout<T>(
  options: Parameters<typeof writeLayout>[1],
  use: (layout: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "bench-layout-"));
  try {
    await writeLayout(folder, options);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
