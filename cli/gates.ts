import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Destination } from "../core/destination.ts";
import type { Failure } from "../core/failure.ts";
import type { Gates } from "../core/gate.ts";
import { createGates, type GateOptions } from "../core/gates.ts";
import { cacheFolders } from "../core/host/folders.ts";
import { openLayerMemory } from "../core/layers/memory.ts";
import type { Plan } from "../core/plan/plan.ts";
import { ok, type Result } from "../core/result.ts";
import type { ScanHost } from "../core/scan/sources.ts";
import type { Session } from "./session.ts";
import type { Shell } from "./shell.ts";

/** Opens the checks of a run; what they need and is missing is told before anything is built. */
export async function openGates(
  { plan, buildkit }: Pick<Session, "plan" | "buildkit">,
  destination: Destination,
  shell: Shell,
): Promise<Result<Gates | undefined, Failure>> {
  if (destination.kind !== "registries" && destination.kind !== "layout") return ok(undefined);
  const signing = destination.kind === "registries" ? await openSigning(plan, shell) : ok({});
  if (!signing.ok) return signing;
  const scanning = await checkScanning(plan, shell);
  if (!scanning.ok) return scanning;
  const { cwd } = shell;
  const gates = createGates({
    plan,
    buildkit,
    memory: openLayerMemory(verifiedFolder(shell)),
    readDockerfile: async (build) => {
      const { readDockerfile } = await import("../core/dockerfile/source.ts");
      return await readDockerfile(build, cwd);
    },
    host: scanHost(shell),
    ...signing.value,
  });
  return ok(gates);
}

/** What those who look for vulnerabilities need of this machine. */
export function scanHost({ env, version }: Pick<Shell, "env" | "version">): ScanHost {
  return { env, temporary: tmpdir(), userAgent: `buildx-plan/${version}` };
}

/** Where layers that were looked into are remembered. */
export function verifiedFolder({ env, home }: Shell): string {
  return join(cacheFolders(env, home).root, "verified");
}

/** Is there a source for every scan that the plan asks for? */
async function checkScanning({ releases }: Plan, shell: Shell): Promise<Result<void, Failure>> {
  const gates = releases.flatMap(({ scan, omitted }) =>
    scan === undefined || omitted.length > 0 ? [] : [scan],
  );
  if (gates.length === 0) return ok(undefined);
  const { checkSource } = await import("../core/scan/gate.ts");
  const host = scanHost(shell);
  const checks = await Promise.all(gates.map((gate) => checkSource(gate, host, shell.signal)));
  return checks.find((check) => !check.ok) ?? ok(undefined);
}

/** The tool that signs, where any image is to be signed; what the plan wants of the environment is asked for, too. */
async function openSigning(
  { releases }: Plan,
  { env, signal }: Shell,
): Promise<Result<Pick<GateOptions, "signing">, Failure>> {
  const settings = releases.flatMap(({ sign, omitted }) =>
    sign === undefined || omitted.length > 0 ? [] : [sign],
  );
  if (settings.length === 0) return ok({});
  const { checkSigning } = await import("../core/sign/sign.ts");
  const checks = await Promise.all(settings.map((each) => checkSigning(each, env, signal)));
  const failed = checks.find((check) => !check.ok);
  if (failed?.ok === false) return failed;
  const found = checks.find((check) => check.ok);
  return ok(found === undefined ? {} : { signing: { tool: found.value, env } });
}
