import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { carryOut } from "../../cli/carry-out.ts";
import { withJoined } from "../../cli/joined.ts";
import { harmlessFor } from "../../cli/render/ci-commands.ts";
import type { Shell } from "../../cli/shell.ts";
import type { BuildKit, BuildResult, SolveFailure, SolveRequest } from "../../core/buildkit/buildkit.ts";
import type { SolveStatus } from "../../core/buildkit/status.ts";
import type { CiKind } from "../../core/ci/run.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Route } from "../../core/route/route.ts";
import { formatPlatform } from "../../platforms/platform.ts";
import { elfFile } from "./elf-file.ts";
import type { FakeRegistry } from "./fake-registry.ts";
import { addImage, packImage, type TestImage } from "./images.ts";
import { node } from "./make.ts";
import { folderWith, load, planOf } from "./plan.ts";
import { fakeRegistry } from "./registry-rig.ts";
import { digest } from "./run-events.ts";
import { shellIn } from "./shell.ts";
import { tarBytes } from "./tar-bytes.ts";

/** What a job of a CI wrote: its log as the CI gets it, and the files of the step. */
export interface JobOutput {
  readonly exitCode: number;
  /** Escape sequences are spelled out. */
  readonly log: string;
  readonly stdout: string;
  readonly summary: string;
  readonly outputs: string;
}

/** A solve of a steered BuildKit: the status that it reports, each with the second at which it comes, and what becomes of it. */
export interface Script {
  readonly status: readonly (readonly [second: number, status: Partial<SolveStatus>])[];
  readonly end: { readonly image: TestImage } | { readonly failure: SolveFailure };
}

/** A job: the files of the checkout, and what each platform's build does, one after the other. */
export interface JobOfTest {
  readonly dockerfile: string;
  readonly plan: (host: string) => string;
  readonly scripts: Readonly<Record<string, Script>>;
}

const START_MS = 1_700_000_000_000;

/** Carries `build` out in a job of this CI, all but reaching a builder: the very code behind the command, on a registry in memory. */
export async function runJob(kind: CiKind, job: JobOfTest): Promise<JobOutput> {
  const fake = await fakeRegistry();
  const files = { ".git/HEAD": "ref: refs/heads/main\n", Dockerfile: job.dockerfile };
  const folder = await folderWith({ ...files, "buildx-plan.yaml": job.plan(fake.host) });
  const plan = planOf(await load("buildx-plan.yaml", folder));
  const machine = node("managed", ["linux/amd64"], ["linux/arm64"], {
    maxParallelism: 1,
    // Whose emulators nobody here can name.
    local: false,
  });
  const routes = plan.releases.flatMap(({ variants }) =>
    variants.map((variant): Route => ({
      variant,
      node: machine,
      execution: executionOf(variant.platform.architecture),
    })),
  );
  let nowMs = START_MS;
  const written = await openShell(kind, folder, () => nowMs);
  const buildkit = steered(job.scripts, fake, {
    setSecond: (second) => void (nowMs = START_MS + second * 1000),
    // Only then is the next one let on, so that no time of the first is told by the clock of the second.
    isDone: (platform) => new RegExp(`app ${platform}\\]?:? built in `).test(written.log()),
  });
  const session = { plan, routes, refused: [], lost: [], buildkit: { ...buildkit, nodes: [machine] } };
  const options = { destination: { kind: "registries" }, progress: "auto" } as const;
  const exitCode = await carryOut(
    withJoined(session, () => false),
    options,
    written.shell,
  );
  return { exitCode, ...(await written.read([fake.host, folder])) };
}

function executionOf(architecture: string): Route["execution"] {
  return architecture === "amd64" ? "native" : "emulated";
}

