import type { Program } from "../../platforms/program.ts";
import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { namesCpuOf } from "./architecture-names.ts";
import { packageArchitecture } from "./package-architecture.ts";
import type { SeenFile } from "./view.ts";

/**
 * Where programs for another CPU belong, and are no sign of a mistake:
 *
 * - below a folder whose name says the CPU that they are for: `/usr/aarch64-linux-gnu/`, `prebuilds/linux-arm64/`,
 *   `runtimes/win-x64/`, `lib/arm64-v8a/`; an executable may say it in its own name (`agent-linux-arm64`), a library may not,
 *   because Python's extension modules all do;
 * - firmware, boot loaders and guests of emulators;
 * - test data and debug files.
 *
 * None of it counts for what an image starts, for the C library, or for folders of PATH; {@link isOwnEmulator} counts there, too.
 */

const FOLDERS = [
  "/boot",
  "/lib/firmware",
  "/usr/lib/firmware",
  "/usr/lib/debug",
  "/usr/lib/grub",
  "/usr/lib/ipxe",
  "/usr/lib/syslinux",
  "/usr/lib/u-boot",
  "/usr/share/OVMF",
  "/usr/share/AAVMF",
  "/usr/share/edk2",
  "/usr/share/openbios",
  "/usr/share/qemu",
  "/usr/share/qemu-efi",
  "/usr/share/seabios",
  "/usr/share/syslinux",
];

const FOLDER_NAMES: ReadonlySet<string> = new Set([
  ".debug",
  "testdata",
  "test-data",
  "test_data",
  "test",
  "tests",
  "__tests__",
  "fixtures",
  "__fixtures__",
]);

/** Is a program for another CPU at home at this absolute path? */
export function isAtHome(path: string, program: Program): boolean {
  if (FOLDERS.some((folder) => path.startsWith(`${folder}/`))) return true;
  const parts = path.split("/").filter(Boolean);
  const name = parts.pop() ?? "";
  if (parts.some((part) => FOLDER_NAMES.has(part) || namesCpuOf(part, program))) return true;
  return isStartable(program) && namesCpuOf(name, program);
}

/**
 * Is it the emulator of the image's own CPU (`/usr/bin/qemu-aarch64-static` in an image for arm64)? It is for the machine that builds or
 * tries the image, wherever it stands: before the kernel could keep an emulator for all containers, each image had to bring its own.
 */
export function isOwnEmulator(path: string, platform: Platform): boolean {
  const cpu = /\/qemu-([a-z0-9_]+)(?:-static)?$/.exec(path)?.[1];
  return cpu !== undefined && packageArchitecture(cpu) === normalizePlatform(platform).architecture;
}

/** A program that can be started, and is not only linked with. */
export function isStartable(program: Program): boolean {
  return program.format === "wasm" ? !program.component : program.type === "executable";
}

const STANDARD = /^\/(?:usr\/)?lib(?:x?32|64)?\/(?:[a-z0-9_]+-(?:[a-z0-9_]+-)?[a-z0-9_]+\/)?(?:[^/]+)$/;

const LOADERS =
  /^(?:ld-linux[A-Za-z0-9_.-]*\.so\.\d+|ld-musl-[A-Za-z0-9_.-]+\.so\.1|ld64\.so\.\d+|ld\.so\.1|ld-\d+\.\d+\.so|libc\.so\.6|libc-\d+\.\d+\.so|libc\.musl-[A-Za-z0-9_-]+\.so\.1|libc\.so)$/;

/**
 * Is it the C library, or the loader that starts programs which are linked with it, in the place where a distribution has it?
 * What `/usr/aarch64-linux-gnu/lib` of a cross toolchain holds is not.
 */
export function isSystemLibrary({ path, content }: Pick<SeenFile, "path" | "content">): boolean {
  if (content.kind !== "program" || content.program.format !== "elf") return false;
  return STANDARD.test(path) && LOADERS.test(path.slice(path.lastIndexOf("/") + 1));
}
