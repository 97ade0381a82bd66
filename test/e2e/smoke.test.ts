import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import type { BuildKit, Node } from "../../core/buildkit/buildkit.ts";
import { connectBuilders } from "../../core/buildkit/connect.ts";
import { openLayout } from "../../core/layout/open.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Repository } from "../../core/oci/reference.ts";
import type { Build } from "../../core/plan/build.ts";
import type { SmokeTest } from "../../core/plan/plan.ts";
import { confirmVariant } from "../../core/publish/confirm.ts";
import { openRegistry } from "../../core/registry/client.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Store } from "../../core/registry/store.ts";
import { runSmokeTest, type SmokeRun } from "../../core/smoke/smoke.ts";
import { build, platform, variant } from "../support/make.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { ROOT } from "../support/rig.ts";

const [HOST, FOREIGN] =
  process.arch === "arm64" ? ["linux/arm64", "linux/amd64"] : ["linux/amd64", "linux/arm64"];
const CPU: Readonly<Record<string, string>> = { "linux/amd64": "x86_64", "linux/arm64": "aarch64" };
const SCRATCH = `FROM scratch
ARG TARGETARCH
COPY busybox/\${TARGETARCH}/busybox /busybox
`;
const SYSTEM = `${SCRATCH.replace("/busybox\n", "/bin/busybox\n")}RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV COLOUR=blue
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["/bin/false"]
`;

let project: string;
let server: RealRegistry;
let registry: Registry;
let buildkit: BuildKit;
let node: Node;
let repository: Repository;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "smoke-"));
  await cp(join(ROOT, ".demo/busybox"), join(project, "busybox"), { recursive: true });
  server = await startRealRegistry();
  repository = { registry: server.host, path: "team/app" };
  registry = openRegistry({ env: {}, home: project, userAgent: "test", access: "write" });
  const { address, buildctl } = inject("buildkit");
  const connected = await connectBuilders({
    builders: [],
    chosen: address,
    reach: { buildctl, buildx: ["docker", "buildx"], env: process.env, signal: never() },
    startManaged: () => Promise.reject(new Error("not asked for")),
  });
  if (!connected.ok) throw new Error(JSON.stringify(connected.error));
  buildkit = connected.value;
  const [first] = buildkit.nodes;
  if (first === undefined) throw new Error("there is no node");
  node = first;
  return async () => {
    await Promise.all([buildkit.close(), registry.close(), server.close()]);
    await rm(project, { recursive: true, force: true });
  };
});

function never(): AbortSignal {
  return new AbortController().signal;
}

interface Image {
  readonly digest: Digest;
  readonly store: Store;
}

/** Builds an image and pushes it by digest, as a run does. */
async function pushed(dockerfile: string, onPlatform = HOST, changes: Partial<Build> = {}): Promise<Image> {
  const built = await buildkit.solve(
    {
      ...(await solve(dockerfile, onPlatform, changes)),
      image: { kind: "push", repositories: [repository] },
    },
    () => undefined,
    never(),
  );
  if (!built.ok || built.value.digest === undefined) throw new Error(JSON.stringify(built));
  const store = registry.store(repository);
  const wanted = {
    variant: "app",
    platform: platform(onPlatform),
    digest: built.value.digest,
    annotations: {},
  };
  const confirmed = await confirmVariant(store, wanted);
  if (!confirmed.ok) throw new Error(JSON.stringify(confirmed.error));
  return { digest: confirmed.value.manifest.digest, store };
}

async function solve(dockerfile: string, onPlatform: string, changes: Partial<Build> = {}) {
  const path = join(project, `Dockerfile.${Math.random()}`);
  await writeFile(path, dockerfile);
  const context = { kind: "local", path: project } as const;
  return { node, platform: platform(onPlatform), build: build({ context, dockerfile: path, ...changes }) };
}

interface Wish extends Partial<Omit<SmokeTest, "command">> {
  readonly image: Image;
  readonly on?: string;
  readonly repository?: Repository | undefined;
  readonly push?: Build["push"];
  readonly signal?: AbortSignal;
}

/** Runs a test, and answers with what came of it and all that it printed. */
async function smoke(command: readonly string[] | string, wish: Wish) {
  const { image, on = HOST, push = "builder", signal = never(), ...settings } = wish;
  const at = "repository" in wish ? wish.repository : repository;
  const printed: string[] = [];
  const run: SmokeRun = {
    route: {
      variant: variant(on, { build: build({ repositories: at === undefined ? [] : [at], push }) }),
      node,
      execution: on === HOST ? "native" : "emulated",
    },
    test: {
      command:
        typeof command === "string" ? { kind: "shell", line: command } : { kind: "exec", argv: command },
      timeoutMs: 120_000,
      exitCode: 0,
      location: { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } },
      ...settings,
    },
    source: { ...image, ...(at === undefined ? {} : { repository: at }) },
    buildkit,
    registries: [],
    onLine: (line) => printed.push(line),
    signal,
  };
  return { result: await runSmokeTest(run), printed };
}

