// The demo: the plan at the root of this project, built for six platforms into a registry on this machine, which is
// gone afterwards. `npm run demo` prepares the machine first.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "bin", "buildx-plan.js");
const running = new Set<ChildProcess>();
const PLAN_PORT = 5555;

// The children are ended first, and the registry's folder after them.
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    isInterrupted = true;
    for (const child of running) child.kill(signal);
  });

const folder = await mkdtemp(join(tmpdir(), "buildx-plan-demo-"));
try {
  process.exitCode = await demonstrate(folder);
} finally {
  for (const child of running) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}

async function demonstrate(data: string): Promise<number> {
  const port = await freePort(PLAN_PORT);
  await startRegistry(port, data);
  const registry = `localhost:${port}`;
  // The plan's own default is used if it can be.
  const set = port === PLAN_PORT ? [] : ["--set", `registry=${registry}`];
  const commands = [
    { heading: "Before: what is built, and where", argv: ["plan", ...set] },
    { heading: "Before: what would go wrong", argv: ["check", ...set] },
    { heading: "Build, push, verify, test, stitch, then move the tags", argv: ["build", ...set] },
    { heading: "After: what the tag holds", argv: ["inspect", `${registry}/demo/hello:latest`] },
    { heading: "After: is inside what the label says?", argv: ["verify", `${registry}/demo/hello:latest`] },
  ];
  for (const { heading, argv } of commands) {
    const status = await show(heading, argv);
    if (status !== 0) return status;
  }
  process.stdout.write(
    `\n${headline("Your own project: paste this in the folder of its Dockerfile")}\n${ownProject()}\n`,
  );
  return 0;
}

async function show(heading: string, argv: readonly string[]): Promise<number> {
  const command = styleText("dim", `$ buildx-plan ${argv.join(" ")}`, { stream: process.stdout });
  process.stdout.write(`\n${headline(heading)}\n${command}\n`);
  const child = spawn(process.execPath, [program, ...argv], { cwd: root, stdio: "inherit" });
  running.add(child);
  const status = await new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? 130));
  });
  running.delete(child);
  return isInterrupted ? 130 : status;
}

function headline(text: string): string {
  return styleText("bold", text, { stream: process.stdout });
}

function ownProject(): string {
  const plan = [
    "version: 1",
    "images:",
    "  app:",
    "    platforms: [linux/amd64, linux/arm64]",
    "    tags: [registry.example/you/app:dev]",
    "",
  ];
  return `printf '${plan.join("\\n")}' >buildx-plan.yaml && ${program} plan`;
}

async function startRegistry(port: number, data: string): Promise<void> {
  const configuration = join(data, "registry.yaml");
  await writeFile(
    configuration,
    [
      "version: 0.1",
      "log: { level: error, accesslog: { disabled: true } }",
      `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(data, "data"))} } }`,
      `http: { addr: "127.0.0.1:${port}" }`,
    ].join("\n"),
  );
  // It logs every question that it answers with no as an error: of interest only where it does not start.
  const log = await open(join(data, "registry.log"), "w");
  const child = spawn("docker-registry", ["serve", configuration], { stdio: ["ignore", log.fd, log.fd] });
  await log.close();
  running.add(child);
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`it ended with status ${code}`)));
  });
  // Later it ends when we end it.
  ended.catch(() => undefined);
  try {
    await Promise.race([answers(`http://127.0.0.1:${port}/v2/`), ended]);
  } catch (error) {
    process.stderr.write(await readFile(join(data, "registry.log"), "utf8"));
    throw new Error("the demo's registry did not start", { cause: error });
  }
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (
      await fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    )
      return;
    await sleep(50);
  }
  throw new Error(`${url} does not answer`);
}

/** The wished port, or any other where that one is taken. */
async function freePort(wished: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", () => (wished === 0 ? reject(new Error("no free port")) : resolve(freePort(0))));
    server.listen(wished, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : wished;
      server.close(() => resolve(port));
    });
  });
}
