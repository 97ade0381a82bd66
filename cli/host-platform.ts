import { endianness } from "node:os";
import { arch, platform } from "node:process";
import type { Platform } from "../platforms/platform.ts";

/** Node's words for CPUs and systems that differ from OCI's. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};
const SYSTEMS: Readonly<Record<string, string>> = { win32: "windows" };

/** The platform that this process runs on, without its variant. */
export function hostPlatform(): Platform {
  const isBigPower = arch === "ppc64" && endianness() === "BE";
  return {
    os: SYSTEMS[platform] ?? platform,
    architecture: isBigPower ? arch : (ARCHITECTURES[arch] ?? arch),
  };
}
