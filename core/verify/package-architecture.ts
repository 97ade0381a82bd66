import { runsOn } from "../../platforms/compatibility.ts";
import type { Platform } from "../../platforms/platform.ts";

/**
 * Package managers' names of CPUs -> OCI's, where they differ; all are lower case. Debian, RPM, Alpine and Arch each have
 * their own, and only the CPU is told by all of them, not its variant.
 */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["x64", "amd64"],
  ["x86_64_v2", "amd64"],
  ["x86_64_v3", "amd64"],
  ["x86_64_v4", "amd64"],
  ["aarch64", "arm64"],
  ["i386", "386"],
  ["i486", "386"],
  ["i586", "386"],
  ["i686", "386"],
  ["x86", "386"],
  ["armel", "arm"],
  ["armhf", "arm"],
  ["armv6", "arm"],
  ["armv6h", "arm"],
  ["armv6hl", "arm"],
  ["armv7", "arm"],
  ["armv7h", "arm"],
  ["armv7hl", "arm"],
  ["armv7hnl", "arm"],
  ["armv7l", "arm"],
  ["ppc64el", "ppc64le"],
  ["mipsel", "mipsle"],
  ["mips64el", "mips64le"],
  ["loongarch64", "loong64"],
]);

const OCI: ReadonlySet<string> = new Set([
  ...NAMES.values(),
  "riscv64",
  "s390x",
  "ppc64",
  "mips",
  "mips64",
  "sparc64",
]);

/**
 * The CPU that a package is for, as OCI names it; undefined for those that are for any (`all`, `noarch`, `any`), for sources,
 * and for names that nobody knows.
 */
export function packageArchitecture(arch: string): string | undefined {
  const name = arch.toLowerCase();
  const known = NAMES.get(name) ?? name;
  return OCI.has(known) ? known : undefined;
}

/** How a package for this CPU (as OCI names it) goes with a platform: `compatible` are those that its CPU runs besides its own. */
export function packageFit(architecture: string, platform: Platform): "own" | "compatible" | "foreign" {
  const [own, ...others] = runsOn(platform).map((each) => each.architecture);
  if (architecture === own) return "own";
  return others.includes(architecture) ? "compatible" : "foreign";
}
