import { randomUUID } from "node:crypto";
import type { BuildBench } from "./build.ts";
import { hold } from "./contest.ts";
import { run } from "./measure.ts";
import { crane, imagetools, oras, regctl } from "./peers.ts";
import type { Row } from "./table.ts";

const ROUNDS = 9;
const LATENCIES = [0, 50];

interface Child {
  readonly platform: string;
  readonly digest: string;
}

/** Six pushed manifests and one tag or three, by a command of its own. */
export async function benchStitch(bench: BuildBench): Promise<Row[]> {
  const { repository, children } = await pushSix(bench);
  const rows: Row[] = [];
  for (const latency of LATENCIES)
    for (const count of [1, 3]) rows.push(await stitchCase(bench, repository, children, { latency, count }));
  bench.proxy.setLatency(0);
  return rows;
}

async function stitchCase(
  bench: BuildBench,
  repository: string,
  children: readonly Child[],
  { latency, count }: { readonly latency: number; readonly count: number },
): Promise<Row> {
  bench.proxy.setLatency(latency);
  const tags = (): string[] => Array.from({ length: count }, newTag);
  const digests = children.map(({ digest }) => digest);
  const references = digests.map((digest) => `${repository}@${digest}`);
  const ours = children.map(({ platform, digest }) => `${platform}=${repository}@${digest}`);
  return await hold({
    what: `stitch six, ${count === 1 ? "one tag" : "three tags"}, ${latency} ms per request`,
    rounds: ROUNDS,
    requests: bench.proxy.requests,
    ours: () => {
      const flags = tags().flatMap((tag) => ["--tag", `${repository}:${tag}`]);
      return [{ argv: [process.execPath, bench.bin, "stitch", ...ours, ...flags] }];
    },
    peers: [
      {
        name: "`oras manifest index create`",
        commands: () => [
          oras(
            "manifest",
            "index",
            "create",
            "--plain-http",
            `${repository}:${tags().join(",")}`,
            ...digests,
          ),
        ],
      },
      {
        name: count === 1 ? "`crane index append`" : "`crane index append`, `crane tag` twice",
        commands: () => {
          const [first = "", ...more] = tags();
          const children = references.flatMap((each) => ["--manifest", each]);
          return [
            crane("index", "append", ...children, "--tag", `${repository}:${first}`),
            ...more.map((tag) => crane("tag", `${repository}:${first}`, tag)),
          ];
        },
      },
      {
        name: "`docker buildx imagetools create`",
        commands: () => [
          imagetools(
            bench,
            "create",
            ...tags().flatMap((tag) => ["--tag", `${repository}:${tag}`]),
            ...references,
          ),
        ],
      },
    ],
    limit: { requests: count === 1 ? 7 : 9, ...(latency === 50 && count === 1 ? { seconds: 0.3 } : {}) },
  });
}

/** What platforms a tag has. */
export async function benchList(bench: BuildBench): Promise<Row[]> {
  const { repository } = await pushSix(bench);
  const tag = `${repository}:pushed`;
  const rows: Row[] = [];
  for (const latency of LATENCIES) {
    bench.proxy.setLatency(latency);
    const row = await hold({
      what: `list the platforms of a tag, ${latency} ms per request`,
      rounds: ROUNDS,
      requests: bench.proxy.requests,
      ours: () => [{ argv: [process.execPath, bench.bin, "inspect", "--platforms", tag] }],
      peers: [
        { name: "`oras manifest fetch`", commands: () => [oras("manifest", "fetch", "--plain-http", tag)] },
        {
          name: "`regctl manifest get`",
          commands: () => [regctl([bench.proxy.host], "manifest", "get", tag)],
        },
        { name: "`crane manifest`", commands: () => [crane("manifest", tag)] },
        { name: "`docker buildx imagetools inspect`", commands: () => [imagetools(bench, "inspect", tag)] },
      ],
      limit: { requests: 1 },
    });
    rows.push(row);
  }
  bench.proxy.setLatency(0);
  return rows;
}

/** One more tag for what another tag names. */
export async function benchRetag(bench: BuildBench): Promise<Row[]> {
  const { repository } = await pushSix(bench);
  const from = `${repository}:pushed`;
  const rows: Row[] = [];
  for (const latency of LATENCIES) {
    bench.proxy.setLatency(latency);
    const row = await hold({
      what: `retag, ${latency} ms per request`,
      rounds: ROUNDS,
      requests: bench.proxy.requests,
      ours: () => [{ argv: [process.execPath, bench.bin, "copy", from, `${repository}:${newTag()}`] }],
      peers: [
        { name: "`oras tag`", commands: () => [oras("tag", "--plain-http", from, newTag())] },
        { name: "`crane tag`", commands: () => [crane("tag", from, newTag())] },
        {
          name: "`regctl image copy`",
          commands: () => [regctl([bench.proxy.host], "image", "copy", from, `${repository}:${newTag()}`)],
        },
      ],
      limit: { requests: 2 },
    });
    rows.push(row);
  }
  bench.proxy.setLatency(0);
  return rows;
}

function newTag(): string {
  return `t-${randomUUID()}`;
}

/** Without provenance, so that each child is a plain manifest, as in the published figures of the peers. */
async function pushSix(
  bench: BuildBench,
): Promise<{ readonly repository: string; readonly children: readonly Child[] }> {
  const repository = `${bench.proxy.host}/stitch-${randomUUID()}`;
  const plan = `version: 1
images:
  app:
    context: ./fixtures/demo
    contexts: { busybox: ./.demo/busybox }
    attest: { provenance: false }
    platforms: [linux/amd64, linux/arm64, linux/arm/v7, linux/386, linux/ppc64le, linux/s390x]
    tags: ["${repository}:pushed"]
`;
  const argv = [bench.bin, "build", "-f", "-", "--builder", bench.daemon, "--progress", "quiet", "--json"];
  const report = await run({ argv: [process.execPath, ...argv], cwd: bench.root, stdin: plan });
  const { variants }: { variants: Child[] } = JSON.parse(report);
  return { repository, children: variants };
}