describe("a command in an image", () => {
  test("runs as the image's user, in its folder and environment, and without its entrypoint", async () => {
    const image = await pushed(SYSTEM);
    const { result, printed } = await smoke("id -u; pwd; echo $COLOUR", { image });
    expect(result).toEqual({
      ok: true,
      value: { variant: `app ${HOST}`, command: "id -u; pwd; echo $COLOUR", execution: "native" },
    });
    expect(printed).toEqual(["1000", "/work", "blue"]);
  });

  test("runs each time, and not from the cache", async () => {
    const image = await pushed(SYSTEM);
    const runs = [
      await smoke(["/bin/echo", "here"], { image }),
      await smoke(["/bin/echo", "here"], { image }),
    ];
    expect(runs.map(({ printed }) => printed)).toEqual([["here"], ["here"]]);
  });

  test("needs nothing in the image but the program", async () => {
    const image = await pushed(SCRATCH);
    const { result, printed } = await smoke(["/busybox", "echo", "from scratch"], { image });
    expect(result.ok).toBe(true);
    expect(printed).toEqual(["from scratch"]);
  });

  test("runs emulated for another CPU", async () => {
    const image = await pushed(SYSTEM, FOREIGN);
    const { result, printed } = await smoke(["/bin/uname", "-m"], { image, on: FOREIGN });
    expect(result).toMatchObject({ ok: true, value: { execution: "emulated" } });
    expect(printed).toEqual([CPU[FOREIGN]]);
  });

  test("does not carry out what the image has for images built upon it", async () => {
    const image = await pushed(`${SYSTEM}ONBUILD RUN touch /tmp/made; exit 1\n`);
    const { result, printed } = await smoke("id -u; ls /tmp/made 2>&1 || true", { image });
    expect(result.ok).toBe(true);
    expect(printed).toEqual(["1000", "ls: /tmp/made: No such file or directory"]);
  });
});

describe("what is expected", () => {
  test("an exit code that is not 0 fails, with what was printed", async () => {
    const image = await pushed(SYSTEM);
    const { result } = await smoke("echo good; echo bad >&2; exit 7", { image });
    expect(result).toEqual({
      ok: false,
      error: {
        kind: "test-failed",
        variant: `app ${HOST}`,
        command: "echo good; echo bad >&2; exit 7",
        node: node.name,
        execution: "native",
        reason: "exit-code",
        exitCode: 7,
        expected: { exitCode: 0, timeoutMs: 120_000 },
        log: expect.toSatisfy((log: string[]) => log.toSorted().join() === "bad,good"),
      },
    });
  });

  test("another exit code may be expected, and then 0 fails", async () => {
    const image = await pushed(SYSTEM);
    expect((await smoke("exit 7", { image, exitCode: 7 })).result.ok).toBe(true);
    expect((await smoke("exit 0", { image, exitCode: 7 })).result).toMatchObject({
      error: { kind: "test-failed", reason: "exit-code", exitCode: 0 },
    });
  });

  test("a program that is not there did not end with the code that was expected", async () => {
    const image = await pushed(SCRATCH);
    const { result } = await smoke(["/missing"], { image, exitCode: 1 });
    expect(result).toMatchObject({
      error: { reason: "exit-code", detail: expect.stringContaining('exec: "/missing"') },
    });
    expect(result).not.toHaveProperty("error.exitCode");
  });

  test("a text is looked for in all of the output", async () => {
    const image = await pushed(SYSTEM);
    const command = "echo version 1.2; seq 2000";
    expect((await smoke(command, { image, output: "version 1.2\n1\n" })).result.ok).toBe(true);
    const { result } = await smoke(command, { image, output: "version 1.3" });
    expect(result).toMatchObject({
      error: { reason: "output", exitCode: 0, expected: { output: "version 1.3" } },
    });
  });

  test("a text in the output of a command that fails as expected", async () => {
    const image = await pushed(SYSTEM);
    const wish = { image, exitCode: 2, output: "usage" };
    expect((await smoke("echo usage: app; exit 2", wish)).result.ok).toBe(true);
    expect((await smoke("echo nothing; exit 2", wish)).result).toMatchObject({ error: { reason: "output" } });
  });

  test("output that BuildKit leaves out is told of", async () => {
    const image = await pushed(SYSTEM);
    const { result } = await smoke("yes | head -c 4000000; echo late", { image, output: "late" });
    expect(result).toMatchObject({
      error: { reason: "output", detail: "BuildKit has left out a part of what it printed" },
    });
  });

  test("a command that goes on for too long is ended", async () => {
    const image = await pushed(SYSTEM);
    // Long enough for BuildKit to begin with it.
    const { result } = await smoke("echo begun; sleep 600", { image, timeoutMs: 10_000 });
    expect(result).toMatchObject({
      error: { kind: "test-failed", reason: "timeout", log: ["begun"], expected: { timeoutMs: 10_000 } },
    });
    expect(result).not.toHaveProperty("error.detail");
  });

  test("an interruption ends it", async () => {
    const image = await pushed(SYSTEM);
    const stop = new AbortController();
    const running = smoke("sleep 600", { image, signal: stop.signal });
    stop.abort();
    expect((await running).result).toMatchObject({
      ok: false,
      error: { kind: expect.stringMatching(/cancelled$/) },
    });
  });

  test("an image that is not there is no failed test", async () => {
    const image = { ...(await pushed(SYSTEM)) };
    const elsewhere = { ...repository, path: "team/other" };
    const { result } = await smoke("true", { image, repository: elsewhere });
    expect(result).toMatchObject({
      error: { kind: "solve-refused", message: expect.stringContaining("its test could not be run") },
    });
  });
});

