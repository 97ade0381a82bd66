import { readDockerfile } from "../../core/dockerfile/source.ts";
import { reproduce, type Reproduced } from "../../core/reproduce/reproduce.ts";
import { diagnosticJson, findingJson } from "../describe/json.ts";
import { exitCodeOfReproduced, reproducedJson, reproducedLine } from "../describe/reproduce.ts";
import { createRenderer } from "../render/create.ts";
import {
  printJson,
  redactor,
  reportFailures,
  reportFindings,
  reportLeftOut,
  reportWarnings,
} from "../report.ts";
import { openSession, type Session } from "../session.ts";
import type { Shell } from "../shell.ts";
import type { BuildOptions } from "./build.ts";

export type ReproduceOptions = Pick<
  BuildOptions,
  "file" | "set" | "image" | "only" | "builder" | "json" | "progress" | "quiet"
>;

/** `build --check-reproducible`: builds every variant twice, and says where the two differ. Nothing is pushed. */
export async function runReproduce(options: ReproduceOptions, shell: Shell): Promise<number> {
  const session = await openSession(options, shell);
  if (!session.ok) return await reportFailures(session.error, shell, { json: options.json === true });
  try {
    return await carryOut(session.value, options, shell);
  } finally {
    await session.value.buildkit.close();
  }
}

async function carryOut(session: Session, options: ReproduceOptions, shell: Shell): Promise<number> {
  const { plan, routes, refused, buildkit } = session;
  const { cwd, signal, now } = shell;
  const redact = redactor(plan.secretValues);
  if (options.quiet !== true) await reportWarnings(plan.warnings, shell);
  await reportLeftOut(refused, shell);
  const renderer = await createRenderer(options.quiet === true ? "quiet" : options.progress, shell, redact);
  let reproduced: readonly Reproduced[];
  try {
    reproduced = await reproduce({
      plan,
      routes,
      buildkit,
      readDockerfile: (build) => readDockerfile(build, cwd),
      onEvent: (event) => renderer.onEvent(event),
      signal,
      now,
    });
  } finally {
    await renderer.end();
  }
  return await answer({ session, reproduced, options }, shell);
}

interface Outcome {
  readonly session: Session;
  readonly reproduced: readonly Reproduced[];
  readonly options: ReproduceOptions;
}

/** Builds that failed have been told by the renderer already. */
async function answer({ session, reproduced, options }: Outcome, shell: Shell): Promise<number> {
  const { plan } = session;
  const redact = redactor(plan.secretValues);
  const exitCode = exitCodeOfReproduced(reproduced, { isInterrupted: shell.signal.aborted });
  const findings = reproduced.flatMap(({ outcome }) =>
    outcome.kind === "different" ? outcome.findings : [],
  );
  await reportFindings(findings, shell, redact);
  if (exitCode === 130) shell.stderr.write("buildx-plan: interrupted\n");
  if (options.json === true)
    printJson(
      shell,
      {
        ok: exitCode === 0,
        interrupted: exitCode === 130,
        variants: reproduced.map(reproducedJson),
        findings: findings.map(findingJson),
        warnings: plan.warnings.map(diagnosticJson),
      },
      redact,
    );
  else shell.stdout.write(reproduced.map((each) => `${reproducedLine(each)}\n`).join(""));
  return exitCode;
}
