import { execFileSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { BINFMT_FOLDER, readBinfmt } from "../core/host/binfmt.ts";
import type { Route } from "../core/route/route.ts";
import { emulates } from "../platforms/emulation.ts";
import type { Emulator } from "./describe/explanation.ts";

/** An emulator that answers is quick. */
const ASK_MS = 2_000;

/** The emulator that runs a variant's programs, and its version; undefined where none does, or where it is another machine's to tell. */
export function emulatorOf({ variant, node, execution }: Route): Emulator | undefined {
  if (execution !== "emulated" || !node.local) return undefined;
  const { entries } = readBinfmt(BINFMT_FOLDER);
  const entry = entries.find((each) => each.enabled && emulates(each, variant.platform));
  if (entry === undefined) return undefined;
  const path = followed(entry.interpreter);
  const version = versionOf(path);
  return {
    name: basename(path),
    isFixed: entry.flags.includes("F"),
    ...(version === undefined ? {} : { version }),
  };
}

/** Debian registers a link such as `aarch64-binfmt-P`; what it leads to is what people know. */
export function followed(interpreter: string): string {
  try {
    return realpathSync(interpreter);
  } catch {
    return interpreter;
  }
}

/** `qemu-aarch64 version 7.2.22 (Debian ...)`. Other emulators are not asked: who knows what they would do. */
function versionOf(path: string): string | undefined {
  if (!basename(path).startsWith("qemu-")) return undefined;
  try {
    const stdio = ["ignore", "pipe", "ignore"] as const;
    const text = execFileSync(path, ["--version"], { encoding: "utf8", timeout: ASK_MS, stdio: [...stdio] });
    return /\bversion (\d+(?:\.\d+)+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
