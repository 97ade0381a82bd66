import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { BuildKit, SolveFailure, SolveRequest } from "../../../core/buildkit/buildkit.ts";
import type { SolveStatus } from "../../../core/buildkit/status.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { openLayout } from "../../../core/layout/open.ts";
import type { Build, BuildContext } from "../../../core/plan/build.ts";
import type { RegistrySettings } from "../../../core/plan/plan.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { runSmokeTest, type SmokeRun } from "../../../core/smoke/smoke.ts";
import { makeImage, type TestImage } from "../../support/images.ts";
import { build, node, variant } from "../../support/make.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { digest } from "../../support/run-events.ts";

const location = { file: { path: "plan", text: "" }, range: { start: 0, end: 0 } };
const ONE = { registry: "one.example", path: "app" };
const TWO = { registry: "two.example", path: "app" };
const ARM = { os: "linux", architecture: "arm64" };
const STEP = "[2/2] RUN <<'END' (app --version)";

/** What BuildKit was asked for, with what was in the folders then. */
interface Asked {
  readonly request: SolveRequest;
  readonly dockerfile: string;
  readonly tested: BuildContext | undefined;
  /** The config of the image that was handed over as a layout. */
  readonly handedOver?: unknown;
}

interface World {
  readonly image?: TestImage;
  readonly build?: Partial<Build>;
  readonly registries?: readonly RegistrySettings[];
  readonly failure?: SolveFailure;
  readonly printed?: readonly string[];
}

/** Runs a test on a BuildKit that answers as told. */
async function smoke(world: World = {}) {
  const { image = makeImage(ARM), failure, printed = [], registries = [] } = world;
  const registry = memoryRegistry();
  registry.push(ONE, image);
  const on = node("arm", ["linux/arm64"]);
  const asked: Asked[] = [];
  const solve: BuildKit["solve"] = async (request, onStatus) => {
    asked.push(await look(request));
    onStatus(status(printed));
    return failure === undefined ? ok({}) : fail(failure);
  };
  const run: SmokeRun = {
    route: {
      variant: variant("linux/arm64", { build: build({ repositories: [ONE], ...world.build }) }),
      node: on,
      execution: "native",
    },
    test: { command: { kind: "shell", line: "app --version" }, timeoutMs: 1_000, exitCode: 0, location },
    source: { repository: ONE, digest: image.manifest.descriptor.digest, store: registry.store(ONE) },
    buildkit: { nodes: [on], solve, lint: notAsked, isAlive: async () => true, close: async () => undefined },
    registries,
    signal: new AbortController().signal,
  };
  return { result: await runSmokeTest(run), asked: asked[0], on, image };
}

const notAsked = (): Promise<never> => Promise.reject(new Error("nobody asked for this"));

async function look(request: SolveRequest): Promise<Asked> {
  const tested = request.build.contexts["tested"];
  const handedOver = tested?.kind === "oci-layout" ? { handedOver: await configIn(tested) } : {};
  return { request, dockerfile: readFileSync(request.build.dockerfile, "utf8"), tested, ...handedOver };
}

/** Reads the image of a layout, whole: every layer must be there. */
async function configIn({
  path,
  reference,
}: Extract<BuildContext, { kind: "oci-layout" }>): Promise<unknown> {
  const layout = await openLayout(path);
  if (!layout.ok || reference.kind !== "digest") throw new Error("no layout");
  const { store } = layout.value;
  const manifest = JSON.parse(textOf(await store.manifest(reference.digest)));
  for (const layer of manifest.layers) textOf(await store.blob(layer));
  return JSON.parse(textOf(await store.blob(manifest.config)));
}

function textOf(read: Result<Uint8Array | { readonly bytes: Uint8Array }, unknown>): string {
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return Buffer.from("bytes" in read.value ? read.value.bytes : read.value).toString();
}

function status(lines: readonly string[]): SolveStatus {
  const vertex: Digest = digest("step");
  return { vertexes: [], warnings: [], logs: lines.map((line) => ({ vertex, line })) };
}

/** A config with instructions for images that are built upon it. */
const WITH_TRIGGERS = { ...ARM, config: { User: "1000", OnBuild: ["RUN exit 1"] } };