describe("the text of a command stays what it is", () => {
  const HOSTILE = [
    "",
    "--security=insecure",
    "a b",
    "line\nbreak",
    "carriage\rreturn",
    "tab\t",
    "<<END",
    "<<-'END'\nRUN id\nEND",
    "# escape=`",
    "back\\",
    "\\\\",
    "\\\n",
    "$PATH ${PATH:-x} $(id) `id` %PATH%",
    `"],"RUN id`,
    "'single'",
    '"double"',
    "\u001b[2J\u0007\u007f\u0001",
    "\u2028\u2029\u0085\ufeff",
    "ünïcode 😀 \u{10ffff}",
    "*",
    "~",
    "{{.}}",
  ];

  test("every argument arrives byte for byte", async () => {
    const image = await pushed(SYSTEM);
    const show = `/bin/hexdump -v -e '1/1 "%02x"' /proc/$$/cmdline; echo`;
    const argv = ["/bin/sh", "-c", show, "name", ...HOSTILE];
    const { result, printed } = await smoke(argv, { image });
    expect(result.ok).toBe(true);
    const bytes = Buffer.from(printed[0] ?? "", "hex");
    expect(bytes.toString("utf8")).toBe(argv.map((each) => `${each}\0`).join(""));
  });

  test.each([
    "--security=insecure id",
    '["/bin/echo","exec form"]',
    "cat <<END",
    "END",
    "# escape=`",
    "FROM scratch",
    "ends with \\",
    "$PATH ${PATH} $$ `id` %PATH%",
    `'single' "double"`,
    "tab\there \u2028 ünïcode 😀",
  ])("a line is what the shell gets: %s", async (line) => {
    expect(await shellGets(line)).toBe(line);
  });

  test("a line may be as long as a plan allows", async () => {
    const line = "x".repeat(10_000);
    expect(await shellGets(line)).toBe(line);
  });

  /** The image's shell prints what it is given. */
  async function shellGets(line: string): Promise<string | undefined> {
    const image = await pushed(`${SYSTEM}SHELL ["/bin/printf", "<%s>"]\n`);
    const { printed } = await smoke(line, { image });
    return /^<(.*)\n>$/s.exec(printed.join("\n"))?.[1];
  }
});

describe("an image that BuildKit cannot fetch", () => {
  test("is handed to it where this program has pushed it", async () => {
    const image = await pushed(SYSTEM);
    // Nobody could fetch it from there.
    const unreachable = { registry: "registry.invalid", path: "team/app" };
    const { result, printed } = await smoke("id -u", { image, push: "client", repository: unreachable });
    expect(result.ok).toBe(true);
    expect(printed).toEqual(["1000"]);
  });

  test("is handed to it where it is in a layout", async () => {
    const solved = await buildkit.solve(
      { ...(await solve(SYSTEM, FOREIGN)), image: { kind: "layout" } },
      () => undefined,
      never(),
    );
    if (!solved.ok || solved.value.digest === undefined || solved.value.file === undefined)
      throw new Error(JSON.stringify(solved));
    const { digest, file } = solved.value;
    const layout = await openLayout(file.path);
    if (!layout.ok) throw new Error(JSON.stringify(layout.error));
    const image = { digest, store: layout.value.store };
    const { result, printed } = await smoke("uname -m", { image, on: FOREIGN, repository: undefined });
    expect(result.ok).toBe(true);
    expect(printed).toEqual([CPU[FOREIGN]]);
    await layout.value.close();
    await file.remove();
  });
});
