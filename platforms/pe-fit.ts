/** For which platforms a PE program is, and how to say so. */
import { cpusOf, fitOfTargets } from "./fit.ts";
import type { Fit, Target } from "./fit.ts";
import type { PeProgram } from "./pe.ts";
import type { Platform } from "./platform.ts";

const MACHINES: ReadonlyMap<number, Pick<Target, "architecture" | "variant">> = new Map([
  [0x14c, { architecture: "386" }],
  [0x1c4, { architecture: "arm", variant: "v7" }],
  [0x8664, { architecture: "amd64" }],
  [0xaa64, { architecture: "arm64" }],
  [0x5064, { architecture: "riscv64" }],
  [0x6264, { architecture: "loong64" }],
]);

/** .NET writes the machine of ready-to-run code for other systems than Windows exclusive-or such a number. */
const SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x7b79, "linux"],
  [0x4644, "darwin"],
  [0xadc4, "freebsd"],
  [0x1993, "netbsd"],
  [0x1992, "solaris"],
]);

/** How it goes with a platform. Bytecode has no system. */
export function peFit(program: PeProgram, platform: Platform): Fit {
  if (program.managed === "any") return "portable";
  const [{ os }] = cpusOf(platform);
  return fitOfTargets(platform, [targetOf(program, os)]);
}

function targetOf({ machine, hybrid, managed }: PeProgram, os: string): Target {
  if (hybrid !== undefined) return { os: "windows", architecture: "arm64" };
  if (managed === "x86") return { os, architecture: "386" };
  const target = systemAndCpu(machine);
  return managed === "one-cpu" ? { ...target, os } : target;
}

function systemAndCpu(machine: number): Target {
  const plain = MACHINES.get(machine);
  if (plain !== undefined) return { os: "windows", ...plain };
  for (const [code, os] of SYSTEMS) {
    const cpu = MACHINES.get(machine ^ code);
    if (cpu !== undefined) return { os, ...cpu };
  }
  return { os: "windows", architecture: `machine 0x${machine.toString(16)}` };
}

/** `windows/amd64`, `windows/arm64 (ARM64EC)`, `.NET on every CPU`, `linux/arm64 (.NET, ready-to-run)` */
export function peMadeFor(program: PeProgram): string {
  const { managed, hybrid } = program;
  if (managed === "any") return ".NET on every CPU";
  const { os, architecture, variant } = targetOf(program, "windows");
  if (managed === "x86" || managed === "one-cpu") return `.NET on ${architecture}`;
  const platform = [os, architecture, variant].filter(Boolean).join("/");
  if (managed === "ready-to-run") return `${platform} (.NET, ready-to-run)`;
  return hybrid === undefined ? platform : `${platform} (${hybrid === "arm64x" ? "Arm64X" : "ARM64EC"})`;
}
