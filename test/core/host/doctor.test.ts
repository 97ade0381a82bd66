import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostPlatform } from "../../../cli/host-platform.ts";
import { startManaged } from "../../../core/buildkit/managed.ts";
import { examine, type DoctorOptions } from "../../../core/host/doctor.ts";
import type { Finding } from "../../../core/host/finding.ts";
import { addProgram, daemonRig, type DaemonRig } from "../../support/stand-in-daemon.ts";

/** A host on which all is well: BuildKit and runc on the PATH, nothing else. */
async function healthyHost(): Promise<DaemonRig> {
  const rig = await daemonRig();
  await addProgram(rig, "buildctl", "echo buildctl github.com/moby/buildkit v0.33.1");
  await unlink(join(rig.programs, "runc"));
  await addProgram(rig, "runc", "echo runc version 1.1.5");
  return rig;
}

/** What is found, by check. The stand-in for buildkitd is no program that tells a version. */
async function findings(
  rig: DaemonRig,
  change: Partial<DoctorOptions> = {},
): Promise<Readonly<Record<string, Finding>>> {
  await addProgram(rig, "buildkitd", "echo buildkitd github.com/moby/buildkit v0.33.1");
  const found = await examine({
    ...rig.options,
    host: hostPlatform(),
    nodeVersion: "24.21.0",
    platforms: [hostPlatform()],
    registries: [],
    ping: () => Promise.resolve(undefined),
    usesManaged: true,
    binfmtFolder: join(rig.programs, "no-binfmt"),
    ...change,
  });
  return Object.fromEntries(found.map((finding) => [finding.check, finding]));
}

const PLATFORM = `platform linux/${hostPlatform().architecture}`;

describe("examine", () => {
  test("finds a host well, in a fixed order", async () => {
    const rig = await healthyHost();
    const found = await findings(rig, { registries: ["ghcr.io"] });
    expect(Object.keys(found)).toEqual([
      "node",
      "buildkit",
      "managed",
      "runc",
      "buildx",
      PLATFORM,
      "registry ghcr.io",
      "disk",
    ]);
    for (const check of ["node", "buildkit", "managed", "runc", PLATFORM, "registry ghcr.io"])
      expect(found[check]).toMatchObject({ state: "ok" });
    expect(found["runc"]?.detail).toBe(`runc 1.1.5 (${join(rig.programs, "runc")})`);
    expect(found["managed"]?.detail).toBe("it is not running; the next build starts it");
  });

  test("sees the managed daemon run", async () => {
    const rig = await healthyHost();
    await startManaged(rig.options);
    const found = await findings(rig);
    expect(found["managed"]?.detail).toMatch(/^BuildKit 0\.33\.1 runs as process \d+$/);
  });

  test.each([
    ["22.18.0", "problem"],
    ["22.19.0", "ok"],
    ["20.20.2", "problem"],
  ])("Node %s: %s", async (nodeVersion, state) => {
    expect((await findings(await healthyHost(), { nodeVersion }))["node"]).toMatchObject({ state });
  });

  test("names what installs BuildKit where there is none", async () => {
    const rig = await healthyHost();
    await unlink(join(rig.programs, "buildctl"));
    const found = await findings(rig);
    expect(found["buildkit"]).toMatchObject({
      state: "problem",
      detail: expect.stringContaining("not on the PATH: buildctl"),
      mend: "buildx-plan setup",
    });
  });

  test("what the managed daemon lacks is a problem only for those who use it", async () => {
    const rig = await healthyHost();
    await unlink(join(rig.programs, "runc"));
    const needed = await findings(rig);
    const optional = await findings(rig, { usesManaged: false });
    for (const check of ["managed", "runc"]) {
      expect(needed[check]).toMatchObject({ state: "problem", mend: "apt-get install -y runc" });
      expect(optional[check]).toMatchObject({ state: "warning" });
    }
  });

  test("knows the docker CLI's buildx and one that stands alone", async () => {
    const rig = await healthyHost();
    expect((await findings(rig))["buildx"]).toMatchObject({
      state: "warning",
      mend: "buildx-plan setup --buildx",
    });
    await addProgram(rig, "buildx", "echo github.com/docker/buildx v0.37.2");
    expect((await findings(rig))["buildx"]).toMatchObject({
      state: "ok",
      detail: expect.stringContaining("0.37.2"),
    });
    await addProgram(
      rig,
      "docker",
      '[ "$1 $2" = "buildx version" ] && echo github.com/docker/buildx v0.12.1',
    );
    expect((await findings(rig))["buildx"]).toMatchObject({
      state: "warning",
      detail: expect.stringContaining("0.12.1"),
    });
  });

  test("says what is wrong with a registry, and what mends it", async () => {
    const refusal = { detail: "it refuses connections", mend: "docker login b.example" };
    const found = await findings(await healthyHost(), {
      registries: ["a.example", "b.example"],
      ping: (registry) => Promise.resolve(registry === "b.example" ? refusal : undefined),
    });
    expect(found["registry a.example"]).toMatchObject({ state: "ok" });
    expect(found["registry b.example"]).toMatchObject({ state: "problem", ...refusal });
  });
});
