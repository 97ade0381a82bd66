import { describe, expect, test } from "vitest";
import { installCommand, packageFamily } from "../../../core/host/distribution.ts";

describe("packageFamily", () => {
  test.each([
    ['PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', "debian"],
    ["NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", "debian"],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', "debian"],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"],
    ["ID=fedora\n", "fedora"],
    ["ID=alpine\n", "alpine"],
    ["ID=manjaro\nID_LIKE=arch\n", "arch"],
    ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "suse"],
    ["ID='opensuse-leap'\n", "suse"],
    ["VARIANT_ID=debian\nID=nixos\n", "unknown"],
    ["", "unknown"],
  ])("of %j is %s", (text, family) => {
    expect(packageFamily(text)).toBe(family);
  });
});

describe("installCommand", () => {
  test.each([
    ["debian", "runc", "apt-get install -y runc"],
    ["debian", "emulation", "apt-get install -y qemu-user-static binfmt-support"],
    ["debian", "rootless", "apt-get install -y rootlesskit uidmap"],
    ["fedora", "emulation", "dnf install -y qemu-user-static && systemctl restart systemd-binfmt"],
    ["alpine", "runc", "apk add runc"],
  ] as const)("on %s for %s is `%s`", (family, need, command) => {
    expect(installCommand(need, family)).toBe(command);
  });

  test("on Alpine registers each CPU's emulator", () => {
    const command = installCommand("emulation", "alpine");
    expect(command).toMatch(/^apk add qemu-openrc .*qemu-aarch64 .*&& rc-service qemu-binfmt restart$/);
  });

  test("on any Linux mounts binfmt_misc where it belongs", () => {
    expect(installCommand("mount-binfmt", "unknown")).toContain("/proc/sys/fs/binfmt_misc");
  });
});
