import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findTool } from "../core/host/tools.ts";
import { startFaultProxy } from "../test/support/fault-proxy.ts";
import { startDaemon } from "../test/support/daemon.ts";
import { startRealRegistry } from "../test/support/real-registry.ts";
import { testTool } from "../test/support/tools.ts";
import { benchBuild, type BuildBench } from "./build.ts";
import { benchAcross, benchCopy, benchLayout } from "./copy.ts";
import { benchHandOver } from "./hand-over.ts";
import { benchInputs } from "./inputs.ts";
import { benchPipeline } from "./pipeline.ts";
import { benchStartup } from "./startup.ts";
import { benchSchedule } from "./schedule.ts";
import { benchList, benchRetag, benchStitch } from "./stitch.ts";
import { markdown, type Row } from "./table.ts";
import { benchCheck, benchVerify } from "./verify.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** `npm run bench [startup|schedule|stitch|list|retag|copy|across|layout|verify|check|inputs|hand-over|pipeline|build ...]`: everything side by side in this one run, medians, the machine named. */
async function main(only: readonly string[]): Promise<void> {
  const daemon = await startDaemon();
  const registry = await startRealRegistry();
  const proxy = await startFaultProxy(registry.host);
  const buildx = await testTool("buildx");
  const dockerConfig = await dockerWithPlugin(buildx);
  const bench: BuildBench = {
    bin: join(ROOT, "bin/buildx-plan.js"),
    root: ROOT,
    buildctl: daemon.buildctl,
    buildx,
    buildxCommand: findTool("docker", process.env) === undefined ? [buildx] : ["docker", "buildx"],
    dockerConfig,
    scratch: join(dockerConfig, "scratch"),
    daemon: daemon.address,
    proxy: { host: proxy.host, setLatency: (ms) => proxy.setLatency(ms), requests: () => proxy.log().length },
  };
  const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
    startup: () => benchStartup(bench.bin, daemon.address),
    schedule: () => benchSchedule(),
    stitch: () => benchStitch(bench),
    list: () => benchList(bench),
    retag: () => benchRetag(bench),
    copy: () => benchCopy(bench),
    across: () => benchAcross(bench),
    layout: () => benchLayout(bench),
    verify: () => benchVerify(bench),
    check: () => benchCheck(bench),
    inputs: () => benchInputs(),
    "hand-over": () => benchHandOver(bench),
    pipeline: () => benchPipeline(bench),
    build: () => benchBuild(bench),
  };
  try {
    console.log(
      `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}\n`,
    );
    const rows: Row[] = [];
    for (const [name, part] of Object.entries(parts)) {
      if (only.length > 0 && !only.includes(name)) continue;
      console.error(`bench: ${name} ...`);
      rows.push(...(await part()));
    }
    console.log(markdown(rows));
  } finally {
    await proxy.close();
    await registry.close();
    await daemon.stop();
    await rm(dockerConfig, { recursive: true });
  }
}

/** The pinned buildx as the docker CLI's plugin, beside whatever the user has. */
async function dockerWithPlugin(buildx: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bench-docker-"));
  await mkdir(join(folder, "cli-plugins"));
  await symlink(buildx, join(folder, "cli-plugins", "docker-buildx"));
  return folder;
}

await main(process.argv.slice(2));
