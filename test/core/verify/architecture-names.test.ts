import { expect, test } from "vitest";
import { namesCpuOf } from "../../../core/verify/architecture-names.ts";
import { elf, pe } from "../../support/verify-images.ts";

test.each([
  [
    "linux/amd64",
    "x86_64-linux-gnu libx32-x64 linux_amd64 win64 manylinux_2_17_x86_64 x86-64-v3",
    "x86 x86_65 amd640 arm64 latest",
  ],
  ["linux/386", "x86 i386 i686-linux-gnu win32-ia32 linux-386", "x86_64 x86-64 1386 i3866 ia64"],
  ["linux/arm64", "arm64 aarch64-linux-gnu arm64-v8a linux-arm64", "arm armv7 arm6 aarch"],
  [
    "linux/arm/v7",
    "arm armhf armv7l arm-linux-gnueabihf armeabi-v7a linux-armv6",
    "arm64 alarm armor aarch64 armv8 arm64v8 armv70",
  ],
  ["linux/ppc64le", "ppc64le powerpc64le-linux-gnu ppc64el", "ppc64lex spc"],
  ["linux/s390x", "s390x-linux-gnu", "s3900"],
  ["linux/riscv64", "riscv64-unknown-linux-gnu riscv64gc-unknown-linux-gnu", "risc"],
])("%s", (target, names, others) => {
  const program = elf(target);
  expect(names.split(" ").filter((name) => !namesCpuOf(name, program))).toEqual([]);
  expect(others.split(" ").filter((name) => namesCpuOf(name, program))).toEqual([]);
  expect(namesCpuOf(names.toUpperCase(), program)).toBe(true);
});

test("programs of other systems have CPUs, too", () => {
  expect(namesCpuOf("win-arm64", pe(0xaa64))).toBe(true);
  expect(namesCpuOf("win-x64", pe(0xaa64))).toBe(false);
  const fat = {
    format: "mach-o",
    type: "executable",
    cpus: [0x0100_0007, 0x0100_000c].map((type) => ({ type, subtype: 0 })),
  } as const;
  expect(["darwin-arm64", "darwin-x64", "darwin"].map((name) => namesCpuOf(name, fat))).toEqual([
    true,
    true,
    false,
  ]);
  expect(namesCpuOf("wasm", { format: "wasm", component: false })).toBe(false);
});
