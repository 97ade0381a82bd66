import { access } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { versions } from "node:process";
import { examine } from "../../core/host/doctor.ts";
import type { Finding } from "../../core/host/finding.ts";
import type { Plan } from "../../core/plan/plan.ts";
import { openRegistry } from "../../core/registry/client.ts";
import { formatPlatform, type Platform } from "../../platforms/platform.ts";
import { advise } from "../describe.ts";
import { hostPlatform } from "../host-platform.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import { doctorReport } from "../render/doctor-report.ts";
import { readPlan, variantsOf, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";
import { daemonHost } from "../managed.ts";

export type DoctorOptions = PlanSelection;

/** `doctor`: looks at all that a build of this plan needs, and says how to mend what is missing. Without a plan, at the host alone. */
export async function runDoctor(options: DoctorOptions, shell: Shell): Promise<number> {
  const plan = (await hasPlan(options, shell)) ? await readPlan(options, shell) : undefined;
  if (plan?.ok === false) return await reportFailures(plan.error, shell, { json: options.json === true });
  const findings = await look(plan?.value, options, shell);
  const isWell = findings.every(({ state }) => state !== "problem");
  const { stdout } = shell;
  if (options.json === true) printJson(shell, { ok: isWell, findings });
  else stdout.write(`${doctorReport(findings, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  return isWell ? 0 : 5;
}

/** The default plan need not be there: a host can be examined before there is a project. */
async function hasPlan({ file }: DoctorOptions, shell: Shell): Promise<boolean> {
  if (file !== "buildx-plan.yaml") return true;
  const path = isAbsolute(file) ? file : join(shell.cwd, file);
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function look(
  plan: Plan | undefined,
  options: DoctorOptions,
  shell: Shell,
): Promise<readonly Finding[]> {
  const { env, home, signal } = shell;
  const registry = openRegistry({
    env,
    home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "read",
    ...(plan === undefined ? {} : { registries: plan.registries }),
  });
  try {
    return await examine({
      ...(await daemonHost(shell)),
      host: hostPlatform(),
      nodeVersion: versions.node,
      platforms: plan === undefined ? [hostPlatform()] : platformsOf(plan),
      registries: plan === undefined ? [] : registriesOf(plan),
      ping: async (host, pingSignal) => {
        const answered = await registry.ping(host, pingSignal);
        return answered.ok ? undefined : advise(answered.error);
      },
      usesManaged:
        options.builder === undefined ? (plan?.builders.length ?? 0) === 0 : options.builder === "managed",
      signal,
    });
  } finally {
    await registry.close();
  }
}

function platformsOf(plan: Plan): Platform[] {
  const platforms = variantsOf(plan).map(({ platform }) => platform);
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()];
}

function registriesOf(plan: Plan): string[] {
  return [
    ...new Set(plan.releases.flatMap(({ repositories }) => repositories.map(({ registry }) => registry))),
  ];
}
