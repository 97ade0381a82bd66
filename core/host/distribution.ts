/** What may have to be installed on a host; each is one or more packages of its distribution. */
export type HostNeed = "runc" | "emulation" | "rootless" | "mount-binfmt";

/** A Linux distribution, as far as it matters to which command installs something. */
export type PackageFamily = "debian" | "fedora" | "alpine" | "arch" | "suse" | "unknown";

/** Families by the `ID` and `ID_LIKE` of os-release; derivatives name what they are like. */
const FAMILIES: Readonly<Record<string, PackageFamily>> = {
  debian: "debian",
  ubuntu: "debian",
  fedora: "fedora",
  rhel: "fedora",
  centos: "fedora",
  alpine: "alpine",
  arch: "arch",
  suse: "suse",
  opensuse: "suse",
};

/** QEMU's user-mode packages are one for each CPU on Alpine. */
const ALPINE_QEMU = ["x86_64", "i386", "aarch64", "arm", "ppc64le", "s390x", "riscv64", "loongarch64"];

const COMMANDS: Readonly<Record<PackageFamily, Readonly<Record<Exclude<HostNeed, "mount-binfmt">, string>>>> =
  {
    debian: {
      runc: "apt-get install -y runc",
      emulation: "apt-get install -y qemu-user-static binfmt-support",
      rootless: "apt-get install -y rootlesskit uidmap",
    },
    fedora: {
      runc: "dnf install -y runc",
      emulation: "dnf install -y qemu-user-static && systemctl restart systemd-binfmt",
      rootless: "dnf install -y rootlesskit shadow-utils",
    },
    alpine: {
      runc: "apk add runc",
      emulation: `apk add qemu-openrc ${ALPINE_QEMU.map((cpu) => `qemu-${cpu}`).join(" ")} && rc-update add qemu-binfmt default && rc-service qemu-binfmt restart`,
      rootless: "apk add rootlesskit shadow-uidmap",
    },
    arch: {
      runc: "pacman -S --needed runc",
      emulation:
        "pacman -S --needed qemu-user-static qemu-user-static-binfmt && systemctl restart systemd-binfmt",
      rootless: "pacman -S --needed rootlesskit shadow",
    },
    suse: {
      runc: "zypper install -y runc",
      emulation: "zypper install -y qemu-linux-user && systemctl restart systemd-binfmt",
      rootless: "zypper install -y rootlesskit shadow",
    },
    unknown: {
      runc: "install runc (https://github.com/opencontainers/runc/releases)",
      emulation: "install QEMU's static user-mode emulators and register them with binfmt_misc",
      rootless: "install rootlesskit, newuidmap and newgidmap",
    },
  };

/**
 * Tells the family from the text of /etc/os-release.
 * @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 */
export function packageFamily(osRelease: string): PackageFamily {
  const value = (key: string): string =>
    new RegExp(`^${key}=["']?([^"'\\n]*)`, "m").exec(osRelease)?.[1]?.toLowerCase() ?? "";
  const names = [value("ID"), ...value("ID_LIKE").split(" ")].flatMap((name) => [
    name,
    name.split("-")[0] ?? name,
  ]);
  return names.map((name) => FAMILIES[name]).find((family) => family !== undefined) ?? "unknown";
}

/** The command that root runs to get what is needed. */
export function installCommand(need: HostNeed, family: PackageFamily): string {
  return need === "mount-binfmt"
    ? "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    : COMMANDS[family][need];
}

/** The same for every distribution where Docker runs: registers static emulators from an image, until the next boot. */
export const DOCKER_EMULATION_COMMAND = "docker run --privileged --rm tonistiigi/binfmt --install all";
