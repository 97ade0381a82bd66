import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

const BIN = fileURLToPath(new URL("../bin", import.meta.url));
const PACKAGE = new URL("../package.json", import.meta.url);

/** A program that says what it was started with, and `wait` ends by the signal that it gets. */
const PROGRAM = `
exports.main = async function main(argv, version) {
  console.log(JSON.stringify({ argv, version, node: process.versions.node, started: process.env.BUILDX_PLAN_STARTED }));
  if (argv[0] === "exit") process.exitCode = Number(argv[1]);
  if (argv[0] === "throw") throw new Error("a bug");
  if (argv[0] === "die") process.kill(process.pid, "SIGKILL");
  if (argv[0] !== "wait") return;
  const timer = setInterval(() => {}, 1000);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => {
      console.log(signal);
      process.exitCode = 130;
      clearInterval(timer);
    });
  console.log("waiting");
};`;

/** The package as it is installed, in a folder of its own. */
async function installed(files: { readonly program?: string | false; readonly node?: "here" | "above" }) {
  const folder = await mkdtemp(join(tmpdir(), "bin-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const root = join(folder, "node_modules", "buildx-plan");
  await cp(BIN, join(root, "bin"), { recursive: true });
  await copyFile(PACKAGE, join(root, "package.json"));
  // What makes any Node say that it is an old one; the Node that the launcher starts is told nothing.
  await writeFile(
    join(folder, "old.cjs"),
    "if (!process.env.BUILDX_PLAN_STARTED) Object.defineProperty(process.versions, 'node', { value: '20.20.2' });",
  );
  if (files.program !== false) {
    await mkdir(join(root, "dist"));
    await writeFile(join(root, "dist", "main.cjs"), files.program ?? PROGRAM);
    await writeFile(join(root, "dist", "part-1a2b.cjs"), "");
  }
  if (files.node !== undefined) {
    const bin = join(files.node === "here" ? root : folder, "node_modules", "node", "bin");
    await mkdir(bin, { recursive: true });
    await symlink(execPath, join(bin, "node"));
  }
  const start = (argv: readonly string[], as: "new" | "old" = "new"): ChildProcess =>
    spawn(
      execPath,
      [
        ...(as === "old" ? ["--require", join(folder, "old.cjs")] : []),
        join(root, "bin", "buildx-plan.js"),
        ...argv,
      ],
      { env: { PATH: "", HOME: folder }, stdio: ["ignore", "pipe", "pipe"] },
    );
  return { folder, start };
}

async function ended(child: ChildProcess) {
  const [stdout, stderr, [status, signal]] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
    once(child, "exit"),
  ]);
  return { stdout, stderr, status, signal };
}

async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(PACKAGE, "utf8"));
  return version;
}

test.each(["--version", "-V"])("%s needs neither the program nor a new Node", async (option) => {
  const { start } = await installed({ program: false });
  const version = `${await packageVersion()}\n`;
  await expect(ended(start([option], "old"))).resolves.toEqual({
    stdout: version,
    stderr: "",
    status: 0,
    signal: null,
  });
});

describe("on a new Node", () => {
  test("runs the program with its arguments and version", async () => {
    const { start } = await installed({});
    const { stdout, status } = await ended(start(["plan", "--json", "a b"]));
    expect(JSON.parse(stdout)).toMatchObject({
      argv: ["plan", "--json", "a b"],
      version: await packageVersion(),
    });
    expect(status).toBe(0);
  });

  test.each([
    [[], "help"],
    [["--help"], "help"],
    [["../up"], "help"],
    [["plan", "--json"], "plan"],
  ])("keeps the compiled code of %j in this user's own cache", async (argv, command) => {
    const { start, folder } = await installed({ program: `require("./part-1a2b.cjs");${PROGRAM}` });
    await expect(ended(start(argv))).resolves.toMatchObject({ status: 0 });
    const version = `${await packageVersion()}-node-${process.versions.node}`;
    const kept = join(folder, ".cache", "buildx-plan", "compile-cache", version, command);
    await expect(readdir(kept)).resolves.toEqual(["part-1a2b.cjs"]);
  });

  test("says that a checkout has to be built", async () => {
    const { start } = await installed({ program: false });
    const { stderr, status } = await ended(start(["plan"]));
    expect(stderr).toContain("npm run build");
    expect(status).toBe(5);
  });

  test("shows a bug of the program with its stack", async () => {
    const { start } = await installed({});
    const { stderr, status } = await ended(start(["throw"]));
    expect(stderr).toMatch(/Error: a bug\n\s+at Object\.main .*main\.cjs:5:34/);
    expect(status).toBe(1);
  });
});

describe("on an old Node", () => {
  test.each(["here", "above"] as const)("runs the program on the project's own Node (%s)", async (node) => {
    const { start } = await installed({ node });
    const { stdout, status } = await ended(start(["plan", "x"], "old"));
    const seen = JSON.parse(stdout);
    expect(seen).toMatchObject({ argv: ["plan", "x"], node: process.versions.node });
    expect(seen).not.toHaveProperty("started");
    expect(status).toBe(0);
  });

  test("gives back the exit status", async () => {
    const { start } = await installed({ node: "here" });
    await expect(ended(start(["exit", "3"], "old"))).resolves.toMatchObject({ status: 3, signal: null });
  });

  test("ends by the signal that the program ended by", async () => {
    const { start } = await installed({ node: "here" });
    await expect(ended(start(["die"], "old"))).resolves.toMatchObject({ status: null, signal: "SIGKILL" });
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("hands on %s", async (signal) => {
    const { start } = await installed({ node: "here" });
    const child = start(["wait"], "old");
    const result = ended(child);
    await new Promise<void>((resolve) =>
      child.stdout?.on("data", (chunk) => String(chunk).includes("waiting") && resolve()),
    );
    child.kill(signal);
    const { stdout, status } = await result;
    expect(stdout.trim().split("\n").at(-1)).toBe(signal);
    expect(status).toBe(130);
  });

  test("without another one says what is needed", async () => {
    const { start } = await installed({});
    const { stderr, status } = await ended(start(["plan"], "old"));
    expect(stderr).toContain("Node 22.19 or later is needed, and this is Node 20.20.2");
    expect(status).toBe(5);
  });

  test.each([
    ["22.18.9", 5],
    ["22.19.0", 0],
    ["24.0.0", 0],
    ["100.0.0", 0],
  ])("%s ends with %i where there is no other", async (version, status) => {
    const { start, folder } = await installed({});
    const change = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
    await writeFile(join(folder, "old.cjs"), change);
    await expect(ended(start(["plan"], "old"))).resolves.toMatchObject({ status });
  });

  test("does not start one old Node after another", async () => {
    const { folder } = await installed({ node: "here" });
    await writeFile(
      join(folder, "old.cjs"),
      "Object.defineProperty(process.versions, 'node', { value: '18.0.0' });",
    );
    const child = spawn(
      execPath,
      [join(folder, "node_modules", "buildx-plan", "bin", "buildx-plan.js"), "plan"],
      {
        env: { PATH: "", HOME: folder, NODE_OPTIONS: `--require ${join(folder, "old.cjs")}` },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const { stderr, status } = await ended(child);
    expect(stderr).toContain("this is Node 18.0.0");
    expect(status).toBe(5);
  });
});
