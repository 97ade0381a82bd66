import { describe, expect, test } from "vitest";
import { remedyFor } from "../../../core/buildkit/daemon-diagnosis.ts";
import {
  daemonCommand,
  daemonConfiguration,
  daemonEnvironment,
  daemonFiles,
  settingsDigest,
} from "../../../core/buildkit/daemon-settings.ts";
import { cachePaths } from "../../../core/host/paths.ts";

const files = daemonFiles(cachePaths({ XDG_CACHE_HOME: '/c "x"' }, "/home/ann"), "/run/s.sock");

describe("daemonConfiguration", () => {
  test("is TOML with our own folders, sockets and limits", () => {
    expect(daemonConfiguration(files, "0.33.1").split("\n")).toEqual([
      'root = "/c \\"x\\"/buildx-plan/buildkit/root"',
      "[grpc]",
      'address = ["unix:///run/s.sock"]',
      "[otel]",
      'socketPath = "/run/otel.sock"',
      "[system]",
      'platformsCacheMaxAge = "10s"',
      "[worker.oci]",
      "enabled = true",
      "gc = true",
      'reservedSpace = "2GB"',
      'maxUsedSpace = "20GB"',
      'minFreeSpace = "10%"',
      "[worker.containerd]",
      "enabled = false",
      "",
    ]);
  });

  test.each(["0.13.0", "0.16.9", "unknown"])("asks %s for nothing that it does not know", (version) => {
    const text = daemonConfiguration(files, version);
    for (const key of ["otel", "system", "reservedSpace"]) expect(text).not.toContain(key);
    expect(text).toContain("gc = true");
  });
});

test("without root, rootlesskit runs the daemon", () => {
  const daemon = ["/b/buildkitd", "--config", files.configuration];
  expect(daemonCommand("/b/buildkitd", files, undefined)).toEqual(daemon);
  const rootless = daemonCommand("/b/buildkitd", files, "/usr/bin/rootlesskit");
  expect(rootless.slice(0, 4)).toEqual(["/usr/bin/rootlesskit", ...daemon]);
  expect(rootless).toContain("--oci-worker-no-process-sandbox");
});

test("the daemon gets proxies and folders, and nothing that may be a secret", () => {
  const env = {
    PATH: "/p",
    HOME: "/h",
    https_proxy: "http://proxy",
    AWS_SECRET_ACCESS_KEY: "x",
    DOCKER_CONFIG: "/d",
  };
  expect(daemonEnvironment(env, "/b", "/r")).toEqual({
    PATH: "/b:/p:/r/usr/local/sbin:/r/usr/sbin:/r/sbin",
    HOME: "/h",
    https_proxy: "http://proxy",
  });
});

test("other settings have another digest", () => {
  const digest = settingsDigest("a", ["b"]);
  expect(settingsDigest("a", ["b"])).toBe(digest);
  expect(settingsDigest("a2", ["b"])).not.toBe(digest);
  expect(settingsDigest("a", ["b2"])).not.toBe(digest);
});

describe("remedyFor", () => {
  test.each([
    ["buildkitd: failed to find runc binary", "dnf install -y runc"],
    [
      "buildkitd: could not lock /c/root/buildkitd.lock, another instance running?",
      "buildx-plan setup --stop",
    ],
    [
      "[rootlesskit:parent] error: failed to setup UID/GID map: newuidmap 12 [0 1000 1] failed: ",
      "as root: dnf install -y rootlesskit shadow-utils",
    ],
    [
      "[rootlesskit:parent] error: failed to start the child: fork/exec /proc/self/exe: operation not permitted",
      "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=28633",
    ],
    [
      "buildkitd: failed to mount: operation not permitted",
      "run where BuildKit may mount: as root on the host, or in a container with --privileged",
    ],
    [
      "buildkitd: write /c/root/x: no space left on device",
      "make room on the disk, or prune BuildKit's cache",
    ],
    ["buildkitd: something new", "buildx-plan doctor"],
  ])("of %j", (line, mend) => {
    expect(remedyFor(["time=... level=info msg=starting", line], "fedora")).toBe(mend);
  });
});