test("BuildKit is asked to run it where the variant was built, and to make nothing", async () => {
  const registries = [{ registry: "other.example", insecure: true, location }];
  const { result, asked, on, image } = await smoke({ registries });
  expect(result.ok).toBe(true);
  expect(asked?.request).toMatchObject({
    node: on,
    platform: ARM,
    image: { kind: "none" },
    timeoutMs: 1_000,
    registries,
    build: { noCache: true, outputs: [], cacheTo: [], secrets: [], ssh: [], args: {} },
  });
  expect(asked?.dockerfile).toBe("FROM tested\nRUN <<'END'\napp --version\nEND\n");
  const url = `docker-image://one.example/app@${image.manifest.descriptor.digest}`;
  expect(asked?.tested).toEqual({ kind: "remote", url });
});

test.each<[string, World]>([
  ["this program pushes", { build: { push: "client" } }],
  [
    "BuildKit was told that the registry is insecure, for its push alone",
    { registries: [{ registry: "one.example", insecure: true, location }] },
  ],
  [
    "this program has copied it there",
    {
      build: { repositories: [TWO, ONE] },
      registries: [{ registry: "one.example", insecure: true, location }],
    },
  ],
])("the image is handed over where %s", async (_, world) => {
  const { result, asked } = await smoke(world);
  expect(result.ok).toBe(true);
  expect(asked?.tested?.kind).toBe("oci-layout");
  expect(asked?.handedOver).toMatchObject(ARM);
});

test("an image with triggers is handed over without them, and with all else", async () => {
  const { asked } = await smoke({ image: makeImage(WITH_TRIGGERS) });
  expect(asked?.handedOver).toEqual({
    ...ARM,
    config: { User: "1000" },
    rootfs: { type: "layers", diff_ids: [] },
  });
});

test.each<[string, World]>([
  ["passed", {}],
  ["failed", { failure: { kind: "step-failed", step: STEP, message: "no", exitCode: 1, log: [] } }],
])("nothing is left behind when it has %s", async (_, world) => {
  const { asked } = await smoke({ ...world, build: { push: "client" } });
  const folder = dirname(dirname(asked?.request.build.dockerfile ?? "/none"));
  expect(folder).not.toBe("/");
  expect(existsSync(folder)).toBe(false);
});

test.each<[string, SolveFailure, readonly string[], object]>([
  [
    "an exit code is that of the command",
    { kind: "step-failed", step: STEP, message: "exit code: 3", exitCode: 3, log: [] },
    ["sorry"],
    { kind: "test-failed", reason: "exit-code", exitCode: 3, log: ["sorry"], node: "arm" },
  ],
  [
    "a command without an exit code was ended by something else",
    { kind: "step-failed", step: STEP, message: "cannot allocate memory", log: [] },
    [],
    { kind: "test-failed", reason: "exit-code", detail: "cannot allocate memory" },
  ],
  [
    "a failed step that is not the command is no failed test",
    { kind: "step-failed", step: "[context tested] load metadata", message: "not found", log: [] },
    [],
    {
      kind: "solve-refused",
      message: "its test could not be run: [context tested] load metadata: not found",
    },
  ],
  [
    "time that ran out before the command began",
    { kind: "solve-timed-out", timeoutMs: 1_000, step: "[context tested] load metadata" },
    [],
    { kind: "test-failed", reason: "timeout", detail: "it was still being prepared, and had not begun" },
  ],
  [
    "a node that is lost is no failed test",
    { kind: "node-lost", node: "arm", detail: "gone" },
    [],
    { kind: "node-lost" },
  ],
])("%s", async (_, failure, printed, expected) => {
  const { result } = await smoke({ failure, printed });
  expect(result).toMatchObject({ ok: false, error: expected });
});

test("time that ran out while the command ran needs no more words", async () => {
  const { result } = await smoke({
    failure: { kind: "solve-timed-out", timeoutMs: 1_000, step: STEP },
    printed: ["begun"],
  });
  expect(result).toMatchObject({ error: { kind: "test-failed", reason: "timeout", log: ["begun"] } });
  expect(result).not.toHaveProperty("error.detail");
});

test.each([
  'runc run failed: unable to start container process: exec: "/app": stat /app: no such file or directory',
  "executable file `app` not found: No such file or directory",
  "exec /app: exec format error",
  ".buildkit_qemu_emulator: /app: Invalid ELF image for this architecture",
])("a program that could not be started has no exit code: %s", async (line) => {
  const failure = { kind: "step-failed", step: STEP, message: "", exitCode: 1, log: [] } as const;
  const { result } = await smoke({ failure, printed: [line] });
  expect(result).toMatchObject({ error: { reason: "exit-code", detail: line } });
  expect(result).not.toHaveProperty("error.exitCode");
});
