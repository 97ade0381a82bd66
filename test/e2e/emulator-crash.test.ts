import { beforeAll, expect, inject, test } from "vitest";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Ran, type Rig } from "../support/rig.ts";

// Programs that crash or hang under the real QEMU, in builds of the real program.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

async function project(name: string, run: string, more = ""): Promise<Rig> {
  const rig = await openRig({
    Dockerfile: `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "${run}"]
`,
    "buildx-plan.yaml": `version: 1
images:
  app:
    contexts: { busybox: ./busybox }
    platforms: [linux/amd64, linux/s390x]
    tags: ["${registry.host}/${name}:1"]
${more}`,
  });
  await addBusybox(rig);
  return rig;
}

function startsOf({ stderr }: Ran, variant: string): number {
  return stderr.split("\n").filter((line) => line.startsWith(`[${variant}] started on `)).length;
}

async function build(rig: Rig): Promise<Ran> {
  return await rig.run(["build", "--builder", inject("buildkit").address, "--progress", "plain"]);
}

// The shell lives on and passes its child's end on, so that BuildKit hears of it at once.
const CRASH = "[ $(/bin/busybox uname -m) = x86_64 ] || { /bin/busybox sh -c 'kill -SEGV $$'; exit 139; }";

test("a crash is tried once more, told in one line with its cause, and stops no other platform", async () => {
  const rig = await project("crash/once", CRASH);
  const ran = await build(rig);
  expect(ran.exitCode).toBe(1);
  expect(startsOf(ran, "app linux/s390x")).toBe(2);
  expect(startsOf(ran, "app linux/amd64")).toBe(1);
  expect(ran.stderr).toMatch(/^error: app linux\/s390x: a program crashed under QEMU [^\n]*SIGSEGV/m);
  expect(ran.stderr).toMatch(/^\[app linux\/amd64\] built in /m);
  expect(await openAuditor(registry.host).digestOf("crash/once", "1")).toBeUndefined();
});

test("as often as the plan says, and not at all where it says so", async () => {
  const rig = await project("crash/never", CRASH, "    retries: 0\n");
  expect(startsOf(await build(rig), "app linux/s390x")).toBe(1);
  await rig.write({ Dockerfile: "FROM scratch\nCOPY Dockerfile /file\n" });
  expect(await build(rig)).toMatchObject({ exitCode: 0 });
});

test("a step that hangs is ended when nothing was heard of it for as long as the plan allows", async () => {
  const hang = "[ $(/bin/busybox uname -m) = x86_64 ] || /bin/busybox sleep 600";
  const rig = await project("crash/hang", hang, "    stall: 3s\n    retries: 0\n");
  const ran = await build(rig);
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toContain("error: app linux/s390x: showed no sign of life for 3");
  expect(ran.stderr).toMatch(/^\[app linux\/amd64\] built in /m);
});