/** A shell whose streams come together as a runner sees them, made harmless as the program does. */
async function openShell(kind: CiKind, folder: string, now: () => number) {
  const state = join(folder, "state");
  await mkdir(state);
  const file = (name: string): string => join(state, name);
  for (const name of ["summary", "outputs"]) await writeFile(file(name), "");
  const env = {
    XDG_CACHE_HOME: file("cache"),
    XDG_STATE_HOME: file("records"),
    GITHUB_STEP_SUMMARY: file("summary"),
    GITHUB_OUTPUT: file("outputs"),
  };
  const { shell, stdout } = shellIn(kind, folder, { env });
  const chunks: string[] = [];
  const write = (text: string): void => void chunks.push(text);
  const harmless = harmlessFor(kind);
  const stderr = {
    ...shell.stderr,
    write: (text: string): void => write(harmless(text)),
    columns: () => 200,
  };
  const port = shell.ci === undefined ? {} : { ci: { ...shell.ci, command: write } };
  const own: Shell = {
    ...shell,
    now,
    stderr: { ...stderr, stream: Object.assign(process.stderr) },
    ...port,
  };
  const read = async (names: readonly [host: string, folder: string]) => {
    const safe = (text: string): string => named(text, names);
    return {
      log: safe(chunks.join("")).replaceAll("\u001b", "<ESC>").replaceAll("\r", "<CR>"),
      stdout: safe(stdout()),
      summary: safe(await readFile(file("summary"), "utf8")),
      outputs: safe(await readFile(file("outputs"), "utf8")).replaceAll(/end-[-0-9a-f]{36}/g, "<end>"),
    };
  };
  return { shell: own, read, log: () => chunks.join("") };
}

/** What is different in each run has a name. */
function named(text: string, [host, folder]: readonly [host: string, folder: string]): string {
  return text
    .replaceAll(host, "registry.example")
    .replaceAll(folder, "<checkout>")
    .replaceAll(/\d{8}T\d{6}Z-[0-9a-f]{6}/g, "<time>");
}

function steered(
  scripts: JobOfTest["scripts"],
  fake: FakeRegistry,
  steering: {
    readonly setSecond: (second: number) => void;
    readonly isDone: (platform: string) => boolean;
  },
): Omit<BuildKit, "nodes"> {
  return {
    solve: async (
      { platform, image }: SolveRequest,
      onStatus,
    ): Promise<Result<BuildResult, SolveFailure>> => {
      const name = formatPlatform(platform);
      const script = scripts[name];
      if (script === undefined) throw new Error(`no script for ${name}`);
      const names = Object.keys(scripts);
      const before = names.slice(0, names.indexOf(name));
      while (!before.every(steering.isDone)) await new Promise((resolve) => setImmediate(resolve));
      for (const [second, status] of script.status) {
        steering.setSecond(second);
        onStatus({ vertexes: [], logs: [], warnings: [], ...status });
      }
      const { end } = script;
      if ("failure" in end) return { ok: false, error: end.failure };
      for (const { path } of image.kind === "push" ? image.repositories : []) addImage(fake, path, end.image);
      return ok({ digest: end.image.manifest.descriptor.digest });
    },
    lint: async () => ok([]),
    isAlive: async () => true,
    close: async () => undefined,
  };
}

/** Numbers of processors in programs (ELF). */
const MACHINES: Readonly<Record<string, number>> = { amd64: 62, arm64: 183 };

/** An image that starts `/server`, a program for this CPU. Nothing in it is compressed, so that it is the same with every zlib. */
export function imageOf(architecture: string, program = architecture): TestImage {
  const server = elfFile({ machine: MACHINES[program] ?? 0 });
  const layer = gzipSync(tarBytes([{ name: "server", mode: 0o755, content: server }]), { level: 0 });
  const history = [{ created_by: "COPY server /server # buildkit" }];
  return packImage({ os: "linux", architecture, config: { Entrypoint: ["/server"] }, history }, [layer]);
}

/** A step that begins, prints and ends. */
export function stepOf(
  name: string,
  [from, to]: readonly [from: number, to: number],
  {
    lines = [],
    error,
    cached = false,
  }: { readonly lines?: readonly string[]; readonly error?: string; readonly cached?: boolean } = {},
): Script["status"] {
  const vertex = digest(name);
  const startedMs = START_MS + from * 1000;
  const begun = { digest: vertex, name, cached, startedMs };
  const ended = { ...begun, completedMs: START_MS + to * 1000, ...(error === undefined ? {} : { error }) };
  if (cached) return [[to, { vertexes: [ended] }]];
  return [
    [from, { vertexes: [begun] }],
    [from, { logs: lines.map((line) => ({ vertex, line })) }],
    [to, { vertexes: [ended] }],
  ];
}
