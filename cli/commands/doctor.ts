import { access } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { versions } from "node:process";
import { ciFindings, withoutEchoes } from "../../core/ci/needs.ts";
import { missingForPlan } from "../../core/ci/needs-variables.ts";
import type { PipelineFacts } from "../../core/ci/pipeline-facts.ts";
import { isRestricted, type CiRun } from "../../core/ci/run.ts";
import { Slots } from "../../core/concurrent.ts";
import type { Failure } from "../../core/failure.ts";
import { examine } from "../../core/host/doctor.ts";
import type { Finding } from "../../core/host/finding.ts";
import { readHistory } from "../../core/plan/git.ts";
import type { Plan } from "../../core/plan/plan.ts";
import { checkBases, type BaseWorld } from "../../core/preflight/bases.ts";
import { lookAtDockerfiles } from "../../core/preflight/dockerfiles.ts";
import { checkPush } from "../../core/preflight/push.ts";
import { openRegistry } from "../../core/registry/client.ts";
import type { Registry } from "../../core/registry/registry.ts";
import { formatPlatform, type Platform } from "../../platforms/platform.ts";
import { readCiRun } from "../ci-event.ts";
import { advise } from "../describe.ts";
import { positionOf } from "../describe/source-frame.ts";
import { hostPlatform } from "../host-platform.ts";
import { PREFLIGHT_DEADLINE_MS } from "../preflight.ts";
import { printJson, reportFailures, widthOf } from "../report.ts";
import { doctorReport } from "../render/doctor-report.ts";
import { readPlan, variantsOf, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";
import { daemonHost } from "../managed.ts";

export type DoctorOptions = PlanSelection;

/** Repositories that are asked at the same time. */
const PARALLELISM = 8;

/**
 * `doctor`: looks at all that a build of this plan needs, here and of the CI that runs it, and says how to mend what is missing. Without
 * a plan, at the host alone.
 */
export async function runDoctor(options: DoctorOptions, shell: Shell): Promise<number> {
  const plan = (await hasPlan(options, shell)) ? await readPlan(options, shell) : undefined;
  if (plan?.ok === false) return await endWithoutPlan(plan.error, options, shell);
  const findings = await look(plan?.value, options, shell);
  const isWell = findings.every(({ state }) => state !== "problem");
  const { stdout } = shell;
  if (options.json === true) printJson(shell, { ok: isWell, findings: findings.map(findingJson) });
  else stdout.write(`${doctorReport(findings, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  return isWell ? 0 : 5;
}

/** A plan that wants variables cannot be read without them: where this CI sets them is said beside what is wrong. */
async function endWithoutPlan(
  failures: readonly Failure[],
  { json }: DoctorOptions,
  shell: Shell,
): Promise<number> {
  const exitCode = await reportFailures(failures, shell, { json: json === true });
  const unset = failures.flatMap((failure) =>
    failure.kind === "plan-invalid" ? (failure.unsetVariables ?? []) : [],
  );
  const run = await readCiRun(shell);
  const { stdout, env } = shell;
  const findings = missingForPlan(unset, { ...(run === undefined ? {} : { run }), env });
  if (json !== true && findings.length > 0) {
    const all = [...ciFindings(run, env), ...findings];
    stdout.write(`${doctorReport(all, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  }
  return exitCode;
}

function findingJson({ location, ...finding }: Finding): Readonly<Record<string, unknown>> {
  return { ...finding, ...(location === undefined ? {} : { location: positionOf(location) }) };
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
  const { env, home } = shell;
  const registry = openRegistry({
    env,
    home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "read",
    ...(plan === undefined ? {} : { registries: plan.registries }),
  });
  try {
    const run = await readCiRun(shell);
    const isFork = run !== undefined && isRestricted(run, env);
    const [host, facts] = await Promise.all([
      lookAtHost({ plan, registry, isFork }, options, shell),
      plan === undefined ? undefined : readPipeline(plan, { run, registry, isFork }, shell),
    ]);
    const found = facts === undefined ? host : withoutEchoes(host, facts);
    return [...ciFindings(run, env), ...found];
  } finally {
    await registry.close();
  }
}

interface Asking {
  readonly registry: Registry;
  /** Nothing is pushed, nor signed: the run is that of a fork. */
  readonly isFork: boolean;
}

async function lookAtHost(
  { plan, registry, isFork }: { readonly plan: Plan | undefined } & Asking,
  options: DoctorOptions,
  shell: Shell,
): Promise<readonly Finding[]> {
  return await examine({
    ...(await daemonHost(shell)),
    host: hostPlatform(),
    nodeVersion: versions.node,
    platforms: plan === undefined ? [hostPlatform()] : platformsOf(plan),
    registries: plan === undefined || isFork ? [] : registriesOf(plan),
    ping: async (host, pingSignal) => {
      const answered = await registry.ping(host, pingSignal);
      return answered.ok ? undefined : advise(answered.error);
    },
    usesManaged:
      options.builder === undefined ? (plan?.builders.length ?? 0) === 0 : options.builder === "managed",
    signs: !isFork && plan?.releases.some(({ sign }) => sign !== undefined) === true,
    signal: shell.signal,
  });
}

/** What a pipeline has for this plan. Registries are asked as `check` asks them: an upload is begun and given up. */
async function readPipeline(
  plan: Plan,
  { run, registry, isFork }: { readonly run: CiRun | undefined } & Asking,
  shell: Shell,
): Promise<PipelineFacts> {
  const { env } = shell;
  const signal = AbortSignal.any([shell.signal, AbortSignal.timeout(PREFLIGHT_DEADLINE_MS)]);
  const world = { registry, slots: new Slots(PARALLELISM), signal };
  const [{ answers }, bases, history] = await Promise.all([
    checkPush(isFork ? [] : plan.releases, world),
    readBases(plan, world, shell),
    readHistory({ directory: plan.directory, env }),
  ]);
  return { ...(run === undefined ? {} : { run }), env, plan, push: answers, bases, history };
}

async function readBases(
  plan: Plan,
  world: Pick<BaseWorld, "registry" | "slots" | "signal">,
  { cwd }: Shell,
): Promise<PipelineFacts["bases"]> {
  const { bases } = await lookAtDockerfiles(plan, { routes: [], from: cwd });
  const made = plan.releases.flatMap(({ tags }) => tags);
  // Which builder it will be is not known here, and some keep images themselves: what is in no registry may be there.
  const { findings, looked } = await checkBases(bases, { ...world, made, kept: true });
  return { looked, findings: findings.filter(({ rule }) => rule === "base-unresolvable") };
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
