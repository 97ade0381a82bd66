import { runsOn } from "./compatibility.ts";
import { normalizePlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";

/** How a program goes with a platform. */
export type Fit =
  /** Made for it, or for a lower variant of it. */
  | "native"
  /** Made for an older CPU of the family that such machines usually run too: 386 on amd64, arm/v7 on arm64. */
  | "compatible"
  /** For every platform: bytecode. */
  | "portable"
  /** For this CPU or another, but another system: a Windows program in a Linux image. */
  | "foreign-system"
  /** For another CPU. */
  | "foreign-cpu";

/** A system with a CPU, as far as programs name it. */
export type Target = Pick<Platform, "os" | "architecture" | "variant">;

const CPUS = new WeakMap<Platform, readonly Target[]>();

/** The platforms whose programs run on this one, itself first, in canonical form. Remembered: an image has many programs. */
export function cpusOf(platform: Platform): readonly [Target, ...Target[]] {
  const known = CPUS.get(platform) ?? runsOn(platform);
  CPUS.set(platform, known);
  const [own = normalizePlatform(platform), ...others] = known;
  return [own, ...others];
}

/** The fit of a program that `accepts` the CPUs it is made for. */
export function fitOfCpu(platform: Platform, accepts: (cpu: Target) => boolean): Fit {
  const [own, ...others] = cpusOf(platform);
  const cpu = [own, ...others].find(accepts);
  if (cpu === undefined) return "foreign-cpu";
  return cpu.architecture === own.architecture ? "native" : "compatible";
}

/** The fit of a program that is made for these platforms, one or several. */
export function fitOfTargets(platform: Platform, targets: readonly Target[]): Fit {
  const [own] = cpusOf(platform);
  const here = targets.filter((target) => target.os === own.os);
  if (here.length === 0) return "foreign-system";
  return fitOfCpu(platform, (cpu) => here.some((target) => isSameCpu(cpu, target)));
}

/** A target without variant is the lowest one, which for most architectures is the only one. */
function isSameCpu(cpu: Target, { architecture, variant = "" }: Target): boolean {
  return cpu.architecture === architecture && (cpu.variant ?? "") === variant;
}
