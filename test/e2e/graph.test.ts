import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Rig } from "../support/rig.ts";

// Images that are built from other images of the same plan, platform by platform.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

const BASE = `FROM scratch
ARG TARGETARCH
ARG FAIL=0
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "exit $FAIL"]
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;
const APP = `FROM base
ARG KIND=none
RUN ["/bin/busybox", "sh", "-c", "echo $KIND on $(/bin/busybox cat /machine) > /app"]
`;

function planText(name: string, { base = "", app = "" } = {}): string {
  return `version: 1
images:
  app:
    dockerfile: app.Dockerfile
    contexts: { base: image:base }
    platforms: [linux/amd64, linux/arm64]
    tags: ["${registry.host}/${name}/app:1"]
${app}  base:
    dockerfile: base.Dockerfile
    contexts: { busybox: ./busybox }
    platforms: [linux/amd64, linux/arm64]
    tags: ["${registry.host}/${name}/base:1"]
${base}`;
}

async function project(text: string): Promise<Rig> {
  const rig = await openRig({ "base.Dockerfile": BASE, "app.Dockerfile": APP, "buildx-plan.yaml": text });
  await addBusybox(rig);
  return rig;
}

const digestOf = async (name: string): Promise<string | undefined> =>
  await openAuditor(registry.host).digestOf(name, "1");

test("each platform is built from the very image that its own platform of the other has become", async () => {
  const rig = await project(planText("graph/pushed"));
  const ran = await rig.build("--progress", "plain");
  expect(ran).toMatchObject({ exitCode: 0 });
  const layers = async (name: string): Promise<readonly string[]> => {
    const shown = await rig.run(["inspect", `${registry.host}/graph/pushed/${name}:1`, "--json"]);
    const { platforms } = JSON.parse(shown.stdout);
    return platforms.map(({ layers: [first] }: { layers: readonly { digest: string }[] }) => first?.digest);
  };
  const [base, app] = [await layers("base"), await layers("app")];
  expect(base).toHaveLength(2);
  expect(app).toEqual(base);
  expect(new Set(base).size).toBe(2);
});

test("where the base of one platform fails, that platform waits for nothing, and says why; the others are finished", async () => {
  const base = '    args: { FAIL: "${platform.architecture}" }\n';
  const rig = await project(planText("graph/failed", { base }));
  await rig.write({ "base.Dockerfile": BASE.replace("exit $FAIL", '[ \\"$FAIL\\" != arm64 ]') });
  const ran = await rig.build("--progress", "plain");
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toContain(
    "[app linux/arm64] not built: it is built from base linux/arm64, which is not there",
  );
  expect(ran.stderr).toMatch(/\[app linux\/amd64\] built in/);
  expect(await digestOf("graph/failed/app")).toBeUndefined();
  expect(await digestOf("graph/failed/base")).toBeUndefined();
});

test("a change of the base makes everything that is built from it anew, and nothing else is taken for it", async () => {
  const more = { base: "    reuse: unchanged\n", app: "    reuse: unchanged\n" };
  const rig = await project(planText("graph/reused", more));
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  const before = await digestOf("graph/reused/app");
  const same = await rig.build("--progress", "json");
  expect(same.stderr).not.toContain('"kind":"variant-started"');
  await rig.write({ "base.Dockerfile": `${BASE}RUN ["/bin/busybox", "touch", "/more"]\n` });
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  expect(await digestOf("graph/reused/app")).not.toBe(before);
});

test("a cell of a matrix is built from the cell that agrees with it", async () => {
  const matrix = "    matrix: { kind: [small, large] }\n";
  const text = planText("graph/matrix", {
    base: `${matrix}    labels: { kind: "\${matrix.kind}" }\n`,
    app: `${matrix}    args: { KIND: "\${matrix.kind}" }\n`,
  })
    .replace("app:1", "app:1-${matrix.kind}")
    .replace("base:1", "base:1-${matrix.kind}");
  const rig = await project(text);
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  for (const kind of ["small", "large"]) {
    const shown = await rig.run(["inspect", `${registry.host}/graph/matrix/app:1-${kind}`, "--json"]);
    expect(shown.exitCode).toBe(0);
  }
});

test.each([
  ["a layout", ["--output", "type=oci,dest=out.tar"]],
  ["files", ["--output", "out"]],
])("what goes to %s is built from what is in no registry", async (_, argv) => {
  const rig = await project(planText("graph/local"));
  const ran = await rig.build(...argv);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(await digestOf("graph/local/app")).toBeUndefined();
  if (!argv.includes("out")) return;
  const machines = await Promise.all(
    ["linux_amd64", "linux_arm64"].map(
      async (folder) => await readFile(join(rig.directory, "out", "app", folder, "app"), "utf8"),
    ),
  );
  expect(machines).toEqual(["none on x86_64\n", "none on aarch64\n"]);
});

test("push: client: the builder pulls nothing from the registry, and all is pushed by us", async () => {
  const rig = await project(
    planText("graph/client", { base: "    push: client\n", app: "    push: client\n" }),
  );
  expect(await rig.build()).toMatchObject({ exitCode: 0 });
  expect(await digestOf("graph/client/app")).toBeDefined();
});
