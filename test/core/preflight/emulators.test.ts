import { expect, test } from "vitest";
import { hostPlatform } from "../../../cli/host-platform.ts";
import { checkPlatforms } from "../../../core/host/doctor.ts";
import type { Finding } from "../../../core/host/finding.ts";
import { checkHost, type PreflightHost } from "../../../core/preflight/emulators.ts";
import type { Route } from "../../../core/route/route.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { node, variant } from "../../support/make.ts";
import { daemonRig } from "../../support/stand-in-daemon.ts";

const { signal } = new AbortController();

/** A host on which programs for s390x do not run, with a disk as it is given. */
function host(disk: Finding = { check: "disk", state: "ok", detail: "90 GB free" }) {
  const tried: string[] = [];
  const given: PreflightHost = {
    tryPlatforms: async (platforms) =>
      platforms.map((platform) => {
        const name = formatPlatform(platform);
        tried.push(name);
        return name === "linux/s390x"
          ? {
              check: `platform ${name}`,
              state: "problem",
              detail: "no emulator is registered",
              mend: "install it",
            }
          : { check: `platform ${name}`, state: "ok", detail: "fine" };
      }),
    tryDisk: async () => [disk],
  };
  return { ...given, tried };
}

function route(platform: string, changes: Partial<Route> = {}): Route {
  const built = variant(platform);
  return { variant: built, node: node("local", ["linux/amd64"]), execution: "emulated", ...changes };
}

test("a platform whose programs do not run here is an error, with the command that mends it", async () => {
  const world = host();
  const routes = [route("linux/arm64"), route("linux/s390x"), route("linux/s390x")];
  expect(await checkHost(routes, world, signal)).toEqual({
    findings: [
      {
        rule: "emulator-missing",
        severity: "error",
        message:
          "programs for linux/s390x do not run on this machine, where local is to build it under emulation: no emulator is registered",
        location: variant("linux/s390x").location,
        fix: "Run: install it",
      },
    ],
    looked: 2,
    leftOut: [],
  });
  expect(world.tried).toEqual(["linux/arm64", "linux/s390x"]);
});

test("it is a warning where the plan can do without", async () => {
  const optional = variant("linux/s390x", { required: false });
  const { findings } = await checkHost([route("linux/s390x", { variant: optional })], host(), signal);
  expect(findings.map(({ severity }) => severity)).toEqual(["warning"]);
});

test("what is on this machine is really tried", async () => {
  const own = `linux/${hostPlatform().architecture}`;
  const { options } = await daemonRig();
  const real: PreflightHost = {
    ...host(),
    tryPlatforms: async (platforms) =>
      await checkPlatforms({ ...options, host: hostPlatform(), platforms, signal }),
  };
  expect(await checkHost([route(own)], real, signal)).toEqual({ findings: [], looked: 1, leftOut: [] });
});

test("nothing is tried for other machines, nor for what is not emulated", async () => {
  const elsewhere = route("linux/s390x", { node: node("there", ["linux/amd64"], [], { local: false }) });
  const native = route("linux/s390x", { execution: "native" });
  const world = host();
  expect(await checkHost([elsewhere, native], world, signal)).toEqual({
    findings: [],
    looked: 0,
    leftOut: [],
  });
  expect(world.tried).toEqual([]);
});

test("where nothing can be written, that is said instead", async () => {
  const detail = "nothing can be written below /cache";
  const nowhere: PreflightHost = {
    ...host(),
    tryPlatforms: async () => [{ check: "cache", state: "problem", detail }],
  };
  expect(await checkHost([route("linux/s390x")], nowhere, signal)).toEqual({
    findings: [],
    looked: 0,
    leftOut: [`emulators were not tried: ${detail}`],
  });
});

test.each([
  ["managed", true, ["disk-low"]],
  ["managed", false, []],
  ["other", true, []],
])("little room, with builder %s, on this machine: %s", async (builder, local, rules) => {
  const disk: Finding = { check: "disk", state: "problem", detail: "0.4 GB free", mend: "prune" };
  const on = node(builder, ["linux/amd64"], [], { local });
  const { findings } = await checkHost(
    [route("linux/amd64", { node: on, execution: "native" })],
    host(disk),
    signal,
  );
  expect(findings.map(({ rule }) => rule)).toEqual(rules);
});
